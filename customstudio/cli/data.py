"""`customstudio data`: fetch the reference images of a suite, and see what is there."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from customstudio.cli.options import Json

app = typer.Typer(help="Reference images: fetch, status.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name.")]


@app.command()
def fetch(
    suite: Name,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Copy from this folder, not from the sources.")
    ] = None,
    layout: Annotated[
        Literal["ids", "source"],
        typer.Option(help="Folders in --from: by subject id, or as in the source."),
    ] = "ids",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Fetch a suite's reference images: sources, licences and sizes are shown first.

    What is whole is not fetched again, and a broken download goes on where it stopped.
    """
    from customstudio.cli import data_tables
    from customstudio.cli.console import console
    from customstudio.suites.fetch import fetch as get
    from customstudio.suites.load import load_declaration, load_suite
    from customstudio.suites.references import data_dir, is_shipped

    chosen, declaration, folder = load_suite(suite), load_declaration(suite), data_dir(suite)
    if is_shipped(suite):
        console.print(f"the reference images of {suite} come with the package: nothing to fetch")
        return
    if chosen.subjects:
        console.print(data_tables.offer(chosen, declaration, folder, from_))
        if from_ is None and not yes:
            _confirm()
    with data_tables.bars() as progress:
        inventory = get(chosen, declaration, folder, local=from_, layout=layout, progress=progress)
    console.print(data_tables.summary(chosen, declaration, folder, inventory))


@app.command()
def status(
    suite: Name,
    json: Json = False,
) -> None:
    """Compare every image with its record: ok, changed, missing; exit status 1 if any is not ok."""
    from customstudio.cli import data_tables
    from customstudio.cli.console import console
    from customstudio.cli.suite_tables import listing
    from customstudio.suites.inventory import read_inventory, states
    from customstudio.suites.load import load_declaration, load_suite
    from customstudio.suites.references import data_dir

    chosen, declaration, folder = load_suite(suite), load_declaration(suite), data_dir(suite)
    inventory = read_inventory(folder, suite)
    found = states(folder, chosen.subjects, inventory)
    if json:
        typer.echo(data_tables.status_json(chosen, folder, found))
    else:
        listing().print(data_tables.by_subject(chosen, inventory, found))
        console.print(data_tables.summary(chosen, declaration, folder, inventory))
    if any(state in ("changed", "missing") for state in found.values()):
        raise typer.Exit(1)


def _confirm() -> None:
    import sys

    from customstudio.errors import UserError

    if not sys.stdin.isatty():
        raise UserError(
            "nobody is here to agree to the licences above",
            where="data fetch",
            fix="read them, then run the command with --yes",
        )
    typer.confirm("Fetch from these sources under these licences?", abort=True)
