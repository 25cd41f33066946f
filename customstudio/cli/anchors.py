"""`customstudio suites anchors`."""

from pathlib import Path
from typing import Annotated

import typer


def anchors(
    suite: Annotated[str, typer.Argument(help="A suite's name, or a folder with a manifest.")],
    references: Annotated[
        Path | None, typer.Option(help="Root of the reference images: ROOT/SUBJECT/00.jpg.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="How scores are made.")] = "customstudio-v1",
    metrics: Annotated[
        str | None, typer.Option(help="Metrics, separated by commas.", show_default="protocol's")
    ] = None,
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of the networks' weights.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Make and score the bounds by which a suite's scores are read.

    Reports of runs with the same references, protocol and weights then show them.
    """
    from rich.table import Table
    from rich.text import Text

    from customstudio.cli.console import console
    from customstudio.cli.progress import RichProgress
    from customstudio.evaluation.api import score_anchors

    path, found = score_anchors(
        suite,
        references=references,
        protocol=protocol,
        metrics=[m.strip() for m in metrics.split(",") if m.strip()] if metrics else None,
        weights_dir=weights_dir,
        device=device,
        progress=RichProgress(),
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("metric")
    for anchor in found:
        table.add_column(anchor.name, justify="right")
    for key in dict.fromkeys(key for anchor in found for key in anchor.values):
        cells = (f"{a.values[key]:.4f}" if key in a.values else "" for a in found)
        table.add_row(key, *cells)
    console.print(table)
    console.print(Text(f"kept in {path}"))
