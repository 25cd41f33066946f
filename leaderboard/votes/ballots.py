"""Ballots: the answers to one question as arrays, and counted by rater or by pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from customstudio.metrics.spec import Array
from customstudio.records import Record

Answer = Literal["first", "second", "tie", "both_bad"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
FIRST, SECOND, TIE, BOTH_BAD = range(4)
By = Literal["rater", "pair"]


class Ballot(Record):
    """One rater's answer to one question about two methods' videos of one job."""

    rater: str
    pair: str
    """The subjects of the two videos, as the suite names the pair."""
    job: str
    """`pair/prompt/seed`: the same for both videos."""
    first: str
    second: str
    """Methods; which was on which side does not matter here."""
    answer: Answer


@dataclass(frozen=True)
class Ballots:
    """Ballots as columns of numbers; names are sorted, so the order of votes changes nothing."""

    methods: tuple[str, ...]
    raters: tuple[str, ...]
    pairs: tuple[str, ...]
    jobs: tuple[str, ...]
    first: Int[Array, "votes"]
    second: Int[Array, "votes"]
    answer: Int[Array, "votes"]
    rater: Int[Array, "votes"]
    pair: Int[Array, "votes"]
    job: Int[Array, "votes"]

    def __len__(self) -> int:
        return len(self.answer)

    def clusters(self, by: By) -> tuple[Int[Array, "votes"], int]:
        """Which rater, or which pair of subjects, each vote belongs to; and how many there are."""
        return (self.rater, len(self.raters)) if by == "rater" else (self.pair, len(self.pairs))


def collect(ballots: Sequence[Ballot], methods: Sequence[str] | None = None) -> Ballots:
    """The columns of some ballots; `methods` may name more than were voted on.

    Raises:
        ValueError: a method is compared with itself, or is not among `methods`.
    """
    if any(ballot.first == ballot.second for ballot in ballots):
        raise ValueError("a method is compared with itself")
    found = {name for ballot in ballots for name in (ballot.first, ballot.second)}
    names = tuple(sorted(found if methods is None else methods))
    if not found <= set(names):
        raise ValueError(f"not among the methods: {sorted(found - set(names))}")
    raters = tuple(sorted({ballot.rater for ballot in ballots}))
    pairs = tuple(sorted({ballot.pair for ballot in ballots}))
    jobs = tuple(sorted({ballot.job for ballot in ballots}))

    def column(known: Sequence[str], values: Sequence[str]) -> Int[Array, "votes"]:
        place = {name: at for at, name in enumerate(known)}
        return np.array([place[value] for value in values], dtype=np.int64)

    return Ballots(
        methods=names,
        raters=raters,
        pairs=pairs,
        jobs=jobs,
        first=column(names, [b.first for b in ballots]),
        second=column(names, [b.second for b in ballots]),
        answer=column(ANSWERS, [b.answer for b in ballots]),
        rater=column(raters, [b.rater for b in ballots]),
        pair=column(pairs, [b.pair for b in ballots]),
        job=column(jobs, [b.job for b in ballots]),
    )


@dataclass(frozen=True)
class Counts:
    """Votes counted for each cluster (a rater, or a pair of subjects)."""

    wins: Float[Array, "clusters methods methods"]
    """How often the method of the row was preferred to that of the column."""
    ties: Float[Array, "clusters methods methods"]
    """How often neither was; symmetric."""
    failed: Float[Array, "clusters methods"]
    """How often both were called bad, by method."""
    shown: Float[Array, "clusters methods"]
    """How often a method was shown."""


def count(ballots: Ballots, by: By) -> Counts:
    """Count the votes of each cluster; `both_bad` is neither a win nor a tie."""
    at, clusters = ballots.clusters(by)
    size = len(ballots.methods)
    wins, ties = np.zeros((2, clusters, size, size))
    failed, shown = np.zeros((2, clusters, size))
    first, second, answer = ballots.first, ballots.second, ballots.answer
    for code, better, worse in ((FIRST, first, second), (SECOND, second, first)):
        mine = answer == code
        np.add.at(wins, (at[mine], better[mine], worse[mine]), 1.0)
    for one, other in ((first, second), (second, first)):
        tied, bad = answer == TIE, answer == BOTH_BAD
        np.add.at(ties, (at[tied], one[tied], other[tied]), 1.0)
        np.add.at(failed, (at[bad], one[bad]), 1.0)
        np.add.at(shown, (at, one), 1.0)
    return Counts(wins, ties, failed, shown)
