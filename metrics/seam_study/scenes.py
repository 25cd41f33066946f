"""Rendered frames that are not stitched, yet have long straight lines."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from customstudio.metrics.spec import Array

Image = UInt8[Array, "height width 3"]
Scene = Callable[[Image, np.random.Generator], Image]
"""From a photograph, of the size wanted, and a generator."""


def grain(height: int, width: int, rng: np.random.Generator) -> Float32[Array, "height width 1"]:
    """Smooth-to-fine noise of mean 0 and deviation 1: sand, plaster, grass from afar."""
    total = np.zeros((height, width), np.float32)
    for size in (2, 6, 20):
        small = rng.standard_normal((max(2, height // size), max(2, width // size)))
        total += cv2.resize(small.astype(np.float32), (width, height))
    return np.asarray(total[..., None] / (total.std() + 1e-6), np.float32)


def surface(height: int, width: int, rng: np.random.Generator) -> Float32[Array, "height width 3"]:
    """A lit, slightly rough surface: a colour, a gradient of light, some grain."""
    colour = rng.uniform(30, 225, 3)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = rng.uniform(-25, 25) * x + rng.uniform(-25, 25) * y
    rough = rng.uniform(0.5, 9) * grain(height, width, rng)
    return np.asarray(colour + light[..., None] + rough, np.float32)


def _image(values: Float32[Array, "height width 3"]) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)


def horizon(photograph: Image, rng: np.random.Generator) -> Image:
    """Sky over a plain with an exactly level horizon, often with things that cross it."""
    height, width = photograph.shape[:2]
    picture = surface(height, width, rng)
    line = int(height * rng.uniform(0.3, 0.7))
    picture[line:] = surface(height, width, rng)[line:]
    for _ in range(rng.integers(0, 4)):
        centre = (int(rng.uniform(0, width)), line + int(height * rng.uniform(-0.1, 0.1)))
        axes = tuple(int(height * rng.uniform(0.05, 0.2)) for _ in range(2))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, rng.uniform(0, 255, 3).tolist(), -1)
    return _image(picture)


def door_frame(photograph: Image, rng: np.random.Generator) -> Image:
    """A door in a wall, its jambs over the whole height or nearly."""
    height, width = photograph.shape[:2]
    picture = surface(height, width, rng)
    left, right = (int(width * rng.uniform(*span)) for span in ((0.2, 0.4), (0.55, 0.8)))
    top, jamb = int(height * rng.choice([0, 0.05, 0.15])), max(2, int(width * 0.03))
    picture[top:, left - jamb : right + jamb] = surface(height, width, rng)[
        top:, left - jamb : right + jamb
    ]
    picture[top + jamb if top else 0 :, left:right] = surface(height, width, rng)[
        top + jamb if top else 0 :, left:right
    ]
    return _image(picture)


def corner(photograph: Image, rng: np.random.Generator) -> Image:
    """Two walls of a room that meet in an exactly upright corner."""
    height, width = photograph.shape[:2]
    line = int(width * rng.uniform(0.3, 0.7))
    picture = surface(height, width, rng)
    picture[:, line:] = picture[:, line:] * rng.uniform(0.6, 0.95) + rng.uniform(-10, 10)
    return _image(picture)


def table(photograph: Image, rng: np.random.Generator) -> Image:
    """A level table edge, with things on it that cover a part."""
    height, width = photograph.shape[:2]
    picture = surface(height, width, rng)
    line = int(height * rng.uniform(0.4, 0.8))
    picture[line:] = surface(height, width, rng)[line:]
    picture[line : line + max(1, height // 60)] *= 0.7
    size = int(height * rng.uniform(0.2, 0.35))
    left, top = int(rng.uniform(0, width - size)), max(0, line - int(size * 0.8))
    thing = photograph[top : top + size, left : left + size]
    picture[top : top + thing.shape[0], left : left + thing.shape[1]] = thing
    return _image(picture)


def letterbox(photograph: Image, rng: np.random.Generator) -> Image:
    """A photograph between two plain bars: one picture, so not stitched."""
    picture, bar = photograph.copy(), rng.uniform(0.08, 0.25)
    colour = rng.choice([0, 0, 255, 128])
    side = picture.shape[1] if rng.random() < 0.5 else picture.shape[0]
    width = int(side * bar)
    view = picture if side == picture.shape[0] else picture.transpose(1, 0, 2)
    view[:width] = colour
    view[-width:] = colour
    return picture


def framed(photograph: Image, rng: np.random.Generator) -> Image:
    """A photograph in a plain border on all four sides."""
    picture = np.full_like(photograph, rng.integers(0, 256, 3))
    border = int(min(picture.shape[:2]) * rng.uniform(0.05, 0.2))
    inner = (slice(border, -border), slice(border, -border))
    picture[inner] = photograph[inner]
    return picture


def inset(photograph: Image, rng: np.random.Generator) -> Image:
    """A mirrored, smaller copy inside the photograph: its sides span 0.3 to 0.6 of the frame."""
    picture = photograph.copy()
    height, width = (int(side * rng.uniform(0.3, 0.6)) for side in picture.shape[:2])
    top = int(rng.integers(picture.shape[0] - height))
    left = int(rng.integers(picture.shape[1] - width))
    small = cv2.resize(photograph[:, ::-1], (width, height), interpolation=cv2.INTER_AREA)
    picture[top : top + height, left : left + width] = small
    return picture


def stripes(photograph: Image, rng: np.random.Generator) -> Image:
    """Awnings, fences, shelves: parallel stripes of two surfaces, upright or level."""
    height, width = photograph.shape[:2]
    period = max(6, int(width * rng.uniform(0.04, 0.3)))
    odd = ((np.arange(width) + rng.integers(period)) // period % 2)[None, :, None]
    picture = np.where(odd, surface(height, width, rng), surface(height, width, rng))
    if rng.random() < 0.5:
        picture = cv2.resize(picture.transpose(1, 0, 2), (width, height))
    return _image(np.asarray(picture))


def plain(photograph: Image, rng: np.random.Generator) -> Image:
    """Black, white, one colour, a gradient, or noise."""
    height, width = photograph.shape[:2]
    kind = int(rng.integers(5))
    if kind < 3:
        colour = (np.zeros(3), np.full(3, 255.0), rng.uniform(0, 255, 3))[kind]
        return _image(np.broadcast_to(colour, (height, width, 3)).astype(np.float32))
    if kind == 3:
        return _image(surface(height, width, rng))
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


SCENES: dict[str, Scene] = {
    "horizon": horizon,
    "door frame": door_frame,
    "corner of walls": corner,
    "table edge": table,
    "letterbox": letterbox,
    "picture frame": framed,
    "inset picture": inset,
    "stripes": stripes,
    "plain": plain,
}
