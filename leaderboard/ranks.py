"""Ranks that admit ties: whose intervals overlap, share places."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from customstudio.evaluation.records import Estimate

Mark = Literal["best", "second", ""]


@dataclass(frozen=True)
class Rank:
    """The places that a method may have: those that no interval rules out."""

    first: int
    last: int
    among: int
    """Methods that have a rank."""

    @property
    def text(self) -> str:
        """`3`, or `2–4` where it is tied."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def mark(self) -> Mark:
        """Best: nobody is surely better, somebody surely worse. Second: exactly one is better."""
        if self.first == 1:
            return "best" if self.last < self.among else ""
        return "second" if self.first == 2 < self.among else ""


def ranks(estimates: Mapping[str, Estimate], better: str) -> dict[str, Rank]:
    """The ranks of methods under one key.

    One is surely better than another if its 95% interval lies wholly on the better side of the
    other's. A method without an interval has no rank, and nothing has under a key without a
    direction. The rule is cautious: paired differences (the page Compare) can tell methods apart
    whose intervals overlap.

    >>> def e(low, high):
    ...     return Estimate(mean=(low + high) / 2, low=low, high=high, pairs=9, videos=9)
    >>> found = ranks({"a": e(8, 9), "b": e(5, 7), "c": e(6, 7), "d": e(1, 2)}, "higher")
    >>> {name: rank.text for name, rank in found.items()}
    {'a': '1', 'b': '2–3', 'c': '2–3', 'd': '4'}
    """
    bounds = {
        name: (e.low, e.high)
        for name, e in estimates.items()
        if e.mean is not None and e.low is not None and e.high is not None
    }
    if better == "neither" or not bounds:
        return {}
    ends = np.array(list(bounds.values()), np.float64)
    low, high = (ends[:, 0], ends[:, 1]) if better == "higher" else (-ends[:, 1], -ends[:, 0])
    above = len(ends) - np.searchsorted(np.sort(low), high, side="right")
    below = np.searchsorted(np.sort(high), low, side="left")
    firsts, lasts = (above + 1).tolist(), (len(ends) - below).tolist()
    return {
        name: Rank(first, last, len(ends))
        for name, first, last in zip(bounds, firsts, lasts, strict=True)
    }
