"""Interval plots: a dot for the mean, a line for the 95% interval, anchors as lines to compare."""

from collections.abc import Sequence
from dataclasses import dataclass

from customstudio.evaluation.records import Anchor, Estimate, KeyInfo, Summary
from customstudio.report.cells import interval, make_cell
from customstudio.report.scale import WIDTH, Scale, Tick, axis, fitted, text_width
from customstudio.report.text import number, visible

MARGIN = 10.0
ROW = 36.0
LABEL = 12.0
SYMBOLS = {"real references": "diamond", "still copy": "square", "unrelated images": "triangle"}
"""A shape for each anchor: never colour alone."""


@dataclass(frozen=True)
class WhiskerRow:
    """One method or anchor: its text on a line, its mark on the line below."""

    label: str
    value: str
    note: str
    """What stands in the plot's place where there is no value."""
    title: str
    """All of it in words: the accessible name."""
    baseline: float
    y: float
    widths: tuple[float, float]
    """Room of label and value: lines stay out of the text."""
    x: float = 0.0
    low: float | None = None
    high: float | None = None
    symbol: str = "dot"


@dataclass(frozen=True)
class Whiskers:
    """One panel, in pixels."""

    key: KeyInfo
    height: float
    floor: float
    """Where the rows end and the axis begins."""
    rows: tuple[WhiskerRow, ...]
    ticks: tuple[Tick, ...]
    label: str
    """What the picture shows, in words."""


def draw_whiskers(summary: Summary, key: KeyInfo) -> Whiskers:
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
    floor = len(rows) * ROW + 2
    drawn = any(not row.note for row in rows)
    return Whiskers(
        key=key,
        height=floor + (18 if drawn else 0),
        floor=floor,
        rows=tuple(rows),
        ticks=scale.ticks() if drawn else (),
        label=f"{key.title}: " + "; ".join(row.title for row in rows),
    )


def _extremes(estimates: Sequence[Estimate]) -> list[float]:
    found = [e.mean for e in estimates if e.mean is not None]
    return found + [bound for e in estimates for bound in interval(e) or ()]


def _method_row(name: str, estimate: Estimate, scale: Scale, top: float) -> WhiskerRow:
    cell = make_cell(estimate)
    value, bounds = cell.mean or "no value", interval(estimate)
    words = ", ".join(filter(None, (cell.mean, cell.interval, cell.note)))
    room = WIDTH - 2 * MARGIN
    label = fitted(visible(name), room - text_width(value, LABEL) - 14, LABEL)
    return WhiskerRow(
        label=label,
        value=value,
        widths=(text_width(label, LABEL), text_width(value, LABEL)),
        note="" if cell.mean else fitted(visible(cell.note), room, 11),
        title=f"{visible(name)}: {words}",
        baseline=top + 13,
        y=top + 25,
        x=0.0 if estimate.mean is None else scale.at(estimate.mean),
        low=scale.at(bounds[0]) if bounds else None,
        high=scale.at(bounds[1]) if bounds else None,
    )


def _anchor_row(anchor: Anchor, key: KeyInfo, scale: Scale, top: float) -> WhiskerRow:
    value = anchor.values[key.key]
    return WhiskerRow(
        label=anchor.name,
        value=number(value),
        widths=(text_width(anchor.name, LABEL), text_width(number(value), LABEL)),
        note="",
        title=f"anchor, {anchor.name}: {number(value)}",
        baseline=top + 13,
        y=top + 25,
        x=scale.at(value),
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
