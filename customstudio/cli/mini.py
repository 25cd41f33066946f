"""`customstudio mini`: the small world's own networks."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The embedded small world and its networks.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The embedded small world and its networks."""


@app.command()
def check(
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of the networks.", show_default="the package's")
    ] = None,
) -> None:
    """Measure each network on unseen individuals and scenes; exit 1 if one misses its bar."""
    from customstudio.cli.console import console, plain_table
    from customstudio.mini.check import WEIGHTS
    from customstudio.mini.check import check as measure

    results = measure(weights_dir or WEIGHTS)
    table = plain_table("value of", "measured", "bar", "", "about")
    for result in results:
        bar = "-" if result.bar is None else f"{result.bar:.2f}"
        verdict = "" if result.bar is None else "passed" if result.passed else "MISSED"
        table.add_row(result.name, f"{result.value:.3f}", bar, verdict, result.about)
    console.print(table)
    if not all(result.passed for result in results):
        raise typer.Exit(1)
