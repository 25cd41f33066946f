"""Markdown tables of many methods' runs: means with intervals, and differences from the floor."""

from collections.abc import Mapping, Sequence

from customstudio.evaluation.bundle import Run
from customstudio.evaluation.compare import Difference
from customstudio.evaluation.records import Estimate
from customstudio.report.text import number

MARKS = {"higher": "↑", "lower": "↓", "neither": ""}


def means(runs: Mapping[str, Run]) -> str:
    """A row a method, a column a headline key: the mean, and its 95% interval over pairs."""
    first = next(iter(runs.values()))
    keys = [key for key in first.summary.keys if key.headline]
    lines = [
        ["method", *(f"{key.title} {MARKS[key.better]}".strip() for key in keys)],
        ["---"] * (len(keys) + 1),
    ]
    for name, run in runs.items():
        overall = run.summary.methods[0].overall
        lines.append([f"`{name}`", *(_estimate(overall[key.key]) for key in keys)])
    return _table(lines)


def differences(found: Sequence[Difference]) -> str:
    """A row a method, a column a key: the paired difference from another with its interval."""
    keys = list(dict.fromkeys(one.key for one in found))
    rows: dict[str, dict[str, str]] = {}
    for one in found:
        rows.setdefault(f"`{one.second}` − `{one.first}`", {})[one.key] = _difference(one)
    head = [["difference", *keys], ["---"] * (len(keys) + 1)]
    table = _table(head + [[n, *(row.get(key, "–") for key in keys)] for n, row in rows.items()])
    note = "With 95% intervals over pairs. `*`: p < 0.05, corrected (Holm) over this table."
    return f"{table}\n{note}\n"


def _estimate(one: Estimate) -> str:
    if one.mean is None:
        return "–"
    return f"{number(one.mean)}{_interval(one)}"


def _difference(one: Difference) -> str:
    if one.difference is None:
        return "–"
    sign = "+" if one.difference > 0 else ""
    sure = one.p_corrected is not None and one.p_corrected < 0.05
    return f"{sign}{number(one.difference)}{'*' if sure else ''}{_interval(one)}"


def _interval(one: Estimate | Difference) -> str:
    if one.low is None or one.high is None:
        return ""
    return f" ({number(one.low)} to {number(one.high)})"


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
