"""Panels: rows of text over a plot, on one axis; what interval plots and distributions share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from customstudio.evaluation.records import KeyInfo
from customstudio.report.scale import WIDTH, Scale, Tick, fitted, text_width
from customstudio.report.text import visible

MARGIN = 10.0
LABEL = 12.0
BASELINE = 13.0
"""Of a row's text, below the row's top."""


@dataclass(frozen=True)
class Row:
    """One line of text: who it is at the left, a value at the right."""

    label: str
    value: str
    widths: tuple[float, float]
    """Room of label and value: lines stay out of the text."""
    title: str
    """All of it in words: the accessible name."""
    baseline: float


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Panel(Generic[R]):
    """One picture, in pixels."""

    key: KeyInfo
    height: float
    floor: float
    """Where the rows end and the axis begins."""
    rows: tuple[R, ...]
    ticks: tuple[Tick, ...]
    label: str
    """What the picture shows, in words."""


def make_panel(
    key: KeyInfo, what: str, rows: Sequence[R], scale: Scale, *, step: float, drawn: bool
) -> Panel[R]:
    """Rows of height `step`, with the axis below them if anything is drawn on it."""
    floor = len(rows) * step + 2
    return Panel(
        key=key,
        height=floor + (18 if drawn else 0),
        floor=floor,
        rows=tuple(rows),
        ticks=scale.ticks() if drawn else (),
        label=f"{what}: " + "; ".join(row.title for row in rows),
    )


def fitted_label(name: str, value: str) -> tuple[str, tuple[float, float]]:
    """As much of a name as fits beside its value, and the widths of both."""
    beside = text_width(value, LABEL)
    label = fitted(visible(name), WIDTH - 2 * MARGIN - beside - 14, LABEL)
    return label, (text_width(label, LABEL), beside)
