"""`customstudio board verify` and `board videos`: what maintainers do with submitted videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli import options
from customstudio.cli.submissions import IdArg, StoreOption, open_store

if TYPE_CHECKING:
    from customstudio.submissions.checks import Check


def verify(
    submission: IdArg,
    videos: Annotated[Path, typer.Option(help="Folder of its videos, PAIR/PROMPT/SEED.mp4.")],
    sample: Annotated[int, typer.Option(min=0, help="How many are drawn; 0: all.")] = 60,
    store: StoreOption = None,
    references: options.References = None,
    weights_dir: options.WeightsDir = None,
    device: options.Device = "auto",
    work: Annotated[
        Path | None,
        typer.Option(help="Folder to go on from.", show_default="runs/verify-ID"),
    ] = None,
    sign: Annotated[bool, typer.Option(help="Sign the tier if all agrees.")] = True,
    dispute: Annotated[
        bool, typer.Option("--dispute", help="Sign that it is disputed if something differs.")
    ] = False,
) -> None:
    """Recompute drawn videos of a submission, compare, and sign what came of it.

    Needs a maintainer's key. The draw follows from key and submission: it is the same every time.
    The exit status is 1 where something differs.
    """
    from customstudio.cli.progress import RichProgress
    from customstudio.submissions.keys import owner_key
    from customstudio.submissions.taken import take
    from customstudio.submissions.verify import check_maintainer
    from customstudio.submissions.verify import verify as recompute

    opened, key = open_store(store), owner_key()
    taken = take(opened, submission)
    check_maintainer(opened, taken, key)
    check = recompute(
        taken,
        videos,
        key,
        sample=sample,
        work=work or Path("runs") / f"verify-{taken.entry.id[:12]}-{sample}",
        references=references,
        weights=weights_dir,
        device=device,
        progress=RichProgress(),
    )
    _print_check(check)
    if sign and (check.agrees or dispute):
        new = opened.append(check.event(key))
        typer.echo(f"{'signed' if new else 'signed already'}: {check.kind}")
    else:
        typer.echo("nothing was signed" + ("" if check.agrees else "; --dispute signs a dispute"))
    if not check.agrees:
        raise typer.Exit(1)


def videos(
    submission: IdArg,
    folder: Annotated[Path, typer.Argument(help="Folder of its videos, PAIR/PROMPT/SEED.mp4.")],
    store: StoreOption = None,
) -> None:
    """Take in a submission's videos: small copies for the pages Prompts and Vote.

    Each must be the submitted one, byte for byte. The same command goes on where it stopped.
    """
    from customstudio.cli.progress import RichProgress
    from customstudio.submissions.previews import take_in
    from customstudio.submissions.taken import take

    opened = open_store(store)
    taken = take(opened, submission)
    done = take_in(opened, taken, folder, progress=RichProgress())
    typer.echo(f"previews: {done.there:,} of {len(taken.jobs):,} videos ({done.new:,} new)")
    if done.missing:
        typer.echo(f"not in the folder: {done.missing:,}")
    for job, reason in done.broken.items():
        typer.echo(f"left out: {job}: {reason}")


def _print_check(check: "Check") -> None:
    from rich.text import Text

    from customstudio.cli.console import console, plain_table

    table = plain_table("metric", "values", "beyond", "allowed", "largest", "mean", "")
    for key in check.keys:
        table.add_row(
            Text(key.key),
            f"{key.values:,}",
            f"{key.beyond:,}",
            f"{key.allowed:,}",
            f"{key.largest:.2g}",
            f"{key.mean:.2g}",
            "agrees" if key.agrees else "DIFFERS",
        )
    console.print(table)
    typer.echo(f"{len(check.jobs):,} of {check.of:,} videos recomputed")
