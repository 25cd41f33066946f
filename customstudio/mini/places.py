"""Where a scene plays: eight places, each drawn with variations of its own."""

from collections.abc import Callable

import numpy as np

from customstudio.mini.shapes import Array, Colour, Shape, box, ellipse, poly

Layer = tuple[float, Shape]
"""How far a shape follows the camera (0: at infinity, 1: with the subjects), and the shape."""
_HERE = np.eye(3)
_L, _R, _B = -1.0, 2.0, 2.0
"""Beyond the picture's border, so that a moving camera finds no edge."""


def place(name: str, seed: int) -> list[Layer]:
    """The layers of a place, from back to front."""
    return _PLACES[name](np.random.default_rng([7, seed]))


def _at(depth: float, points: Array, colour: Colour) -> Layer:
    return depth, Shape(points, colour, _HERE)


def _tint(rng: np.random.Generator, r: float, g: float, b: float) -> Colour:
    x, y, z = np.clip(np.array([r, g, b]) + rng.normal(0, 7, 3), 0, 255).tolist()
    return x, y, z


def _sky(rng: np.random.Generator, colour: Colour) -> list[Layer]:
    clouds = []
    for x in np.arange(-0.6, 1.7, 0.45) + rng.uniform(-0.15, 0.15):
        y = rng.uniform(0.05, 0.25)
        for dx in (-0.07, 0.0, 0.08):
            clouds.append(_at(0.15, ellipse(x + dx, y, 0.09, 0.035, 14), (245, 247, 250)))
    return [_at(0.0, box(_L, _L, _R, _B), _tint(rng, *colour)), *clouds]


def _hill(rng: np.random.Generator, y: float, rough: float, count: int = 40) -> Array:
    """A wavy ground whose edge is nowhere level: a straight one would be a seam."""
    xs = np.linspace(_L, _R, count)
    wave = sum(rough / k * np.sin(2 * np.pi * (k * xs / 1.3 + rng.uniform())) for k in (1, 2, 3))
    top = np.stack([xs, y + np.asarray(wave)], axis=1)
    return np.concatenate([top, [[_R, _B], [_L, _B]]])


def _spread(rng: np.random.Generator, step: float) -> list[float]:
    xs = np.arange(-0.7, 1.7, step)
    return list(xs + rng.uniform(-0.3, 0.3, len(xs)) * step)


def _beach(rng: np.random.Generator) -> list[Layer]:
    sea = _hill(rng, 0.46, 0.006)
    foam = [
        _at(0.5, ellipse(x, 0.60 + rng.uniform(-0.04, 0.02), 0.12, 0.008, 12), (235, 245, 250))
        for x in _spread(rng, 0.3)
    ]
    shells = [
        _at(1.0, ellipse(x, rng.uniform(0.75, 1.1), 0.016, 0.012, 8), (225, 150, 130))
        for x in _spread(rng, 0.22)
    ]
    return [
        *_sky(rng, (150, 205, 240)),
        _at(0.2, sea, _tint(rng, 35, 130, 190)),
        *foam,
        _at(0.8, _hill(rng, 0.68, 0.02), _tint(rng, 240, 215, 150)),
        *shells,
    ]


def _mountains(rng: np.random.Generator) -> list[Layer]:
    peaks: list[Layer] = []
    for x in _spread(rng, 0.42):
        high, wide = rng.uniform(0.08, 0.28), rng.uniform(0.28, 0.4)
        grey = _tint(rng, 110, 112, 130)
        peaks.append(_at(0.25, poly((x - wide, 0.66), (x, high), (x + wide, 0.66)), grey))
        cap, f = 0.66 - high, 0.3
        peaks.append(
            _at(
                0.25,
                poly((x - wide * f, high + cap * f), (x, high), (x + wide * f, high + cap * f)),
                (245, 247, 252),
            )
        )
    return [
        *_sky(rng, (175, 205, 235)),
        *peaks,
        _at(0.9, _hill(rng, 0.62, 0.03), _tint(rng, 105, 165, 80)),
    ]


def _city(rng: np.random.Generator) -> list[Layer]:
    houses: list[Layer] = []
    for x in _spread(rng, 0.19):
        top, wide = rng.uniform(0.1, 0.42), 0.08
        shade = rng.uniform(80, 150)
        houses.append(
            _at(0.4, box(x - wide, top, x + wide, 0.72), _tint(rng, shade, shade, shade + 12))
        )
        for i in range(3):
            for j in range(3):
                wx, wy = x - 0.05 + 0.05 * i, top + 0.05 + 0.08 * j
                houses.append(
                    _at(0.4, box(wx - 0.013, wy, wx + 0.013, wy + 0.035), (250, 230, 140))
                )
    marks = [
        _at(
            1.0,
            poly((x, 0.9), (x + 0.14, 0.9), (x + 0.12, 0.93), (x - 0.02, 0.93)),
            (240, 240, 235),
        )
        for x in _spread(rng, 0.3)
    ]
    return [
        *_sky(rng, (190, 200, 215)),
        *houses,
        _at(1.0, _hill(rng, 0.70, 0.008), _tint(rng, 85, 85, 92)),
        *marks,
    ]


