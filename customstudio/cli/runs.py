"""`customstudio merge`, `rescore`, `compare`, `report`: what is done with finished runs."""

from pathlib import Path
from typing import Annotated

import typer

from customstudio.cli.options import listed

RunArg = Annotated[Path, typer.Argument(help="A run's folder.")]
RunsArg = Annotated[list[Path], typer.Argument(help="Folders of runs.")]
OutOption = Annotated[Path, typer.Option(help="Folder of the new bundle.")]


def merge(shards: RunsArg, out: OutOption) -> None:
    """Join the shards of one run into a whole bundle."""
    from customstudio.cli.results import print_run
    from customstudio.evaluation.runner import merge as join

    print_run(join(shards, out))


def rescore(
    run: RunArg,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the new bundle.", show_default="RUN-rescored")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Metrics, separated by commas.", show_default="the run's")
    ] = None,
) -> None:
    """Compute scores again from the features that a run kept."""
    from customstudio.cli.results import print_run
    from customstudio.evaluation.rescoring import rescore as score

    target = out or run.resolve().with_name(f"{run.resolve().name}-rescored")
    print_run(score(run, metrics=listed(metrics), out=target))


def compare(
    runs: RunsArg,
    keys: Annotated[
        str | None, typer.Option(help="Keys, separated by commas.", show_default="protocol's")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Also write the table as JSON.")
    ] = None,
) -> None:
    """Paired differences between methods, with intervals and corrected p-values."""
    from customstudio.cli.results import print_differences
    from customstudio.evaluation.compare import compare as differences

    found = differences(runs, listed(keys))
    if json_out:
        import json

        from customstudio.files import write_text

        document = [difference.model_dump(mode="json") for difference in found]
        write_text(json_out, json.dumps(document, indent=1) + "\n")
    print_differences(found)


def report(run: RunArg) -> None:
    """Reduce a run and write its report again, with anchors that were made since."""
    from customstudio.cli.console import console
    from customstudio.evaluation.bundle import load_run
    from customstudio.evaluation.runner import conclude

    loaded = load_run(run)
    conclude(loaded.path, loaded.info)
    console.print(f"report: {run / 'report.html'}", markup=False)
