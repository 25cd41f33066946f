"""Coloured polygons, painted in order: pixels, whose pixel it is, and the exact optical flow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

Array = np.ndarray[Any, np.dtype[Any]]
Colour = tuple[float, float, float]
"""Red, green and blue from 0 to 255."""
_FINEST = 256
"""Pixels across the canvas that is painted; smaller pictures are reduced from it by area."""
_BITS = 4
_OUTLINE = 0.006


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon of one colour, with what is painted on it."""

    points: Float[Array, "n 2"]
    """Corners in the shape's own coordinates."""
    colour: Colour
    matrix: Float[Array, "3 3"]
    """From own coordinates to the picture's: x to the right and y down, from 0 to 1."""
    label: int = 0
    """0: background and things; i + 1: subject i."""
    pattern: tuple[tuple[Float[Array, "n 2"], Colour], ...] = ()
    """Polygons in the shape's own coordinates, cut off at its border."""

    def moved(self, matrix: Float[Array, "3 3"], label: int | None = None) -> "Shape":
        """The shape after another transform, and with another label if one is given."""
        return replace(
            self, matrix=matrix @ self.matrix, label=self.label if label is None else label
        )


def shift(x: float, y: float) -> Float[Array, "3 3"]:
    """The transform that moves by (x, y)."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scale(x: float, y: float | None = None) -> Float[Array, "3 3"]:
    """The transform that scales about the origin."""
    return np.asarray(np.diag([x, x if y is None else y, 1.0]))


def turn(angle: float, x: float = 0.0, y: float = 0.0) -> Float[Array, "3 3"]:
    """The transform that turns by an angle in radians, clockwise in the picture, about (x, y)."""
    c, s = np.cos(angle), np.sin(angle)
    turned = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(shift(x, y) @ turned @ shift(-x, -y))


def ellipse(x: float, y: float, rx: float, ry: float, corners: int = 28) -> Float[Array, "n 2"]:
    """Corners of an ellipse."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Float[Array, "4 2"]:
    """Corners of a rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def poly(*corners: tuple[float, float]) -> Float[Array, "n 2"]:
    """Corners as they are given."""
    return np.array(corners, np.float64)


def paint(
    shapes: Sequence[Shape], size: int
) -> tuple[UInt8[Array, "size size 3"], Int[Array, "size size"]]:
    """The picture, and for each pixel the index of the shape seen at its centre."""
    fine = size * max(1, -(-_FINEST // size))
    picture = np.zeros((fine, fine, 3), np.uint8)
    owner = np.zeros((fine, fine), np.int32)
    for index, shape in enumerate(shapes):
        corners = _pixels(shape.points, shape.matrix, fine)
        cv2.fillPoly(owner, [corners], index, shift=_BITS)
        if shape.pattern:
            _patterned(picture, shape, corners, fine)
        else:
            cv2.fillPoly(picture, [corners], _rgb(shape.colour), shift=_BITS)
        if shape.label:
            dark = _rgb(tuple(0.45 * c for c in shape.colour))
            width = max(1, round(_OUTLINE * fine))
            cv2.polylines(picture, [corners], True, dark, width, cv2.LINE_AA, _BITS)
    factor = fine // size
    centre = factor // 2
    if factor == 1:
        return picture, owner
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(small), owner[centre::factor, centre::factor]


def flow(
    now: Sequence[Shape], then: Sequence[Shape], owner: Int[Array, "size size"]
) -> Float32[Array, "size size 2"]:
    """Where each pixel of the first picture has gone in the second, in pixels (x, y).

    Both lists hold the same shapes in the same order; a point of a shape moves with the shape's
    own transform, whether it is seen in the second picture or not.
    """
    size = owner.shape[0]
    moves = np.stack(
        [
            after.matrix @ np.linalg.inv(before.matrix)
            for before, after in zip(now, then, strict=True)
        ]
    )[owner]
    ys, xs = np.mgrid[:size, :size]
    centres = np.stack([(xs + 0.5) / size, (ys + 0.5) / size, np.ones((size, size))], axis=-1)
    ends = np.einsum("hwij,hwj->hwi", moves, centres)
    return np.asarray((ends - centres)[..., :2] * size, np.float32)


def _patterned(picture: Array, shape: Shape, corners: Array, fine: int) -> None:
    x0, y0 = np.clip(corners.min(axis=0) // 2**_BITS - 1, 0, fine)
    x1, y1 = np.clip(corners.max(axis=0) // 2**_BITS + 2, 0, fine)
    if x1 <= x0 or y1 <= y0:
        return
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    offset = np.array([x0, y0]) * 2**_BITS
    cv2.fillPoly(inside, [(corners - offset).astype(np.int32)], 255, shift=_BITS)
    skin = np.empty((*inside.shape, 3), np.uint8)
    skin[:] = _rgb(shape.colour)
    for points, colour in shape.pattern:
        marks = (_pixels(points, shape.matrix, fine) - offset).astype(np.int32)
        cv2.fillPoly(skin, [marks], _rgb(colour), shift=_BITS)
    where = inside.astype(bool)
    picture[y0:y1, x0:x1][where] = skin[where]


def _pixels(points: Array, matrix: Array, fine: int) -> Array:
    placed = points @ matrix[:2, :2].T + matrix[:2, 2]
    # Pixel centres are at half a pixel in the picture and at whole numbers in OpenCV.
    return np.asarray(np.round((placed * fine - 0.5) * 2**_BITS), np.int32)


def _rgb(colour: Sequence[float]) -> tuple[int, int, int]:
    r, g, b = (int(min(255, max(0, round(c)))) for c in colour)
    return r, g, b
