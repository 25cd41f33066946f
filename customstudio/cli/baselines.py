"""`customstudio baselines regenerate`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli import options
from customstudio.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customstudio.client import Server
    from customstudio.evaluation.compare import Difference
    from customstudio.generation.prepare import Request
    from customstudio.generation.regenerate import Regenerated
    from customstudio.submissions.store import Store

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
            show_default="all built-in ones that can make each pair; see what is left out",
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
        str | None, typer.Option(help="Protocol.", show_default="mini-v1 for an embedded suite")
    ] = None,
    references: options.References = None,
    masks: options.Masks = "suite",
    base: Annotated[
        str | None, typer.Option(help="Another base model.", show_default="each method's own")
    ] = None,
    base_dir: Annotated[
        Path | None, typer.Option(help="Folder of the base model.", show_default="the cache")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Videos at once.", show_default="20 on an embedded suite, else 4"),
    ] = None,
    bf16: options.BF16 = False,
    to: Annotated[
        str | None,
        typer.Option(help="Publish each row: folder of a store, or a server's address."),
    ] = None,
    device: options.Device = "auto",
    ray: options.Ray = None,
) -> None:
    """Make the videos of every method, score them, and compare them with the untuned base.

    The same command again goes on where an interrupted one stopped.
    """
    from customstudio.baselines.catalog import METHODS
    from customstudio.cli.console import err
    from customstudio.cli.progress import RichProgress
    from customstudio.cli.steps import StepBar
    from customstudio.cli.submit import target_of
    from customstudio.generation import rows as table
    from customstudio.generation.board_row import method_card
    from customstudio.generation.prepare import Request
    from customstudio.generation.regenerate import against
    from customstudio.generation.regenerate import regenerate as make
    from customstudio.metrics.catalog import protocol as known
    from customstudio.submissions.keys import owner_key
    from customstudio.suites.load import EMBEDDED, load_suite

    chosen = load_suite(suite, prompt_set=prompt_set, references=references)
    folder = out or Path("runs") / "baselines" / "-".join(filter(None, [suite, prompt_set]))
    wanted = options.listed(methods)
    if wanted == []:
        raise UserError("no method is named", where="--methods", fix="leave the option out for all")
    embedded = chosen.name in EMBEDDED
    scored = known(protocol or ("mini-v1" if embedded else "customstudio-v1"))
    without = {} if wanted else table.left_out(chosen, base)
    rows = table.rows(wanted or [m for m in METHODS if m not in without], ablations=ablations)
    common = Request(
        chosen, rows[0].method, folder,
        references=references, masks=masks, base=base, base_folder=base_dir,
        batch=batch or (20 if embedded else 4), arithmetic="bfloat16" if bf16 else "float32",
        device=device,
    )  # fmt: skip
    named = table.with_floors(common, list(table.requests(common, rows)))
    table.require_one_base(named)
    target = target_of(to) if to else None
    if target:  # what cannot be published is said before anything is made
        owner_key()
        for _, request in named:
            method_card(request, datetime.now(UTC).year)
    for name, why in without.items():
        err.print(f"left out: {name}: {why}", markup=False)
    found = make(
        named,
        folder,
        protocol=scored.id,
        generation=StepBar(),
        evaluation=RichProgress(),
        ray=ray,
    )
    compared = [against(found.all_runs, others) for others in (found.floors, found.parents)]
    _print(found, compared)
    if found.runs:
        _tables(found, compared, folder)
        _sheet(named, found, folder)
    unsent = _publish(named, found, target) if target else 0
    if found.failures or unsent:
        raise typer.Exit(1)


def _print(found: "Regenerated", compared: "Sequence[Sequence[Difference]]") -> None:
    """Runs, differences from the floor and of variants, and what failed."""
    from customstudio.cli.console import console, err
    from customstudio.cli.results import print_differences, print_run

    for name, run in found.runs.items():
        console.print(f"\n{name}", style="bold", markup=False)
        print_run(run)
    for differences in filter(None, compared):
        print_differences(differences)
    for name, why in found.failures.items():
        err.print(f"{name}: {why}", markup=False)


def _tables(found: "Regenerated", compared: "Sequence[Sequence[Difference]]", folder: Path) -> None:
    """All means, and differences from the floor and of variants, in one Markdown file."""
    from customstudio.cli.console import console
    from customstudio.files import write_text
    from customstudio.generation import tables

    text = tables.means(found.all_runs)
    for differences in filter(None, compared):
        text += f"\n{tables.differences(differences)}"
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
    write_sheet(path, suite, jobs, find_references(suite, named[0][1].references), folders)
    console.print(f"side by side: {path}", markup=False)


def _publish(
    named: "Sequence[tuple[str, Request]]", found: "Regenerated", target: "Server | Store"
) -> int:
    """Send each row that has a run, by the owner's key; the number of those that were refused.

    A row that is there is not sent again.
    """
    from customstudio.cli.console import err
    from customstudio.cli.submit import publish
    from customstudio.generation.board_row import method_card
    from customstudio.submissions.build import build
    from customstudio.submissions.keys import owner_key

    key, refused = owner_key(), 0
    for name, request in named:
        if name not in found.runs:
            continue
        run = found.runs[name]
        card = method_card(request, int(run.info.started[:4]))
        try:
            publish(target, build(run, card, owner=key.public), key)
        except UserError as error:
            err.print(f"{name} was not published: {error}", markup=False)
            refused += 1
    return refused
