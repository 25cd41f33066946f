"""How far raters agree, with each other and with themselves."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from math import fsum

from customstudio.leaderboard.votes.ballots import BOTH_BAD, TIE, Ballots
from customstudio.records import Record


class Agreement(Record):
    """Over comparisons (two methods, one job) that more than one rater judged."""

    comparisons: int
    share: float | None
    """Chance that two raters of one comparison gave the same answer."""
    alpha: float | None
    """Krippendorff's alpha for the four answers: 1 is full agreement, 0 is what chance gives."""


def agreement(ballots: Ballots) -> Agreement:
    """Agreement between raters; the answers are: one method, the other, tie, both bad."""
    units: dict[Hashable, list[int]] = defaultdict(list)
    for job, first, second, answer in zip(
        ballots.job, ballots.first, ballots.second, ballots.answer, strict=True
    ):
        turned = first > second and answer not in (TIE, BOTH_BAD)
        unit = (int(job), int(min(first, second)), int(max(first, second)))
        units[unit].append(int(1 - answer if turned else answer))
    judged = [answers for answers in units.values() if len(answers) > 1]
    return Agreement(comparisons=len(judged), share=_share(judged), alpha=alpha(judged))


def alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal data; None where there is nothing to compare.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: one minus observed
    over expected disagreement, from the coincidences of values within units.

    >>> alpha([["a", "a"], ["b", "b"], ["a", "b"]])
    0.4444444444444444
    """
    paired = [list(values) for values in units if len(values) > 1]
    totals = Counter(value for values in paired for value in values)
    count = sum(totals.values())
    expected = count**2 - sum(n * n for n in totals.values())
    if expected == 0:
        return None
    observed = fsum(
        (len(values) ** 2 - sum(n * n for n in Counter(values).values())) / (len(values) - 1)
        for values in paired
    )
    return 1 - (count - 1) * observed / expected


def _share(units: Sequence[Sequence[int]]) -> float | None:
    if not units:
        return None
    same = [
        sum(n * (n - 1) for n in Counter(values).values()) / (len(values) * (len(values) - 1))
        for values in units
    ]
    return fsum(same) / len(same)
