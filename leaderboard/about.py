"""What the page About tells, as rows: suites, protocols, metrics, their validity, what changed."""

from collections.abc import Iterable

from customstudio.metrics import catalog
from customstudio.metrics.validity import Study
from customstudio.report.text import DIRECTIONS
from customstudio.submissions.entries import Listed
from customstudio.suites.load import SUITES, load_declaration, load_suite

CITATION = """\
@article{customvideo2024,
  title = {CustomVideo: Customizing Text-to-Video Generation with Multiple Subjects},
  eprint = {2401.09962},
  archiveprefix = {arXiv},
  year = {2024},
}"""
Rows = list[dict[str, str]]


def suite_rows() -> Rows:
    """Every suite with its size and what it says of itself."""
    rows = []
    for name in SUITES:
        declared, suite = load_declaration(name), load_suite(name)
        rows.append(
            {
                "suite": f"{name} {declared.version}",
                "videos": f"{len(suite.jobs):,}" if suite.jobs else "not published in full",
                "label": declared.label,
                "source": declared.source,
            }
        )
    return rows


def protocol_rows() -> Rows:
    """Every protocol with its metrics."""
    return [
        {
            "protocol": one.id,
            "official": "yes" if one.official else "no",
            "metrics": ", ".join(one.metrics),
            "about": one.about,
        }
        for one in catalog.PROTOCOLS.values()
    ]


def metric_rows() -> Rows:
    """Every metric: unit, direction, version, source, and where we differ from it."""
    specs = [catalog.spec(metric) for metric in catalog.METRICS]
    return [
        {
            "metric": f"{spec.title} ({spec.id})",
            "unit": spec.unit,
            "direction": DIRECTIONS[spec.better],
            "version": str(spec.version),
            "source": spec.source,
            "differs": spec.differs,
        }
        for spec in specs
    ]


def validity_rows(study: Study) -> Rows:
    """A row a metric, a column a fault: the verdict and how often the true video wins."""
    rows: dict[str, dict[str, str]] = {}
    for one in study.rows:
        row = rows.setdefault(one.metric, {"metric": one.metric})
        row[one.fault] = f"{one.verdict} {one.auc:.0%}"
    faults = ["metric", *study.faults]
    return [{fault: row.get(fault, "") for fault in faults} for row in rows.values()]


def changes(listed: Iterable[Listed], most: int = 20) -> list[str]:
    """The newest submissions, and what became of older ones, in a line each.

    Args:
        listed: in the order in which they came; the times in them are their owners' words.
        most: how many lines.
    """
    newest = list(listed)[-most:][::-1]
    return [f"{one.entry.evaluated[:10]}  {one.entry.card.name}: {_status(one)}" for one in newest]


def _status(one: Listed) -> str:
    if one.state.withdrawn:
        return "withdrawn"
    if one.state.superseded_by:
        return f"superseded by {one.state.superseded_by[:8]}"
    return f"{one.state.tier}, {one.entry.suite.name}, {one.entry.protocol}"
