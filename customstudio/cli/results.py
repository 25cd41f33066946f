"""What commands print of a run."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from customstudio.cli.console import console, plain_table
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.compare import Difference
from customstudio.evaluation.records import Coverage, Estimate, KeyInfo
from customstudio.report.text import ARROWS


def print_run(run: Run) -> None:
    """The run's headline table, its warnings and where its report is."""
    info = run.info
    if info.status == "shard complete":
        console.print(Text(f"shard {info.shard} is finished: {run.path}"))
        console.print("join all shards with: customstudio merge SHARD... --out RUN")
        return
    suite = info.suite
    console.print(Text(f"{suite.name} {suite.version} ({suite.label}), protocol {info.protocol}"))
    for reason in info.unofficial_because:
        console.print(Text(f"not official: {reason}", style="yellow"))
    console.print(summary_table(run))
    for note in info.notes[:5]:
        console.print(Text(f"note: {note}", style="dim"))
    if len(info.notes) > 5:
        console.print(Text(f"and {len(info.notes) - 5} more notes in the report", style="dim"))
    console.print(Text(f"report: {run.report}"))


def summary_table(run: Run) -> Table:
    """A row a method and headline key: mean, interval, coverage, anchors."""
    summary = run.summary
    table = plain_table()
    several = len(summary.methods) > 1
    if several:
        table.add_column("method")
    for title in ("metric", "mean", "95% interval", "pairs", "coverage"):
        table.add_column(title, justify="left" if title == "metric" else "right")
    for anchor in summary.anchors:
        table.add_column(Text(anchor.name), justify="right")
    for method in summary.methods:
        for key in (key for key in summary.keys if key.headline):
            cells = [Text(method.method)] if several else []
            cells += [Text(f"{key.title} {ARROWS[key.better]}")]
            cells += _estimate(method.overall[key.key], method.coverage[key.key])
            cells += [Text(_anchor(anchor.values, key)) for anchor in summary.anchors]
            table.add_row(*cells)
    return table


def _estimate(estimate: Estimate, coverage: Coverage) -> list[Text]:
    covered = Text(f"{coverage.share:.0%}", style="" if not coverage.failed else "yellow")
    if estimate.mean is None:
        return [Text("none"), Text(estimate.reason), Text("0"), covered]
    low, high = estimate.low, estimate.high
    bounds = "under 5 pairs" if low is None or high is None else f"{low:.4f} to {high:.4f}"
    return [Text(f"{estimate.mean:.4f}"), Text(bounds), Text(str(estimate.pairs)), covered]


def _anchor(values: dict[str, float], key: KeyInfo) -> str:
    return f"{values[key.key]:.4f}" if key.key in values else ""


def print_differences(differences: Sequence[Difference]) -> None:
    """A table for every two methods: the second minus the first."""
    for first, second in dict.fromkeys((d.first, d.second) for d in differences):
        console.print(Text(f"{second} minus {first}"))
        table = plain_table()
        table.add_column("key", overflow="fold")
        for title in ("difference", "95% interval", "p", "p (Holm)", "pairs", "videos"):
            table.add_column(title, justify="right", no_wrap=True)
        for d in differences:
            if (d.first, d.second) == (first, second):
                table.add_row(*_difference(d))
        console.print(table)


def _difference(d: Difference) -> list[Text]:
    cells = [
        d.key,
        "none" if d.difference is None else f"{d.difference:+.4f}",
        "under 5 pairs" if d.low is None else f"{d.low:+.4f} to {d.high:+.4f}",
        *("" if p is None else f"{p:.4f}" for p in (d.p, d.p_corrected)),
        str(d.pairs),
        str(d.videos),
    ]
    return [Text(cell) for cell in cells]
