"""Raters whose votes do not look like the others': a likelihood test for each."""

import numpy as np
from scipy.stats import norm

from customstudio.evaluation.compare import holm
from customstudio.leaderboard.votes.ballots import Ballots, count
from customstudio.leaderboard.votes.davidson import chances, fit
from customstudio.records import Record

LEVEL = 0.05


class RaterFit(Record):
    """How likely a rater's votes are under the strengths that all other raters' votes give."""

    rater: str
    votes: int
    """Votes that prefer one method or call it a tie."""
    z: float | None
    """Log-likelihood, minus what it should be, over its standard deviation; low: unlike others."""
    p: float | None
    """One-sided, Holm-corrected over raters."""

    @property
    def outlier(self) -> bool:
        """Whether to look at this rater's votes; nothing is left out because of it."""
        return self.p is not None and self.p < LEVEL


def rater_fits(ballots: Ballots) -> list[RaterFit]:
    """Test every rater against a fit of the other raters' votes."""
    counts = count(ballots, "rater")
    wins, ties = counts.wins, np.triu(counts.ties)
    others = fit(counts.wins.sum(0) - counts.wins, counts.ties.sum(0) - counts.ties)
    gaps = others.strength[:, :, None] - others.strength[:, None, :]
    better, worse, tied = chances(gaps, others.log_tie[:, None, None])
    logs = (np.log(better), np.log(worse), np.log(tied))
    mean = better * logs[0] + worse * logs[1] + tied * logs[2]
    second = better * logs[0] ** 2 + worse * logs[1] ** 2 + tied * logs[2] ** 2
    votes = wins + ties
    reached = (wins * logs[0] + ties * logs[2]).sum((1, 2))
    expected, variance = (votes * mean).sum((1, 2)), (votes * (second - mean**2)).sum((1, 2))
    numbers = votes.sum((1, 2))
    usable = (variance > 1e-12) & (len(ballots.raters) > 2)
    z = [
        float((r - e) / np.sqrt(v)) if ok else None
        for r, e, v, ok in zip(reached, expected, variance, usable, strict=True)
    ]
    p = holm([None if value is None else float(norm.cdf(value)) for value in z])
    return [
        RaterFit(rater=name, votes=int(n), z=value, p=corrected)
        for name, n, value, corrected in zip(ballots.raters, numbers, z, p, strict=True)
    ]
