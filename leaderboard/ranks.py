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
    mark: Mark = ""
    """The largest and the second largest mean (the smallest, where lower is better)."""

    @property
    def tied(self) -> bool:
        """Whether others may have its place."""
        return self.first != self.last

    @property
    def text(self) -> str:
        """`3`, or `2–4` where it is tied."""
        return f"{self.first}–{self.last}" if self.tied else str(self.first)

    @property
    def words(self) -> str:
        """`best`, or `best, tied`; empty where it is neither best nor second."""
        return f"{self.mark}, tied" if self.mark and self.tied else self.mark


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
    marks = _marks({name: estimates[name].mean or 0.0 for name in bounds}, better)
    return {
        name: Rank(first, last, marks.get(name, ""))
        for name, first, last in zip(bounds, firsts, lasts, strict=True)
    }


def _marks(means: Mapping[str, float], better: str) -> dict[str, Mark]:
    """Best of two or more, second of three or more; equal means share the mark."""
    levels = sorted(set(means.values()), reverse=better == "higher")
    if len(means) < 2 or len(levels) < 2:
        return {}
    best: dict[str, Mark] = {name: "best" for name, mean in means.items() if mean == levels[0]}
    if len(means) == 2 or len(best) > 1:
        return best
    return best | {name: "second" for name, mean in means.items() if mean == levels[1]}
