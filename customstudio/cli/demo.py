"""`customstudio demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("runs/demo"),
) -> None:
    """Generate and render videos of the embedded world, evaluate and compare them, fill a board."""
    from customstudio.cli.console import console
    from customstudio.cli.progress import RichProgress
    from customstudio.cli.results import print_differences, print_run
    from customstudio.cli.steps import StepBar
    from customstudio.evaluation.compare import compare
    from customstudio.mini.demo import METHODS, NOTE, described
    from customstudio.mini.demo import demo as make_and_score

    done = make_and_score(out, StepBar(), RichProgress())
    for run, (name, about) in zip(done.runs, described().items(), strict=True):
        console.print(f"\n{name}: {about}", style="bold", markup=False)
        print_run(run)
    runs = {name: run.path for run, name in zip(done.runs, described(), strict=True)}
    keys = ["dino_i", "subject_presence.together", "identity_margin.least", "copy_paste.most"]
    console.print("\nfaulty sources against the truth", style="bold")
    for faulty in (name for name in runs if name not in ("truth", *METHODS)):
        print_differences(compare([runs["truth"], runs[faulty]], keys))
    console.print("\nCustomVideo against the untuned base", style="bold")
    print_differences(compare([runs[name] for name in METHODS], ["clip_t", *keys]))
    console.print("\nall are on a board of their own; to open it:", style="bold")
    console.print(f"customstudio board serve --store {done.board}", markup=False, soft_wrap=True)
    console.print(f"\n{NOTE}", markup=False)
