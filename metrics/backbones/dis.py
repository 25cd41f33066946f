"""DIS: dense optical flow by OpenCV, without weights.

Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, arXiv:1603.03590.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from customstudio.metrics.dynamic_degree import top_mean
from customstudio.metrics.spec import Array

VERSION = 1
PRESET = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
"""On textures moved by 1 to 40 pixels MEDIUM errs by 0.15 source pixels at most, FAST by 0.26."""
SHORTER_SIDE = 256
"""Larger frames are reduced to it, so that time stays bounded: it grows with the area."""
SMALLEST = 64
"""Smaller frames are padded to it with their border pixels; DIS needs a pyramid to search in."""


def motion(first: UInt8[Array, "height width 3"], second: UInt8[Array, "height width 3"]) -> float:
    """Mean of the largest 5% of flow magnitudes between two frames, in source pixels.

    >>> still = np.zeros((64, 64, 3), np.uint8)
    >>> motion(still, still)
    0.0
    """
    flow = dense_flow(first, second)
    return top_mean(np.hypot(flow[..., 0], flow[..., 1]))


def dense_flow(
    first: UInt8[Array, "height width 3"], second: UInt8[Array, "height width 3"]
) -> Float32[Array, "rows columns 2"]:
    """Flow in source pixels (x, y), at the reduced size, from RGB frames.

    The flow object is made anew for each pair: it keeps buffers, and threads share none.
    """
    height, width = first.shape[:2]
    scale = min(1.0, SHORTER_SIDE / min(height, width))
    rows, columns = round(height * scale), round(width * scale)
    before, after = (_prepared(frame, rows, columns) for frame in (first, second))
    engine = cv2.DISOpticalFlow.create(PRESET)
    flow = engine.calc(before, after, None)  # type: ignore[call-overload]  # None: no first guess
    flow = np.asarray(flow, np.float32)[:rows, :columns]
    return flow * np.array([width / columns, height / rows], np.float32)


def _prepared(
    frame: UInt8[Array, "height width 3"], rows: int, columns: int
) -> UInt8[Array, "padded_rows padded_columns"]:
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    if grey.shape != (rows, columns):
        grey = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    down, right = max(0, SMALLEST - rows), max(0, SMALLEST - columns)
    padded = cv2.copyMakeBorder(grey, 0, down, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)
