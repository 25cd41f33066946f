"""Axes: values to pixels, round ticks, and how much text fits."""

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 360.0
"""Width of a panel in its own units: about the narrowest window, so that text is never shrunk."""


@dataclass(frozen=True)
class Tick:
    """A round value on an axis."""

    at: float
    label: str
    anchor: str = "middle"
    """SVG `text-anchor`: labels at the ends of an axis lean inwards."""


@dataclass(frozen=True)
class Scale:
    """A linear axis: values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies, in pixels.

        >>> Scale(0.0, 2.0, 10.0, 110.0).at(0.5)
        35.0
        """
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, most: int = 5) -> tuple[Tick, ...]:
        """Round values inside the axis, at least two of them."""
        values, decimals = _round_values(self.low, self.high, most)
        spots = [(self.at(v), f"{v + 0.0:.{decimals}f}".replace("-", "−")) for v in values]
        left, right = sorted((self.start, self.end))
        return tuple(Tick(at, label, _lean(at, label, left, right)) for at, label in spots)


NO_SPREAD = 1e-12
"""Values nearer to one another than this are one: scores are float32."""


def axis(values: Iterable[float], start: float, end: float) -> Scale:
    """An axis with some room on both sides of all values.

    >>> axis([0.5, 0.5], 0.0, 100.0)
    Scale(low=0.475, high=0.525, start=0.0, end=100.0)
    """
    found = list(values)
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    same = high - low < NO_SPREAD
    room = max(0.05 * abs(high), 0.01) if same else 0.06 * (high - low)
    return Scale(low - room, high + room, start, end)


def _round_values(low: float, high: float, most: int) -> tuple[list[float], int]:
    raw = (high - low) / most
    power = math.floor(math.log10(raw))
    for factor in (1, 2, 5, 10, 20):
        step = factor * 10.0**power
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    if last - first < 1:  # a wide step that leaves one tick says nothing of the scale
        return [low, high], max(0, 1 - power)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [k * step for k in range(first, last + 1)], decimals


def _lean(at: float, label: str, left: float, right: float) -> str:
    half = text_width(label, 11) / 2
    if at - half < left - 6:
        return "start"
    return "end" if at + half > right + 6 else "middle"


def text_width(text: str, size: float) -> float:
    """An upper estimate of the width of sans-serif text, in pixels; the font is the reader's."""
    return sum(_ems(character) for character in text) * size


def _ems(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "mwMW@%—":
        return 0.95
    return 0.7 if character.isupper() else 0.6


def fitted(text: str, room: float, size: float) -> str:
    """As much of a text as fits, with an ellipsis where something is cut.

    >>> fitted("customization", 60.0, 12.0)
    'custom…'
    """
    if text_width(text, size) <= room:
        return text
    kept = text
    while kept and text_width(kept + "…", size) > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"
