"""`customstudio baselines regenerate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customstudio.generation.prepare import Request
    from customstudio.generation.regenerate import Regenerated

app = typer.Typer(no_args_is_help=True, help="All methods at once.")


@app.callback()
def group() -> None:
    """Rows of the board that are ours."""


@app.command()
def regenerate(
    suite: Annotated[str, typer.Option(help="A suite's name.")],
    prompt_set: options.PromptSet = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods, separated by commas.",
            show_default="all built-in ones; on suite mini those with a mini base",
        ),
    ] = None,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also the variants of the papers' tables.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of videos and runs.", show_default="runs/baselines/SUITE[-PROMPT_SET]"
        ),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol.", show_default="mini-v1 for suite mini")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Another base model.", show_default="each method's own")
    ] = None,
    base_dir: Annotated[
        Path | None, typer.Option(help="Folder of the base model.", show_default="the cache")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Videos at once.")] = 20,
    device: options.Device = "auto",
) -> None:
    """Make the videos of every method, score them, and compare them with the untuned base.

    The same command again goes on where an interrupted one stopped.
    """
    from customstudio.cli.progress import RichProgress
    from customstudio.cli.steps import StepBar
    from customstudio.generation import regenerate as work
    from customstudio.generation.prepare import Request
    from customstudio.suites.load import load_suite

    chosen = load_suite(suite, prompt_set=prompt_set)
    folder = out or Path("runs") / "baselines" / "-".join(filter(None, [suite, prompt_set]))
    rows = work.rows(options.listed(methods) or work.made_on(chosen), ablations=ablations)
    common = Request(
        chosen, rows[0].method, folder, base=base, base_folder=base_dir, batch=batch, device=device
    )
    named = work.with_floors(common, list(work.requests(common, rows)))
    bar = StepBar()
    try:
        found = work.regenerate(
            named,
            folder,
            protocol=protocol or ("mini-v1" if suite == "mini" else "customstudio-v1"),
            generation=bar,
            evaluation=RichProgress(),
        )
    finally:
        bar.stop()
    _print(found)
    if found.runs:
        _tables(found, folder)
        _sheet(named, found, folder)
    if found.failures:
        raise typer.Exit(1)


def _print(found: "Regenerated") -> None:
    """Runs, differences from the floor, and what failed."""
    from customstudio.cli.console import console, err
    from customstudio.cli.results import print_differences, print_run
    from customstudio.generation.regenerate import against_floors

    for name, run in found.runs.items():
        console.print(f"\n{name}", style="bold", markup=False)
        print_run(run)
    if found.floors:
        print_differences(against_floors(found))
    for name, why in found.failures.items():
        err.print(f"{name}: {why}", markup=False)


def _tables(found: "Regenerated", folder: Path) -> None:
    """All means, and all differences from the floor, in one Markdown file."""
    from customstudio.cli.console import console
    from customstudio.files import write_text
    from customstudio.generation import tables
    from customstudio.generation.regenerate import against_floors

    text = tables.means(found.runs)
    if found.floors:
        text += f"\n{tables.differences(against_floors(found))}"
    path = folder / "methods.md"
    write_text(path, text)
    console.print(f"table: {path}", markup=False)


def _sheet(named: "Sequence[tuple[str, Request]]", found: "Regenerated", folder: Path) -> None:
    """One job of every pair, all methods side by side."""
    from customstudio.cli.console import console
    from customstudio.generation.contact_sheet import write_sheet
    from customstudio.suites.references import find_references

    suite = named[0][1].suite
    jobs = list({job.pair: job for job in reversed(suite.jobs)}.values())[::-1]
    folders = {name: request.out for name, request in named if name in found.runs}
    path = folder / "methods.png"
    write_sheet(path, suite, jobs, find_references(suite, None), folders)
    console.print(f"side by side: {path}", markup=False)
