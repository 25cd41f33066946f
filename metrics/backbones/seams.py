"""Seams: is a frame two or more pictures pasted side by side or one above the other?

The detector behind `stitch_score`; that of VideoDreamer (arXiv:2311.00990, IV-A (iv)) is not
published. Definition, data and what it gets wrong: docs/metrics/stitch_score.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from customstudio.metrics.backbones.seam_lines import NAMES, find_lines
from customstudio.metrics.backbones.seam_model import seam_model
from customstudio.metrics.spec import Array

VERSION = 1
LONGER_SIDE = 320
"""Larger frames are reduced to it: thin seams keep 1 to 2 pixels and time stays bounded."""
LEVELS = 3
"""Full, half and quarter size: a seam feathered over 12 pixels is a step of 3 at the last."""
SMALLEST = 24
"""Pixels of the shorter side below which a level holds too little to judge."""
MEASURES = (*NAMES, "half size", "quarter size", "horizontal")
"""Gravity makes level edges (horizons, floors, tables) commoner than upright ones: axes differ."""
SAME_PLACE = 0.025
"""Lines of two levels this close, as a share of the side, are one: 2 pixels of the smallest."""
AGREEMENT = 0.3
"""Weight of what the other levels say of a line; 0.15 to 0.5 are alike between tuning folds."""
NO_EVIDENCE = -6.0
"""Log odds of a line that another level does not have at all."""

Axis = Literal["vertical", "horizontal"]


@dataclass(frozen=True)
class Seam:
    """A seam that spans a frame."""

    axis: Axis
    """Of the line itself: `vertical` separates left from right."""
    position: float
    """Share of the width (height) before the seam, 0 to 1."""
    strength: float
    """0.5 at the threshold, towards 1 the surer."""


@dataclass(frozen=True)
class Line:
    """A line that might be a seam."""

    axis: Axis
    level: int
    """How often the picture was halved."""
    position: float
    length: int
    """Pixels of the side it divides, at its level."""
    measures: Float[Array, "measures"]


def has_seam(frame: UInt8[Array, "height width 3"]) -> bool:
    """Whether a straight, axis-aligned seam between two pictures spans an RGB frame.

    >>> has_seam(np.zeros((64, 64, 3), np.uint8))
    False
    """
    return find_seam(frame) is not None


def seam_code(frame: UInt8[Array, "height width 3"]) -> float:
    """The feature `seams.frames` of one frame: 0 no seam, 1 an upright one, 2 a level one."""
    seam = find_seam(frame)
    return 0.0 if seam is None else 1.0 if seam.axis == "vertical" else 2.0


def find_seam(frame: UInt8[Array, "height width 3"]) -> Seam | None:
    """The surest seam of an RGB frame, if it has any; at least 24 x 24 pixels are needed."""
    lines = candidates(frame)
    if not lines:
        return None
    model = seam_model()
    totals = scores(lines, model.logits(np.stack([line.measures for line in lines])))
    best = int(totals.argmax())
    above = float(totals[best]) - model.threshold
    if above <= 0:
        return None
    return Seam(lines[best].axis, lines[best].position, 1 / (1 + float(np.exp(-above))))


def scores(lines: list[Line], logits: Float[Array, "lines"]) -> Float[Array, "lines"]:
    """Each line's own log odds, and a share of what the other levels say of the same line."""
    levels = np.array([line.level for line in lines])
    places = np.array([line.position + 2 * (line.axis == "vertical") for line in lines])
    same = np.abs(places[:, None] - places) < SAME_PLACE
    totals = logits.astype(np.float64)
    for level in range(LEVELS):
        heard = np.where(same & (levels == level), logits, NO_EVIDENCE).max(axis=1)
        totals += AGREEMENT * np.where(levels == level, 0.0, np.maximum(heard, NO_EVIDENCE))
    return np.asarray(totals)


def candidates(frame: UInt8[Array, "height width 3"]) -> list[Line]:
    """Lines of both axes at each level that might be seams; none beside a plain bar."""
    return [line for level, picture in enumerate(_levels(frame)) for line in _lines(picture, level)]


def _levels(frame: UInt8[Array, "height width 3"]) -> Iterator[Float32[Array, "rows columns 3"]]:
    height, width = frame.shape[:2]
    scale = LONGER_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    picture = frame.astype(np.float32)
    for _ in range(LEVELS):
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            return
        yield picture
        half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        picture = np.asarray(half, np.float32)


def _lines(picture: Float32[Array, "rows columns 3"], level: int) -> Iterator[Line]:
    columns = np.ascontiguousarray(picture.transpose(1, 2, 0))
    rows = np.ascontiguousarray(picture.transpose(0, 2, 1))
    axes: tuple[tuple[Axis, Float32[Array, "across 3 along"]], ...]
    axes = (("vertical", columns), ("horizontal", rows))
    for axis, turned in axes:
        found = find_lines(turned)
        for boundary, measures in zip(found.boundaries, found.measures, strict=True):
            place = float(boundary) / len(turned)
            row = np.append(measures, [level == 1, level == 2, axis == "horizontal"])
            yield Line(axis, level, place, len(turned), row)
