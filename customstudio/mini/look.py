"""What tells one individual of a class from another."""

import colorsys
import zlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from customstudio.mini.shapes import Array, Colour

NOUNS = {
    "cat": "pet",
    "dog": "pet",
    "man": "person",
    "woman": "person",
    "bear plushie": "plush",
    "robot toy": "toy",
    "duck toy": "toy",
    "flower": "plant",
    "chair": "furniture",
    "car": "transport",
    "sneaker": "wearable item",
    "backpack": "thing",
    "vase": "decorate item",
    "guitar": "instrument",
    "barn": "scene",
}
"""Class noun -> category of the suite's tables."""
PATTERNS = ("plain", "stripes", "bands", "spots", "half", "patch", "checks", "star")
SKINS: tuple[Colour, ...] = (
    (250, 220, 190),
    (235, 190, 150),
    (205, 150, 110),
    (165, 110, 75),
    (120, 78, 52),
    (85, 55, 40),
)
HAIRS: tuple[Colour, ...] = (
    (30, 25, 25),
    (90, 55, 30),
    (150, 90, 45),
    (230, 190, 90),
    (190, 70, 35),
    (170, 170, 175),
    (110, 60, 150),
    (40, 110, 160),
)


@dataclass(frozen=True, eq=False)
class Look:
    """Colours, pattern and proportions; each body reads them in its own way."""

    main: Colour
    second: Colour
    skin: Colour
    hair: Colour
    pattern: str
    angle: float
    """Of the pattern, in radians."""
    count: float
    """How many stripes or spots."""
    shape: tuple[float, ...]
    """Six proportions, each from 0 to 1."""
    style: tuple[int, ...]
    """Four choices, each from 0 to 3: ears, hair, glasses, marks."""


@dataclass(frozen=True)
class Identity:
    """One individual: a class noun and a number, from which its look is drawn."""

    noun: str
    seed: int

    @property
    def category(self) -> str:
        """The category of its class."""
        return NOUNS[self.noun]

    @property
    def look(self) -> Look:
        """The same for the same noun and number, on every machine."""
        rng = np.random.default_rng([zlib.crc32(self.noun.encode()), self.seed])
        main = _vivid(rng)
        second = _vivid(rng)
        while np.abs(np.subtract(main, second)).sum() < 160:
            second = _vivid(rng)
        return Look(
            main=main,
            second=second,
            skin=_near(rng, SKINS[rng.integers(len(SKINS))]),
            hair=_near(rng, HAIRS[rng.integers(len(HAIRS))]),
            pattern=str(rng.choice(PATTERNS)),
            angle=float(rng.uniform(-0.6, 0.6)),
            count=float(rng.uniform(2.0, 4.99)),
            shape=tuple(float(v) for v in rng.uniform(0, 1, 6)),
            style=tuple(int(v) for v in rng.integers(0, 4, 4)),
        )


def mix(first: Look, second: Look, weight: float, only: tuple[str, ...] = ()) -> Look:
    """A look between two: numbers are interpolated, choices change over at one half.

    Args:
        first: the look at weight 0.
        second: the look at weight 1.
        weight: from 0 to 1.
        only: the fields that take part; none named: all.
    """
    values: dict[str, Any] = {}
    for field in fields(Look):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if only and field.name not in only:
            values[field.name] = a
        elif isinstance(a, str) or field.name == "style":
            values[field.name] = b if weight > 0.5 else a
        elif isinstance(a, tuple):
            values[field.name] = tuple((1 - weight) * np.array(a) + weight * np.array(b))
        else:
            values[field.name] = (1 - weight) * a + weight * b
    return Look(**values)


def distance(first: Look, second: Look) -> float:
    """How unlike two looks are: mean difference of colours and proportions, from 0 to 1."""
    colours = [
        np.abs(np.subtract(getattr(first, n), getattr(second, n))).mean() / 255
        for n in ("main", "second")
    ]
    proportions = np.abs(np.subtract(first.shape, second.shape)).mean()
    return float(np.mean([*colours, proportions, first.pattern != second.pattern]))


def _vivid(rng: np.random.Generator) -> Colour:
    value = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.15, 0.95), rng.uniform(0.4, 0.98))
    r, g, b = (255 * c for c in value)
    return r, g, b


def _near(rng: np.random.Generator, colour: Colour) -> Colour:
    moved: Array = np.clip(np.array(colour) + rng.normal(0, 8, 3), 0, 255)
    r, g, b = (float(c) for c in moved)
    return r, g, b
