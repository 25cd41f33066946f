"""Paired differences as the pages tell them: under which keys, between which methods, in words."""

from collections.abc import Mapping, Sequence

from customstudio.evaluation.compare import Difference
from customstudio.evaluation.records import KeyInfo
from customstudio.leaderboard.boards import Part
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.table import Ranked, ordered
from customstudio.report.text import number
from customstudio.submissions.entries import Listed

FOREMOST = 10
"""Methods of one section that static pages hold against each other, and show videos of."""
LEVEL = 0.05
"""A corrected p below it tells two methods apart."""
ABOUT = (
    "Every two methods are held against each other on the jobs that both scored: the mean over "
    "pairs of their differences, a 95% bootstrap interval over pairs, and p of a sign-flip test "
    "over pairs, corrected after Holm"
)


def usual_keys(columns: Sequence[KeyInfo]) -> tuple[KeyInfo, ...]:
    """What methods are compared under where nobody chose: the protocol's, with a direction."""
    return tuple(key for key in columns if key.headline and key.better != "neither")


def foremost(ranked: Ranked, part: Part) -> list[Listed]:
    """The methods of a section, best first by the first headline key; at most `FOREMOST`."""
    query = Query()
    return ordered(ranked.standing.part(part), ranked.shown(query), query)[:FOREMOST]


def difference_row(one: Difference, names: Mapping[str, str], key: KeyInfo) -> dict[str, str]:
    """One difference as a row of texts."""
    between = f"{_text(one.low)} to {_text(one.high)}" if one.low is not None else "none"
    return {
        "metric": key.title,
        "first": names[one.first],
        "second": names[one.second],
        "second minus first": _text(one.difference),
        "95% interval": between,
        "p": _text(one.p),
        "p, corrected": _text(one.p_corrected),
        "better": verdict(one, names, key),
        "pairs": str(one.pairs),
        "videos": str(one.videos),
    }


def verdict(one: Difference, names: Mapping[str, str], key: KeyInfo) -> str:
    """Which of two methods is better, where the corrected p tells them apart."""
    if one.p_corrected is None or one.p_corrected >= LEVEL or not one.difference:
        return "not told apart"
    if key.better == "neither":
        return "they differ"
    return names[one.second if (one.difference > 0) == (key.better == "higher") else one.first]


def _text(value: float | None) -> str:
    return "none" if value is None else number(value)
