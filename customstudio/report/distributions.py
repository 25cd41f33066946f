"""Distributions: the values of all videos, as dots where they are few and as bars where many."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from customstudio.evaluation.records import KeyInfo
from customstudio.metrics.spec import Array
from customstudio.report.load import Bundle
from customstudio.report.panels import BASELINE, MARGIN, Panel, Row, fitted_label, make_panel
from customstudio.report.scale import WIDTH, Scale, axis
from customstudio.report.text import count, number, visible

ROW, TALL = 56.0, 32.0
FEW = 60
"""Up to so many values each is a dot; above, they are counted in bars."""
BARS, COLUMNS = 40, 56


@dataclass(frozen=True)
class Bar:
    """A bar, in pixels; or a dot, where it has no width."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DistributionRow(Row):
    """One method's values."""

    floor: float
    bars: tuple[Bar, ...]
    dots: tuple[Bar, ...]
    mean: float | None


def draw_distribution(bundle: Bundle, key: KeyInfo) -> Panel[DistributionRow]:
    """The panel of one key: the values of each method's videos on one axis."""
    values = {
        method.method: _values(bundle, method.method, key.key) for method in bundle.summary.methods
    }
    scale = axis([float(v) for each in values.values() for v in each], MARGIN, WIDTH - MARGIN)
    rows = [_row(name, mine, scale, i * ROW) for i, (name, mine) in enumerate(values.items())]
    drawn = any(len(mine) for mine in values.values())
    what = f"{key.title}, values of single videos"
    return make_panel(key, what, rows, scale, step=ROW, drawn=drawn)


def _values(bundle: Bundle, method: str, key: str) -> Float[Array, "videos"]:
    found = bundle.values.get((method, key))
    return np.sort(found.to_numpy()) if found is not None else np.empty(0)


def _row(name: str, values: Float[Array, "videos"], scale: Scale, top: float) -> DistributionRow:
    size = count(len(values), "video") if len(values) else "no value"
    words = f"{visible(name)}: {size}"
    if len(values):
        low, middle, high = (float(v) for v in np.percentile(values, [0, 50, 100]))
        words += f", from {number(low)} to {number(high)}, median {number(middle)}"
    floor = top + 19 + TALL
    label, widths = fitted_label(name, size)
    return DistributionRow(
        label=label,
        value=size,
        widths=widths,
        title=words,
        baseline=top + BASELINE,
        floor=floor,
        bars=_bars(values, scale, floor) if len(values) > FEW else (),
        dots=_dots(values, scale, floor) if len(values) <= FEW else (),
        mean=scale.at(float(values.mean())) if len(values) else None,
    )


def _bars(values: Float[Array, "videos"], scale: Scale, floor: float) -> tuple[Bar, ...]:
    counts, edges = np.histogram(values, bins=BARS, range=(scale.low, scale.high))
    heights = counts / counts.max() * TALL
    width = (scale.end - scale.start) / BARS
    return tuple(
        Bar(scale.at(float(edge)), round(floor - height, 2), width - 1, round(float(height), 2))
        for edge, height in zip(edges[:-1], heights, strict=True)
        if height > 0
    )


def _dots(values: Float[Array, "videos"], scale: Scale, floor: float) -> tuple[Bar, ...]:
    columns = np.clip(
        ((values - scale.low) / (scale.high - scale.low) * COLUMNS).astype(int), 0, COLUMNS - 1
    )
    tallest = int(np.bincount(columns).max()) if len(values) else 0
    rise = min(6.0, (TALL - 8) / max(tallest, 1))
    seen: dict[int, int] = {}
    dots = []
    for column, value in zip(columns.tolist(), values.tolist(), strict=True):
        level = seen[column] = seen.get(column, -1) + 1
        dots.append(Bar(scale.at(value), round(floor - 4 - level * rise, 2), 0, 0))
    return tuple(dots)
