"""Raters that do not exist: votes drawn from known strengths, to see what the statistics find.

`python -m tests.leaderboard.votes.simulation` prints how often the intervals hold the truth.
"""

import sys
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from customstudio.leaderboard.votes.ballots import ANSWERS, Ballot, collect, count
from customstudio.leaderboard.votes.davidson import POINTS, fit
from customstudio.leaderboard.votes.resampling import draw


def votes(
    strengths: NDArray[np.float64],
    *,
    raters: int,
    each: int,
    taste: float = 0.0,
    nu: float = 0.5,
    bad: float = 0.0,
    pairs: int = 12,
    seed: int = 0,
) -> list[Ballot]:
    """Every rater votes `each` times; `taste` is the spread of the raters' own strengths."""
    generator = np.random.default_rng(seed)
    table = list(combinations(range(len(strengths)), 2))
    ballots = []
    for rater in range(raters):
        own = strengths + taste * generator.standard_normal(len(strengths))
        for at in range(each):
            i, j = table[(at + rater) % len(table)]
            odds = np.array([np.exp(own[i]), np.exp(own[j]), nu * np.exp((own[i] + own[j]) / 2)])
            answer = int(generator.choice(3, p=odds / odds.sum()))
            if generator.random() < bad:
                answer = 3
            pair = f"p{generator.integers(pairs):02d}"
            ballots.append(
                Ballot(
                    rater=f"r{rater:03d}",
                    pair=pair,
                    job=f"{pair}/t/{at % 4}",
                    first=f"m{i}",
                    second=f"m{j}",
                    answer=ANSWERS[answer],
                )
            )
    return ballots


def coverage(worlds: int, *, raters: int, each: int, taste: float) -> tuple[float, float]:
    """Share of methods whose interval over raters holds the true points; and its mean width."""
    truth = np.array([0.6, 0.2, 0.0, -0.3, -0.5])
    held, widths = [], []
    for world in range(worlds):
        ballots = votes(truth, raters=raters, each=each, taste=taste, seed=1000 * raters + world)
        counts = count(collect(ballots), "rater")
        draws = draw(counts, fit(counts.wins.sum(0), counts.ties.sum(0)))
        assert draws is not None
        for at, true in enumerate(truth * POINTS):
            found = draws.interval(POINTS * draws.strength[:, at])
            assert found is not None
            held.append(found.low <= true <= found.high)
            widths.append(found.high - found.low)
    return float(np.mean(held)), float(np.mean(widths))


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("raters  votes each  taste  coverage  mean width (points)")
    for raters, each in ((10, 30), (25, 60), (50, 60)):
        for taste in (0.0, 0.3):
            share, width = coverage(number, raters=raters, each=each, taste=taste)
            print(f"{raters:6d}  {each:10d}  {taste:5.1f}  {share:8.3f}  {width:6.0f}")
