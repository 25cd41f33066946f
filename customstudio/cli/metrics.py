"""`customstudio metrics`: what the metrics claim."""

from pathlib import Path
from typing import Annotated

import typer

from customstudio.cli.options import Metrics, Protocol, WeightsDir, listed

app = typer.Typer(help="The metrics and what they claim.", no_args_is_help=True)


@app.command("list")
def list_metrics() -> None:
    """Every metric and protocol."""
    from customstudio.cli.console import console, plain_table
    from customstudio.metrics import catalog

    table = plain_table("metric", "version", "unit", "better", "source")
    for name in catalog.METRICS:
        spec = catalog.spec(name)
        table.add_row(name, str(spec.version), spec.unit, spec.better, spec.source)
    console.print(table)
    console.print()
    protocols = plain_table("protocol", "about", "metrics")
    for protocol in catalog.PROTOCOLS.values():
        protocols.add_row(protocol.id, protocol.about, ", ".join(protocol.metrics))
    console.print(protocols)
    for name, reason in catalog.LEFT_OUT.items():
        console.print(f"left out: {name}: {reason}", markup=False)


@app.command()
def show(metric: str) -> None:
    """One metric: definition, source, range, where we differ, variants."""
    from customstudio.cli.console import console
    from customstudio.metrics import catalog

    spec = catalog.spec(metric)
    low, high = ("unbounded" if bound is None else f"{bound:g}" for bound in spec.bounds)
    lines = [
        f"{spec.id}, version {spec.version}: {spec.title}",
        f"  unit: {spec.unit}; range: {low} to {high}; better: {spec.better}",
        f"  source: {spec.source}",
        f"  features: {', '.join(spec.needs.values())}",
    ]
    if spec.differs:
        lines.append(f"  where we differ: {spec.differs}")
    if spec.applies_to:
        lines.append(f"  only for subjects of: {', '.join(spec.applies_to)}")
    lines += [f"  variant {spec.id}.{v.name}: {v.about}" for v in spec.variants]
    console.print("\n".join(lines), markup=False)


@app.command()
def validate(
    out: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("runs/validity"),
    prompts: Annotated[int, typer.Option(min=1, max=10, help="Prompts of each pair.")] = 1,
    metrics: Metrics = None,
    protocol: Protocol = "mini-v1",
    weights_dir: WeightsDir = None,
) -> None:
    """Render videos of the embedded world with known faults, and see which metric notices which.

    Writes `validity.json`, `validity.md` and `validity.svg` into OUT.
    """
    from rich.markdown import Markdown

    from customstudio.cli.console import console
    from customstudio.cli.progress import RichProgress
    from customstudio.files import write_text
    from customstudio.mini.validate import validate as study_metrics
    from customstudio.report.validity import markdown, svg

    study = study_metrics(
        out,
        prompts=prompts,
        metrics=listed(metrics),
        protocol=protocol,
        weights_dir=weights_dir,
        progress=RichProgress(),
    )
    write_text(out / "validity.md", markdown(study))
    write_text(out / "validity.svg", svg(study))
    console.print(Markdown(markdown(study)))
    console.print(f"study: {out / 'validity.md'}", markup=False)
