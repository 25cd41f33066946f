"""Is a reference image, as a picture, somewhere in a frame? Normalised correlation, no network.

OpenCV's template matching (`TM_CCOEFF_NORMED`) of each reference at a row of sizes, on pictures
reduced to 64 pixels: a copy survives scaling and compression, another view of the subject or
another background does not correlate.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from customstudio.metrics.spec import Array

SIDE = 64
"""Pixels of the shorter side of a frame that is searched."""
FRAMES = 4
"""Frames of a video that are searched, evenly spread: a paste stays."""
_SIZES = tuple(0.28 * 1.15**step for step in range(10))
"""Heights of a reference, in heights of the frame; and the reference that covers the frame."""
_SMALLEST = 8


Picture = UInt8[Array, "height width 3"]


def small(frame: UInt8[Array, "height width 3"], side: int = SIDE) -> UInt8[Array, "h w 3"]:
    """A frame reduced to a shorter side of so many pixels; a smaller one is enlarged."""
    height, width = frame.shape[:2]
    factor = side / min(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8)


def picture(image: UInt8[Array, "height width 3"]) -> Picture:
    """A reference image to look for, at most 128 pixels across its shorter side: photographs of
    a whole suite are not to be held at full size, and none is looked for above 64.

    >>> picture(np.zeros((3000, 4000, 3), np.uint8)).shape, picture(np.zeros((90, 99, 3))).shape
    ((128, 171, 3), (90, 99, 3))
    """
    return image if min(image.shape[:2]) <= 2 * SIDE else small(image, 2 * SIDE)


def searched(frames: int) -> list[int]:
    """Which frames of a video are searched.

    >>> searched(24), searched(2)
    ([0, 8, 15, 23], [0, 1])
    """
    return sorted({round(i) for i in np.linspace(0, frames - 1, FRAMES)})


def pasted(
    frames: UInt8[Array, "frames h w 3"], pictures: Sequence[Picture]
) -> Float32[Array, "searched pictures"]:
    """For each searched frame, how well each picture is found in it."""
    rows = [
        [found(frames[index].astype(np.float32), picture) for picture in pictures]
        for index in searched(len(frames))
    ]
    return np.array(rows, np.float32).reshape(len(rows), len(pictures))


def found(frame: Float32[Array, "h w 3"], picture: Picture) -> float:
    """Best correlation of a picture with the frame, at any place and size; -1 where none is."""
    best = _correlation(frame, _covering(picture, frame.shape[:2]))
    for size in _SIZES:
        best = max(best, _correlation(frame, _scaled(picture, size * frame.shape[0])))
    return best


def _correlation(frame: Array, template: Array) -> float:
    height, width = template.shape[:2]
    if height > frame.shape[0] or width > frame.shape[1] or min(height, width) < _SMALLEST:
        return -1.0
    if np.ptp(template, axis=(0, 1)).max() < 2.0:
        return -1.0  # one flat colour is found in any flat colour
    return float(cv2.matchTemplate(frame, template, cv2.TM_CCOEFF_NORMED).clip(-1, 1).max())


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
