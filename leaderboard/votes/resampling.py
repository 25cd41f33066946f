"""Intervals of everything that is counted from votes: whole raters, or whole pairs, are resampled.

One rater's votes share a taste, and votes on one pair of subjects share its videos: intervals that
resample single votes are too narrow. Bootstrap over clusters from a fixed seed; percentiles are
those of Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69
(2015), 371-386: further out for few clusters, as Student's t is, since plain ones are too narrow.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, t

from customstudio.evaluation.reduce import LEAST_PAIRS, SEED
from customstudio.leaderboard.votes.ballots import Counts
from customstudio.leaderboard.votes.davidson import Fit, connected, fit
from customstudio.metrics.spec import Array
from customstudio.records import Record

RESAMPLES = 2_000
LEAST = LEAST_PAIRS
"""Under five raters (or pairs) there is no interval."""
_CONNECTED = 0.95
_AT_ONCE = 100


class Interval(Record):
    """95% bootstrap."""

    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """What each resample gave."""

    strength: Float[Array, "resamples methods"]
    failed: Float[Array, "resamples methods"]
    """Share of a method's showings that were called both bad; NaN where it was not shown."""
    connected: Bool[Array, "resamples methods"]
    """Whether the votes of a resample still connect all that the whole votes connect with it."""
    weights: Float[Array, "resamples clusters"]

    def interval(self, values: Float[Array, "resamples"]) -> Interval | None:
        """The interval of something that each resample gave; NaN where it gave nothing."""
        return interval(values, self.weights.shape[1])


def draw(counts: Counts, whole: Fit) -> Draws | None:
    """Fit every resample of the clusters; None under five clusters."""
    clusters, size = counts.shown.shape
    if clusters < LEAST:
        return None
    weights = cluster_weights(clusters)
    wins = (weights @ counts.wins.reshape(clusters, -1)).reshape(-1, size, size)
    ties = (weights @ counts.ties.reshape(clusters, -1)).reshape(-1, size, size)
    strengths = [
        fit(wins[at : at + _AT_ONCE], ties[at : at + _AT_ONCE], whole).strength
        for at in range(0, RESAMPLES, _AT_ONCE)
    ]
    together = connected((counts.wins + counts.ties).sum(0))
    shown = weights @ counts.shown
    failed = np.full_like(shown, np.nan)
    np.divide(weights @ counts.failed, shown, out=failed, where=shown > 0)
    still: Bool[Array, "resamples methods"] = np.all(together <= connected(wins + ties), axis=2)
    return Draws(np.concatenate(strengths), failed, still, weights)


def cluster_weights(clusters: int) -> Float[Array, "resamples clusters"]:
    """How often each resample holds each cluster: the same for the same number of clusters."""
    generator = np.random.default_rng([SEED, clusters])
    even = np.full(clusters, 1 / clusters)
    return generator.multinomial(clusters, even, size=RESAMPLES).astype(np.float64)


def interval(values: Float[Array, "resamples"], clusters: int) -> Interval | None:
    """The middle of what the resamples gave; None where more than one in twenty gave nothing.

    >>> many = np.arange(10_001.0)
    >>> round(interval(many, clusters=1_000_000).low), round(interval(many, clusters=10).low)
    (250, 86)
    """
    good = values[np.isfinite(values)]
    if clusters < LEAST or len(good) < _CONNECTED * len(values):
        return None
    reach = np.sqrt(clusters / (clusters - 1)) * t.ppf(0.975, clusters - 1)
    low, high = np.percentile(good, 100 * norm.cdf([-reach, reach]))
    return Interval(low=float(low), high=float(high))
