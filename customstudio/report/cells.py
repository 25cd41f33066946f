"""Cells of the report's tables: an estimate in words, and when one may be called the best."""

from collections.abc import Sequence
from dataclasses import dataclass

from customstudio.evaluation.records import Coverage, Estimate, KeyInfo, MethodSummary
from customstudio.evaluation.reduce import LEAST_PAIRS
from customstudio.metrics.spec import NOT_APPLICABLE
from customstudio.report.text import count, in_words, number, percent


@dataclass(frozen=True)
class Cell:
    """One estimate, ready to print."""

    mean: str
    """Empty where there is no value."""
    interval: str
    """`0.2790 to 0.2871`; empty where there is none."""
    note: str
    """Why there is no value, or no interval; empty where there is both."""
    size: str
    """`60 pairs, 2,400 videos`."""
    pairs: str = ""
    coverage: str = ""
    failed: str = ""
    """`3 videos failed`; empty where none did."""
    best: bool = False
    grave: bool = False
    """The note tells of a failure, not of a score that does not apply or has too few pairs."""

    @property
    def tone(self) -> str:
        """Class of the note."""
        return "why" if self.grave else "faint"


def make_cell(estimate: Estimate, coverage: Coverage | None = None, best: bool = False) -> Cell:
    """An estimate in words; never a 0 or a blank for what has no value."""
    mean = "" if estimate.mean is None else number(estimate.mean)
    bounds = interval(estimate)
    note = ""
    if not mean:
        note = f"no value: {in_words(estimate.reason)}"
    elif not bounds:
        note = f"no interval: {count(estimate.pairs, 'pair')}, {LEAST_PAIRS} needed"
    return Cell(
        mean=mean,
        interval=" to ".join(map(number, bounds)) if bounds else "",
        note=note,
        pairs=count(estimate.pairs, "pair"),
        size=f"{count(estimate.pairs, 'pair')}, {count(estimate.videos, 'video')}",
        coverage=percent(coverage.share) if coverage else "",
        failed=f"{count(coverage.failed, 'video')} failed" if coverage and coverage.failed else "",
        best=best,
        grave=not mean and not estimate.reason.startswith((NOT_APPLICABLE, "no videos")),
    )


def interval(estimate: Estimate) -> tuple[float, float] | None:
    """The 95% interval, where there is one."""
    if estimate.mean is None or estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


def best_method(methods: Sequence[MethodSummary], key: KeyInfo) -> str | None:
    """The method that may be set in bold: full coverage, and an interval clear of all others.

    Nobody is the best of one, of several whose intervals overlap or are unknown, or on a key
    without a direction. It is a cautious rule: paired differences (`customstudio compare`) can
    tell methods apart whose intervals overlap.
    """
    sign = {"higher": 1.0, "lower": -1.0, "neither": 0.0}[key.better]
    scored = [m for m in methods if m.overall[key.key].mean is not None]
    bounds = {m.method: interval(m.overall[key.key]) for m in scored}
    if not sign or len(scored) < 2 or None in bounds.values():
        return None
    ranges = {name: sorted(sign * v for v in pair) for name, pair in bounds.items() if pair}
    for method in scored:
        others = [high for name, (_, high) in ranges.items() if name != method.method]
        clear = ranges[method.method][0] > max(others)
        if clear and not method.coverage[key.key].failed:
            return method.method
    return None
