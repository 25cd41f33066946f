"""`customstudio demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("runs/demo"),
) -> None:
    """Render a small set of videos, evaluate it with untrained toy networks, write the report."""
    from customstudio.cli.results import print_run
    from customstudio.evaluation.demo import demo as render_and_score

    print_run(render_and_score(out))
