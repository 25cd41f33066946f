"""`customstudio suites anchors`."""

from typing import Annotated

import typer

from customstudio.cli import options


def anchors(
    suite: Annotated[str, typer.Argument(help="A suite's name, or a folder with a manifest.")],
    references: options.References = None,
    protocol: options.Protocol = "customstudio-v1",
    metrics: options.Metrics = None,
    weights_dir: options.WeightsDir = None,
    device: options.Device = "auto",
) -> None:
    """Make and score the bounds by which a suite's scores are read.

    Reports of runs with the same references, protocol and weights then show them.
    """
    from rich.text import Text

    from customstudio.cli.console import console, plain_table
    from customstudio.cli.progress import RichProgress
    from customstudio.evaluation.api import score_anchors

    path, found = score_anchors(
        suite,
        references=references,
        protocol=protocol,
        metrics=options.listed(metrics),
        weights_dir=weights_dir,
        device=device,
        progress=RichProgress(),
    )
    table = plain_table("metric")
    for anchor in found:
        table.add_column(anchor.name, justify="right")
    for key in dict.fromkeys(key for anchor in found for key in anchor.values):
        cells = (f"{a.values[key]:.4f}" if key in a.values else "" for a in found)
        table.add_row(key, *cells)
    console.print(table)
    console.print(Text(f"kept in {path}"))
