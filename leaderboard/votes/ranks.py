"""Ranks: from paired differences of strengths, and each rater's own, averaged."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from customstudio.leaderboard.votes.ballots import Counts
from customstudio.leaderboard.votes.resampling import Draws, Interval, interval
from customstudio.metrics.spec import Array
from customstudio.records import Record

_NOTHING = 1e-6
"""A difference of strengths below it is the last digits of a fit."""


class AverageRank(Record):
    """The mean of a method's ranks over raters, 1 the best."""

    mean: float
    raters: int
    """Raters that compared every method at least once; the others rank nothing."""
    interval: Interval | None


def surely_better(draws: Draws) -> Bool[Array, "methods methods"]:
    """Whether the interval of the difference, row minus column, lies above zero."""
    size = draws.strength.shape[1]
    better = np.zeros((size, size), dtype=bool)
    for i in range(size):
        both = draws.connected & draws.connected[:, [i]]
        gaps = np.where(both, draws.strength[:, [i]] - draws.strength, np.nan)
        for j in range(size):
            found = draws.interval(gaps[:, j]) if i != j else None
            better[i, j] = found is not None and found.low > _NOTHING
    return better


def rank_intervals(
    better: Bool[Array, "methods methods"], together: Bool[Array, "methods methods"]
) -> list[tuple[int, int]]:
    """Best and worst rank of each method among those that votes connect with it.

    Best: one more than the methods that are surely better; worst: all but those surely worse.

    >>> rank_intervals(np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], bool), np.ones((3, 3), bool))
    [(1, 2), (1, 2), (3, 3)]
    """
    above = (better & together).sum(0)
    below = (better & together).sum(1)
    sizes = together.sum(1)
    return [(int(a) + 1, int(s - b)) for a, b, s in zip(above, below, sizes, strict=True)]


def average_ranks(by_rater: Counts, draws: Draws | None) -> list[AverageRank | None]:
    """Each rater ranks the methods by the share of own votes that each won, ties counting half.

    After the user study of VideoDreamer, arXiv:2311.00990, where raters ranked the methods
    themselves and the table gives each method's average rank; here ranks come from the rater's
    comparisons, and equal shares share their rank.
    """
    own = rater_ranks(by_rater)
    complete = np.isfinite(own).all(1) if own.size else np.zeros(len(own), dtype=bool)
    if not complete.any():
        return [None] * own.shape[1]
    kept = own[complete]
    means = np.full((0, own.shape[1]), np.nan)
    if draws is not None:
        weights = draws.weights[:, complete]
        total = weights.sum(1, keepdims=True)
        means = np.where(total > 0, weights @ kept / np.maximum(total, 1.0), np.nan)
    return [
        AverageRank(
            mean=float(kept[:, at].mean()),
            raters=len(kept),
            interval=interval(means[:, at], len(kept)) if draws is not None else None,
        )
        for at in range(own.shape[1])
    ]


def rater_ranks(by_rater: Counts) -> Float[Array, "raters methods"]:
    """Every rater's ranks, 1 the best; NaN for all methods where the rater missed one."""
    voted = by_rater.wins + by_rater.wins.swapaxes(1, 2) + by_rater.ties
    seen = (by_rater.wins + by_rater.wins.swapaxes(1, 2) + by_rater.ties).sum((0, 2)) > 0
    ranks = np.full(by_rater.shown.shape, np.nan)
    for at, votes in enumerate(voted.sum(2)):
        if seen.all() and (votes > 0).all():
            won = (by_rater.wins[at] + by_rater.ties[at] / 2).sum(1)
            ranks[at] = rankdata(-np.round(won / votes, 12))
    return ranks
