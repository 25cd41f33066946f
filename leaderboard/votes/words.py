"""Results as words and places on an axis: what the report's pages and the Vote page print."""

from collections.abc import Sequence
from dataclasses import dataclass

from customstudio.leaderboard.votes.outcome import Outcome
from customstudio.leaderboard.votes.resampling import LEAST, Interval
from customstudio.leaderboard.votes.results import Results, Standing
from customstudio.leaderboard.votes.study import TITLES
from customstudio.report.scale import WIDTH, Scale, Tick, axis
from customstudio.report.text import count, percent
from customstudio.submissions.votes import Question

COLUMNS = ("rank", "method", "points", "95% over raters", "95% over pairs", "average rank",
           "both bad", "votes")  # fmt: skip
_MARGIN, _NO_VOTES = 10.0, -1


@dataclass(frozen=True)
class Line:
    """One method's row: words, and where its interval lies."""

    cells: tuple[str, ...]
    """As in `COLUMNS`."""
    x: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Sheet:
    """One question, ready to print."""

    question: Question
    title: str
    groups: tuple[tuple[Line, ...], ...]
    """Methods that votes connect, the largest group first; those without votes are one group."""
    ticks: tuple[Tick, ...]
    methods: tuple[str, ...]
    matrix: tuple[tuple[str, ...], ...]
    """`62% of 40`: row preferred to column, of how many votes."""
    notes: tuple[str, ...]


def sheets(outcome: Outcome) -> tuple[Sheet, ...]:
    """All questions of a study."""
    return tuple(sheet(question, results) for question, results in outcome.questions.items())


def sheet(question: Question, results: Results) -> Sheet:
    """One question's results in words."""
    scale = axis(_reach(results.standings), _MARGIN, WIDTH - _MARGIN)
    groups: dict[int, list[Line]] = {}
    for standing in results.standings:
        group = _NO_VOTES if standing.points is None else standing.group
        groups.setdefault(group, []).append(_line(standing, scale))
    return Sheet(
        question=question,
        title=TITLES[question],
        groups=tuple(map(tuple, groups.values())),
        ticks=scale.ticks(),
        methods=tuple(s.method for s in results.standings),
        matrix=_matrix(results),
        notes=tuple(_notes(results, len(groups.keys() - {_NO_VOTES}))),
    )


def facts(outcome: Outcome) -> tuple[str, ...]:
    """How the study went, in sentences."""
    said = [
        f"{count(len(outcome.raters), 'rater')} of {outcome.invited:,} invited answered "
        f"{outcome.comparisons:,} of {count(outcome.planned, 'comparison')} "
        f"({count(outcome.votes, 'answer')}).",
    ]
    out = outcome.left_out
    if out:
        said.append(
            f"Left out: {count(len(out), 'rater')} with fewer than {percent(outcome.gold_least)} "
            "of the gold answers right."
        )
        changed = [
            TITLES[q].lower()
            for q, results in outcome.questions.items()
            if tuple(s.method for s in results.standings) != outcome.everybody[q]
        ]
        said.append(
            f"With them the order would be another under: {', '.join(changed)}."
            if changed
            else "With them the order would be the same under every question."
        )
    elif sum(check.gold for check in outcome.raters):
        said.append(
            f"Every rater had at least {percent(outcome.gold_least)} of the gold answers right."
        )
    if outcome.repeats_same is not None:
        said.append(
            f"Shown again with the sides turned, {percent(outcome.repeats_same)} of the answers "
            "were the same."
        )
    if outcome.left is not None:
        said.append(f"{percent(outcome.left)} of the preferences went to the left side.")
    return tuple(said)


def points(value: float) -> str:
    """Points as text.

    >>> points(-12.4), points(0.2), points(110)
    ('−12', '0', '+110')
    """
    whole = round(value)
    return f"−{-whole}" if whole < 0 else f"+{whole}" if whole > 0 else "0"


def rank(standing: Standing) -> str:
    """`1`, or `1–3` where methods are tied."""
    if standing.rank is None:
        return "–"
    first, last = standing.rank
    return str(first) if first == last else f"{first}–{last}"


def _line(standing: Standing, scale: Scale) -> Line:
    average, raters = standing.average_rank, standing.by_raters
    mean = "–" if average is None else f"{average.mean:.2f}"
    if average is not None and average.interval is not None:
        mean += f" ({average.interval.low:.2f} to {average.interval.high:.2f})"
    failed = "–" if standing.failed is None else percent(standing.failed)
    if standing.failed_by_raters is not None:
        low, high = standing.failed_by_raters.low, standing.failed_by_raters.high
        failed += f" ({percent(low)} to {percent(high)})"
    return Line(
        cells=(
            rank(standing),
            standing.method,
            "no votes" if standing.points is None else points(standing.points),
            _bounds(raters),
            _bounds(standing.by_pairs),
            mean,
            failed,
            f"{standing.votes:,}",
        ),
        x=None if standing.points is None else scale.at(standing.points),
        low=scale.at(raters.low) if raters else None,
        high=scale.at(raters.high) if raters else None,
    )


def _bounds(found: Interval | None) -> str:
    return f"{points(found.low)} to {points(found.high)}" if found else "–"


def _reach(standings: Sequence[Standing]) -> list[float]:
    found = [s.points for s in standings if s.points is not None]
    return found + [end for s in standings if s.by_raters for end in _ends(s.by_raters)]


def _ends(found: Interval) -> tuple[float, float]:
    return found.low, found.high


def _matrix(results: Results) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(
            "" if i == j else f"{percent(rate) if rate is not None else '–'} of {votes:,}"
            for j, (rate, votes) in enumerate(zip(rates, each, strict=True))
        )
        for i, (rates, each) in enumerate(zip(results.win_rates, results.votes_each, strict=True))
    )


def _notes(results: Results, groups: int) -> list[str]:
    said = [f"{count(results.votes, 'vote')} of {count(results.raters, 'rater')} on "
            f"{count(results.pairs, 'pair')} of subjects."]  # fmt: skip
    if results.votes and results.ties is not None and results.both_bad is not None:
        said.append(f"Ties: {percent(results.ties)}; both bad: {percent(results.both_bad)}.")
    if results.raters < LEAST:
        said.append(f"No intervals and no ranks: {LEAST} raters are needed.")
    if groups > 1:
        said.append("No votes connect some methods: points compare within a table only.")
    if any(s.rests_on_ridge for s in results.standings):
        said.append(
            "Some methods won, or lost, all against others: how far apart they are is not known."
        )
    agreed = results.agreement
    if agreed.share is not None:
        alpha = "" if agreed.alpha is None else f" (Krippendorff's alpha {agreed.alpha:.2f})"
        said.append(
            f"Two raters of one comparison agreed in {percent(agreed.share)}{alpha}, over "
            f"{count(agreed.comparisons, 'comparison')}."
        )
    if results.flip is not None:
        flip = results.flip
        said.append(
            f"Deleting {flip.votes:,} of {count(flip.of, 'vote')} ({percent(flip.votes / flip.of)})"
            f" would put {flip.challenger} before {flip.top}."
        )
    outliers = [fit.rater for fit in results.rater_fits if fit.outlier]
    if outliers:
        said.append(f"Unlike the others' (p < 0.05, corrected): raters {', '.join(outliers)}.")
    return said
