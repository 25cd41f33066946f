"""Interval plots: a dot for the mean, a line for the 95% interval, anchors as lines to compare."""

from collections.abc import Sequence
from dataclasses import dataclass

from customstudio.evaluation.records import Anchor, Estimate, KeyInfo, Summary
from customstudio.report.cells import interval, make_cell
from customstudio.report.panels import BASELINE, MARGIN, Panel, Row, fitted_label, make_panel
from customstudio.report.scale import WIDTH, Scale, axis, fitted
from customstudio.report.text import number, visible

ROW = 36.0
SYMBOLS = {"real references": "diamond", "still copy": "square", "unrelated images": "triangle"}
"""A shape for each anchor: never colour alone."""


@dataclass(frozen=True)
class WhiskerRow(Row):
    """One method or anchor: its text on a line, its mark on the line below."""

    note: str
    """What stands in the plot's place where there is no value."""
    y: float
    x: float = 0.0
    low: float | None = None
    high: float | None = None
    symbol: str = "dot"


def draw_whiskers(summary: Summary, key: KeyInfo) -> Panel[WhiskerRow]:
    """The panel of one key: methods, then the anchors that have a value under it."""
    anchors = [anchor for anchor in summary.anchors if key.key in anchor.values]
    estimates = [method.overall[key.key] for method in summary.methods]
    scale = axis(
        [*_extremes(estimates), *(anchor.values[key.key] for anchor in anchors)],
        MARGIN,
        WIDTH - MARGIN,
    )
    rows = [
        _method_row(method.method, method.overall[key.key], scale, i * ROW)
        for i, method in enumerate(summary.methods)
    ]
    rows += [
        _anchor_row(anchor, key, scale, (len(rows) + i) * ROW) for i, anchor in enumerate(anchors)
    ]
    drawn = any(not row.note for row in rows)
    return make_panel(key, key.title, rows, scale, step=ROW, drawn=drawn)


def _extremes(estimates: Sequence[Estimate]) -> list[float]:
    found = [e.mean for e in estimates if e.mean is not None]
    return found + [bound for e in estimates for bound in interval(e) or ()]


def _method_row(name: str, estimate: Estimate, scale: Scale, top: float) -> WhiskerRow:
    cell = make_cell(estimate)
    value, bounds = cell.mean or "no value", interval(estimate)
    words = ", ".join(filter(None, (cell.mean, cell.interval, cell.note)))
    label, widths = fitted_label(name, value)
    return WhiskerRow(
        label=label,
        value=value,
        widths=widths,
        note="" if cell.mean else fitted(visible(cell.note), WIDTH - 2 * MARGIN, 11),
        title=f"{visible(name)}: {words}",
        baseline=top + BASELINE,
        y=top + 25,
        x=0.0 if estimate.mean is None else scale.at(estimate.mean),
        low=scale.at(bounds[0]) if bounds else None,
        high=scale.at(bounds[1]) if bounds else None,
    )


def _anchor_row(anchor: Anchor, key: KeyInfo, scale: Scale, top: float) -> WhiskerRow:
    value = number(anchor.values[key.key])
    label, widths = fitted_label(anchor.name, value)
    return WhiskerRow(
        label=label,
        value=value,
        widths=widths,
        note="",
        title=f"anchor, {anchor.name}: {value}",
        baseline=top + BASELINE,
        y=top + 25,
        x=scale.at(anchor.values[key.key]),
        symbol=SYMBOLS[anchor.name],
    )


@dataclass(frozen=True)
class Mini:
    """A dot, its interval and the anchors in a table's cell; 72 x 12 pixels."""

    x: float
    low: float | None
    high: float | None
    anchors: tuple[float, ...] = ()


def draw_mini(estimate: Estimate, scale: Scale, anchors: Sequence[float] = ()) -> Mini | None:
    """The small picture of one estimate; None where there is no value."""
    if estimate.mean is None:
        return None
    bounds = interval(estimate)
    return Mini(
        scale.at(estimate.mean),
        scale.at(bounds[0]) if bounds else None,
        scale.at(bounds[1]) if bounds else None,
        tuple(scale.at(value) for value in anchors),
    )


def mini_scale(estimates: Sequence[Estimate]) -> Scale:
    """One axis for all cells that are compared with each other."""
    return axis(_extremes(estimates), 3.0, 69.0)
