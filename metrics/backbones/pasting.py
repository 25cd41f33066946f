"""Is a reference image, as a picture, somewhere in a frame? Normalised correlation, no network.

OpenCV's template matching (`TM_CCOEFF_NORMED`) of each reference at a row of sizes, on pictures
reduced to 64 pixels: a copy survives scaling and compression, another view of the subject or
another background does not correlate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from customstudio.metrics.spec import Array

SIDE = 64
"""Pixels of the shorter side of a frame that is searched."""
FRAMES = 4
"""Frames of a video that are searched, evenly spread: a paste stays."""
_SIZES = tuple(0.28 * 1.15**step for step in range(10))
"""Heights of a reference, in heights of the frame; and the reference that covers the frame."""
_SMALLEST = 8


@dataclass(frozen=True, eq=False)
class Picture:
    """A reference image to look for, with the box and mask of its subject where they are known."""

    image: UInt8[Array, "height width 3"]
    mask: Bool[Array, "height width"] | None = None


def small(frame: UInt8[Array, "height width 3"]) -> UInt8[Array, "h w 3"]:
    """A frame reduced to a shorter side of 64 pixels; a smaller one is enlarged."""
    height, width = frame.shape[:2]
    factor = SIDE / min(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8)


def searched(frames: int) -> list[int]:
    """Which frames of a video are searched.

    >>> searched(24), searched(2)
    ([0, 8, 15, 23], [0, 1])
    """
    return sorted({round(i) for i in np.linspace(0, frames - 1, FRAMES)})


def pasted(
    frames: UInt8[Array, "frames h w 3"], pictures: Sequence[Picture]
) -> Float32[Array, "searched pictures*2"]:
    """For each searched frame and picture, the best correlation of the whole picture, and of the
    subject cut out of it (-1 where it has no mask)."""
    rows = []
    for index in searched(len(frames)):
        frame = frames[index].astype(np.float32)
        rows.append([value for p in pictures for value in (whole(frame, p), cut_out(frame, p))])
    return np.array(rows, np.float32).reshape(len(rows), 2 * len(pictures))


def whole(frame: Float32[Array, "h w 3"], picture: Picture) -> float:
    """Best correlation of a whole picture at any place and size."""
    best = _correlation(frame, _covering(picture.image, frame.shape[:2]), None)
    for size in _SIZES:
        template = _scaled(picture.image, size * frame.shape[0])
        best = max(best, _correlation(frame, template, None))
    return best


def cut_out(frame: Float32[Array, "h w 3"], picture: Picture) -> float:
    """Best correlation of the masked subject alone."""
    if picture.mask is None or not picture.mask.any():
        return -1.0
    rows, columns = (np.flatnonzero(picture.mask.any(axis=axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    image, mask = picture.image[box], picture.mask[box].astype(np.float32)
    best = -1.0
    for size in _SIZES:
        template = _scaled(image, size * frame.shape[0])
        inside = cv2.resize(mask, template.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.6
        weights = np.repeat(inside[..., None], 3, axis=2).astype(np.float32)
        best = max(best, _correlation(frame, template, weights))
    return best


def _correlation(frame: Array, template: Array, weights: Array | None) -> float:
    height, width = template.shape[:2]
    too_large = height > frame.shape[0] or width > frame.shape[1]
    if too_large or min(height, width) < _SMALLEST or (weights is not None and not weights.any()):
        return -1.0
    if np.ptp(template, axis=(0, 1)).max() < 2.0:
        return -1.0  # one flat colour is found in any flat colour
    found = cv2.matchTemplate(frame, template, cv2.TM_CCOEFF_NORMED, mask=weights)
    # OpenCV divides by almost nothing where the frame is flat under a mask.
    valid = found[np.isfinite(found) & (np.abs(found) <= 1.001)]
    return float(valid.max()) if valid.size else -1.0


def _scaled(image: Array, height: float) -> Array:
    size = (max(1, round(height * image.shape[1] / image.shape[0])), max(1, round(height)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _covering(image: Array, shape: tuple[int, int]) -> Array:
    """The picture as large as the frame, what is too much cut off on both sides."""
    height, width = shape
    factor = max(height / image.shape[0], width / image.shape[1])
    size = (max(width, round(image.shape[1] * factor)), max(height, round(image.shape[0] * factor)))
    large = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.asarray(large[top : top + height, left : left + width])
