"""`customstudio demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("runs/demo"),
) -> None:
    """Evaluate three sources of videos of the embedded world, compare them, and fill a board."""
    from customstudio.cli.console import console
    from customstudio.cli.progress import RichProgress
    from customstudio.cli.results import print_differences, print_run
    from customstudio.evaluation.compare import compare
    from customstudio.mini.demo import NOTE, SOURCES
    from customstudio.mini.demo import demo as render_and_score

    done = render_and_score(out, RichProgress())
    runs = done.runs
    for run, (source, (_, _, about)) in zip(runs, SOURCES.items(), strict=True):
        console.print(f"\n{source}: {about}", style="bold", markup=False)
        print_run(run)
    keys = ["dino_i", "subject_presence.together", "identity_margin.least", "copy_paste.most"]
    console.print("\nfaulty sources against the truth", style="bold")
    for faulty in runs[1:]:
        print_differences(compare([runs[0].path, faulty.path], keys))
    console.print("\nall three are on a board of their own; to open it:", style="bold")
    console.print(f"customstudio board serve --store {done.board}", markup=False, soft_wrap=True)
    console.print(f"\n{NOTE}", markup=False)
