"""Curves: how a score runs over the frames of a video, and over those of all videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from customstudio.metrics.spec import Array
from customstudio.report.scale import Scale, Tick, axis

WIDTH, HEIGHT = 240.0, 120.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 232.0, 8.0, 98.0
MEANS = {
    "dynamic_degree": "motion between two taken frames, in shorter sides",
    "motion_magnitude": "motion between two taken frames, in shorter sides",
    "stitch_score": "1 where the frame has a seam",
    "temporal_consistency": "cosine of a frame and the next",
    "dino_temporal_consistency": "cosine of a frame and the next",
}
"""What one point of a curve is, where it is not simply the score of one frame."""


@dataclass(frozen=True)
class MeanCurve:
    """Mean and spread over the videos of one method, frame by frame."""

    mean: Float[Array, "frames"]
    low: Float[Array, "frames"]
    """10th percentile."""
    high: Float[Array, "frames"]
    """90th percentile."""
    videos: int


@dataclass(frozen=True)
class Curve:
    """One small panel, in pixels: a line, a band, fainter lines to compare with."""

    line: str
    band: str
    others: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def mean_curve(rows: Mapping[str, Sequence[float]]) -> MeanCurve | None:
    """The mean over videos at each frame, as far as at least half of the videos reach."""
    curves = [np.asarray(values, np.float64) for _, values in sorted(rows.items()) if len(values)]
    if not curves:
        return None
    reach = int(np.median([len(curve) for curve in curves]))
    table = np.full((len(curves), reach), np.nan)
    for row, curve in zip(table, curves, strict=True):
        row[: min(reach, len(curve))] = curve[:reach]
    low, high = np.nanpercentile(table, [10, 90], axis=0)
    return MeanCurve(np.nanmean(table, axis=0), low, high, len(curves))


def draw_mean(mine: MeanCurve, others: Sequence[MeanCurve]) -> Curve:
    """One method's mean curve and band; the other methods' means behind it."""
    everyone = [mine, *others]
    values = np.concatenate([v for c in everyone for v in (c.low, c.high)])
    scale = _scales(values, max(len(c.mean) for c in everyone))
    there, back = _points(mine.high, scale), _points(mine.low, scale)[::-1]
    return _panel(
        scale,
        line=mine.mean,
        band=_path(there + back) + "Z",
        others=tuple(_path(_points(other.mean, scale)) for other in others),
    )


def draw_video(values: Sequence[float], mean: MeanCurve | None) -> Curve:
    """One video's curve; the mean of its method's videos behind it."""
    line = np.asarray(values, np.float64)
    both = [line] if mean is None else [line, mean.mean]
    scale = _scales(np.concatenate(both), max(len(v) for v in both))
    others = () if mean is None else (_path(_points(mean.mean, scale)),)
    return _panel(scale, line=line, band="", others=others)


def _scales(values: Float[Array, "any"], frames: int) -> tuple[Scale, Scale]:
    x = Scale(0.0, float(max(frames - 1, 1)), LEFT + 6, RIGHT)
    return x, axis(values.tolist(), BOTTOM, TOP)


def _points(
    values: Float[Array, "frames"], scale: tuple[Scale, Scale]
) -> list[tuple[float, float]]:
    x, y = scale
    return [(x.at(i), y.at(float(value))) for i, value in enumerate(values)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _panel(
    scale: tuple[Scale, Scale], *, line: Float[Array, "frames"], band: str, others: tuple[str, ...]
) -> Curve:
    x, y = scale
    last = int(x.high)
    points = _points(line, scale)
    return Curve(
        line=_path(points),
        band=band,
        others=others,
        dots=tuple(points) if len(points) <= 32 else (),
        x_ticks=(Tick(x.at(0), "1", "middle"), Tick(x.at(last), str(last + 1), "end")),
        y_ticks=y.ticks(4),
    )
