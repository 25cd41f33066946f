"""What the votes on one question come to: strengths, ranks, failures, agreement, fragility."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from customstudio.leaderboard.votes.agreement import Agreement, agreement
from customstudio.leaderboard.votes.ballots import TIE, Ballot, Ballots, Counts, collect, count
from customstudio.leaderboard.votes.davidson import POINTS, Fit, chances, connected, fit
from customstudio.leaderboard.votes.deletions import Flip, fewest_deletions
from customstudio.leaderboard.votes.ranks import (
    AverageRank,
    average_ranks,
    rank_intervals,
    surely_better,
)
from customstudio.leaderboard.votes.raters import RaterFit, rater_fits
from customstudio.leaderboard.votes.resampling import Draws, Interval, draw
from customstudio.metrics.spec import Array
from customstudio.records import Record


class Standing(Record):
    """One method under one question."""

    method: str
    group: int
    """Methods of one group are connected by votes; points and ranks compare within a group only."""
    votes: int
    """Comparisons that the method took part in, both-bad ones too."""
    points: float | None
    """400 log10 of its Bradley-Terry odds, mean zero in its group; None without votes."""
    by_raters: Interval | None
    """Of the points, resampling raters; None under five raters."""
    by_pairs: Interval | None
    """Of the points, resampling pairs of subjects; None under five pairs."""
    rank: tuple[int, int] | None
    """Best and worst rank that paired differences over raters allow; None under five raters."""
    rests_on_ridge: bool
    """It won, or lost, all against some others: only the ridge keeps its points finite."""
    failed: float | None
    """Share of its showings that were called both bad."""
    failed_by_raters: Interval | None
    """None also where all, or none, were called both bad: resamples know nothing else then."""
    average_rank: AverageRank | None


class Results(Record):
    """The votes on one question."""

    standings: tuple[Standing, ...]
    """Groups by size, methods by points."""
    win_rates: tuple[tuple[float | None, ...], ...]
    """Row preferred to column, ties half, in the order of the standings; None without votes."""
    votes_each: tuple[tuple[int, ...], ...]
    """Votes on row against column, both-bad ones too."""
    votes: int
    raters: int
    pairs: int
    ties: float | None
    """Share of ties."""
    tie_chance: float | None
    """Chance of a tie between equals under the model."""
    both_bad: float | None
    """Share of both bad."""
    agreement: Agreement
    flip: Flip | None
    rater_fits: tuple[RaterFit, ...]


def summarise(ballots: Sequence[Ballot], methods: Sequence[str] | None = None) -> Results:
    """All results of the votes on one question; the order of votes is no matter.

    Args:
        methods: all methods of the study; None: those that were voted on.
    """
    columns = collect(ballots, methods)
    by_rater, by_pair = count(columns, "rater"), count(columns, "pair")
    wins, ties = by_rater.wins.sum(0), by_rater.ties.sum(0)
    whole = fit(wins, ties)
    over_raters, over_pairs = draw(by_rater, whole), draw(by_pair, whole)
    standings = _standings(columns, by_rater, whole, over_raters, over_pairs)
    order = sorted(range(len(standings)), key=lambda at: _place(standings, at))
    equals = chances(np.zeros(()), whole.log_tie)[2]
    return Results(
        standings=tuple(standings[at] for at in order),
        win_rates=_win_rates(wins, ties, order),
        votes_each=_votes_each(columns, order),
        votes=len(columns),
        raters=len(columns.raters),
        pairs=len(columns.pairs),
        ties=_share(columns.answer == TIE),
        tie_chance=float(equals) if wins.any() or ties.any() else None,
        both_bad=_share(columns.answer > TIE),
        agreement=agreement(columns),
        flip=fewest_deletions(columns.methods, wins, ties),
        rater_fits=tuple(rater_fits(columns)),
    )


def _standings(
    columns: Ballots, counts: Counts, whole: Fit, raters: Draws | None, pairs: Draws | None
) -> list[Standing]:
    decided = counts.wins.sum(0) + counts.ties.sum(0)
    together, chained = connected(decided), connected(decided, strong=True)
    ranks = rank_intervals(surely_better(raters), together) if raters else None
    averages = average_ranks(counts, raters)
    shown, failed = counts.shown.sum(0), counts.failed.sum(0)
    found = []
    for at, method in enumerate(columns.methods):
        voted = bool((decided + decided.T)[at].any())
        found.append(
            Standing(
                method=method,
                group=int(together[at].argmax()),
                votes=int(shown[at]),
                points=float(POINTS * whole.strength[at]) if voted else None,
                by_raters=_points(raters, at) if voted else None,
                by_pairs=_points(pairs, at) if voted else None,
                rank=ranks[at] if ranks and voted else None,
                rests_on_ridge=bool((together[at] & ~chained[at]).any()),
                failed=float(failed[at] / shown[at]) if shown[at] else None,
                failed_by_raters=(
                    raters.interval(raters.failed[:, at])
                    if raters and 0 < failed[at] < shown[at]
                    else None
                ),
                average_rank=averages[at],
            )
        )
    return found


def _points(draws: Draws | None, at: int) -> Interval | None:
    if draws is None:
        return None
    return draws.interval(np.where(draws.connected[:, at], POINTS * draws.strength[:, at], np.nan))


def _place(standings: Sequence[Standing], at: int) -> tuple[float, ...]:
    mine = standings[at]
    size = sum(other.group == mine.group for other in standings)
    points = -np.inf if mine.points is None else round(mine.points, 3)  # no more is known
    return (-size, mine.group, -points, at)


def _win_rates(
    wins: Float[Array, "m m"], ties: Float[Array, "m m"], order: Sequence[int]
) -> tuple[tuple[float | None, ...], ...]:
    total = wins + wins.T + ties
    won = wins + ties / 2
    return tuple(
        tuple(float(won[i, j] / total[i, j]) if total[i, j] else None for j in order) for i in order
    )


def _votes_each(columns: Ballots, order: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    size = len(columns.methods)
    votes = np.zeros((size, size), dtype=np.int64)
    np.add.at(votes, (columns.first, columns.second), 1)
    votes += votes.T
    return tuple(tuple(int(votes[i, j]) for j in order) for i in order)


def _share(mask: Float[Array, "votes"]) -> float | None:
    return float(np.mean(mask)) if len(mask) else None