def _snow(rng: np.random.Generator) -> list[Layer]:
    trees: list[Layer] = []
    for x in _spread(rng, 0.34):
        y, s = rng.uniform(0.62, 0.68), rng.uniform(0.8, 1.3)
        for k in range(3):
            w, t = s * (0.10 - 0.022 * k), y - s * 0.09 * k
            trees.append(_at(0.5, poly((x - w, t), (x, t - s * 0.13), (x + w, t)), (50, 95, 80)))
            trees.append(
                _at(
                    0.5,
                    poly(
                        (x - w * 0.4, t - s * 0.08), (x, t - s * 0.13), (x + w * 0.4, t - s * 0.08)
                    ),
                    (240, 245, 250),
                )
            )
    flakes = [
        _at(0.7, ellipse(x, rng.uniform(0.0, 0.6), 0.012, 0.012, 8), (255, 255, 255))
        for x in _spread(rng, 0.07)
    ]
    return [
        *_sky(rng, (165, 180, 205)),
        *trees,
        _at(0.9, _hill(rng, 0.63, 0.025), _tint(rng, 235, 240, 248)),
        *flakes,
    ]


def _forest(rng: np.random.Generator) -> list[Layer]:
    trees: list[Layer] = []
    for x in _spread(rng, 0.2):
        y, s = rng.uniform(0.66, 0.74), rng.uniform(0.85, 1.2)
        trees.append(_at(0.5, box(x - 0.025 * s, y - 0.4 * s, x + 0.025 * s, y), (95, 65, 45)))
        leaf = _tint(rng, 45, 115, 50)
        for dx, dy in ((-0.07, -0.42), (0.07, -0.44), (0.0, -0.54)):
            trees.append(_at(0.5, ellipse(x + dx * s, y + dy * s, 0.11 * s, 0.11 * s, 16), leaf))
    return [
        _at(0.0, box(_L, _L, _R, _B), _tint(rng, 70, 120, 85)),
        *trees,
        _at(1.0, _hill(rng, 0.68, 0.015), _tint(rng, 85, 100, 45)),
    ]


def _room(rng: np.random.Generator) -> list[Layer]:
    wall = _tint(rng, *rng.choice([(230, 205, 180), (205, 190, 215), (225, 200, 195)]))
    x = rng.uniform(0.2, 0.8)
    planks = [
        _at(
            1.0,
            poly((x0 - 0.01, 0.72), (x0 + 0.01, 0.72), (x0 + 0.10, 2.0), (x0 + 0.06, 2.0)),
            (140, 95, 60),
        )
        for x0 in np.arange(-0.9, 1.9, 0.2)
    ]
    return [
        _at(0.0, box(_L, _L, _R, _B), wall),
        _at(0.6, box(x - 0.17, 0.08, x + 0.17, 0.42), (250, 250, 245)),
        _at(0.6, box(x - 0.15, 0.10, x - 0.01, 0.40), (160, 210, 240)),
        _at(0.6, box(x + 0.01, 0.10, x + 0.15, 0.40), (160, 210, 240)),
        _at(0.6, box(x + 0.48, 0.12, x + 0.68, 0.36), _tint(rng, 190, 90, 80)),
        _at(0.6, box(x - 0.68, 0.12, x - 0.48, 0.36), _tint(rng, 90, 120, 160)),
        _at(1.0, _hill(rng, 0.70, 0.006), _tint(rng, 170, 120, 78)),
        *planks,
    ]


def _ocean(rng: np.random.Generator) -> list[Layer]:
    waves: list[Layer] = []
    for y in (0.55, 0.66, 0.78):
        blue = _tint(rng, 20, 105 - 70 * (y - 0.55), 175 - 60 * (y - 0.55))
        waves.append(_at(0.3 + (y - 0.5), _hill(rng, y, 0.025), blue))
        waves += [
            _at(0.3 + (y - 0.5), ellipse(x, y + 0.05, 0.07, 0.010, 12), (215, 235, 245))
            for x in _spread(rng, 0.36)
        ]
    return [
        *_sky(rng, (140, 195, 235)),
        _at(0.15, _hill(rng, 0.44, 0.006), _tint(rng, 30, 115, 185)),
        *waves,
    ]


def _desert(rng: np.random.Generator) -> list[Layer]:
    cacti: list[Layer] = []
    for x in _spread(rng, 0.4):
        y, s = rng.uniform(0.66, 0.72), rng.uniform(0.7, 1.1)
        for dx, top, w in ((0.0, 0.34, 0.035), (-0.08, 0.24, 0.022), (0.08, 0.28, 0.022)):
            low = 0.0 if dx == 0 else 0.12
            cacti.append(
                _at(
                    0.6,
                    box(x + dx * s - w * s, y - top * s, x + dx * s + w * s, y - low * s),
                    (70, 130, 75),
                )
            )
        cacti.append(
            _at(0.6, box(x - 0.09 * s, y - 0.15 * s, x + 0.09 * s, y - 0.11 * s), (70, 130, 75))
        )
    return [
        _at(0.0, box(_L, _L, _R, _B), _tint(rng, 250, 205, 140)),
        _at(0.05, ellipse(rng.uniform(0.2, 0.8), 0.17, 0.08, 0.08, 20), (255, 245, 200)),
        _at(0.3, _hill(rng, 0.52, 0.07), _tint(rng, 215, 140, 75)),
        *cacti,
        _at(1.0, _hill(rng, 0.68, 0.02), _tint(rng, 225, 160, 90)),
    ]


_PLACES: dict[str, Callable[[np.random.Generator], list[Layer]]] = {
    "on the beach": _beach,
    "in the mountains": _mountains,
    "in the city": _city,
    "in the snow": _snow,
    "in a forest": _forest,
    "in a living room": _room,
    "on a surfboard in the ocean": _ocean,
    "in the desert": _desert,
}
PLACES = tuple(_PLACES)
OCEAN = "on a surfboard in the ocean"
