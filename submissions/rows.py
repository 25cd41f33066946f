"""The rows of a submission against its suite: every job, every metric, nothing impossible."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.metrics.spec import NOT_APPLICABLE, Array, Bounds
from customstudio.submissions.findings import Finding, first_of
from customstudio.submissions.texts import reason as check_reason
from customstudio.suites.schema import Suite

ROUNDING = 1e-5
"""How far a float32 may lie beyond a bound, or a video's value from its subjects' mean."""
_MOST_REASONS = 20
_EVALUATE = "evaluate again, or submit the tables as the run wrote them"


class Rows:
    """`scores.parquet` as arrays: each row's job, key and subject as a number, or -1."""

    def __init__(
        self, table: pa.Table, suite: Suite, protocol: Protocol, metrics: Sequence[str]
    ) -> None:
        self.table, self.suite, self.protocol, self.metrics = table, suite, protocol, metrics
        self.jobs = [job.id for job in suite.jobs]
        self.subjects = list(suite.subjects)
        self.keys = list(self.bounds)
        self.job = _indices(table["job"], self.jobs)
        self.key = _indices(table["metric"], self.keys)
        self.subject = _indices(table["subject"], self.subjects)
        self.whole = _array(pc.is_null(table["subject"]))
        self.valued = _array(pc.is_valid(table["value"]))
        value = _array(pc.fill_null(table["value"], 0.0)).astype(np.float64)
        self.finite = np.isfinite(value)
        self.value = np.where(self.finite, value, 0.0)
        self.excused = _array(
            pc.fill_null(pc.starts_with(table["reason"], pattern=NOT_APPLICABLE), False)
        )

    @cached_property
    def bounds(self) -> dict[str, Bounds]:
        """Key -> smallest and largest value."""
        found: dict[str, Bounds] = {}
        for metric in self.metrics:
            spec = catalog.spec(metric)
            found[metric] = spec.bounds
            for variant in spec.variants:
                found[f"{metric}.{variant.name}"] = variant.bounds or spec.bounds
        return found

    @cached_property
    def shows(self) -> Array:
        """Jobs x subjects: whether the job's video shows the subject."""
        table = np.zeros((len(self.jobs), len(self.subjects)), bool)
        columns = {subject: at for at, subject in enumerate(self.subjects)}
        for row, job in enumerate(self.suite.jobs):
            table[row, [columns[subject] for subject in job.subjects]] = True
        return table

    @cached_property
    def cell(self) -> Array:
        """Each row's place in a table of jobs x keys."""
        return self.job * len(self.keys) + self.key

    def findings(self) -> Iterator[Finding]:
        """All that is wrong; what later checks rely on is checked first."""
        broken = list(self._names())
        yield from broken
        yield from self._values()
        yield from self._reasons()
        if not broken:
            yield from self._coverage()
            yield from self._per_subject()

    def _wrong(self, mask: Array, what: str, fix: str = _EVALUATE) -> Iterator[Finding]:
        count = int(mask.sum())
        if not count:
            return
        rows = self.table.take(pa.array(np.flatnonzero(mask)[:3])).to_pylist()
        names = ["/".join(filter(None, (r["job"], r["metric"], r["subject"]))) for r in rows]
        more = f" and {count - len(names):,} more" if count > len(names) else ""
        place = f"scores.parquet: {first_of(names)}{more}"
        yield Finding(place=place, what=f"{count:,} rows: {what}", fix=fix)

    def _names(self) -> Iterator[Finding]:
        yield from self._wrong(self.job < 0, "not a job of the suite")
        yield from self._wrong(self.key < 0, "not a key of the metrics")
        unknown = ~self.whole & (self.subject < 0)
        known = ~self.whole & (self.subject >= 0) & (self.job >= 0)
        unknown[known] = ~self.shows[self.job[known], self.subject[known]]
        yield from self._wrong(unknown, "not a subject of the job")
        place = self.cell * (len(self.subjects) + 1) + self.subject + 1
        _, first = np.unique(place, return_index=True)
        again = np.ones(len(place), bool)
        again[first] = False
        named = (self.job >= 0) & (self.key >= 0) & ~unknown
        yield from self._wrong(again & named, "the same job, metric and subject stands there twice")

    def _values(self) -> Iterator[Finding]:
        yield from self._wrong(~self.finite, "NaN or infinite")
        explained = _array(pc.is_valid(self.table["reason"]))
        wrong = self.valued == explained
        yield from self._wrong(wrong, "it must have a value or a reason, and not both")
        ends = np.array(
            [
                (-np.inf if low is None else low, np.inf if high is None else high)
                for low, high in self.bounds.values()
            ]
        )
        usable = self.valued & self.finite & (self.key >= 0)
        low, high = ends[self.key, 0], ends[self.key, 1]
        outside = (self.value < low - ROUNDING) | (self.value > high + ROUNDING)
        yield from self._wrong(usable & outside, "outside the metric's range")

    def _reasons(self) -> Iterator[Finding]:
        refused = 0
        for text in pc.unique(self.table["reason"]).to_pylist():
            try:
                if text is not None:
                    check_reason(text)
            except ValueError as error:
                refused += 1
                if refused > _MOST_REASONS:
                    break
                mask = _array(pc.fill_null(pc.equal(self.table["reason"], text), False))
                yield from self._wrong(mask, f"reason {first_of([text])}: {error}")

    def _coverage(self) -> Iterator[Finding]:
        there = np.zeros((len(self.jobs), len(self.keys)), bool)
        there[self.job[self.whole], self.key[self.whole]] = True
        if not there.all():
            short = [self.keys[at] for at in np.flatnonzero(~np.all(there, axis=0))]
            yield Finding(
                place=f"scores.parquet: {first_of(short, 8)}",
                what=f"{int((~there).sum()):,} of {there.size:,} values of whole videos are "
                "missing: a row for each job and key is needed",
                fix="evaluate all videos of the suite: a part of it cannot be submitted",
            )
        headline = self._among({self.protocol.key(metric) for metric in self.protocol.metrics})
        yield from self._wrong(
            self.whole & headline & ~self.valued & ~self.excused,
            "no value: coverage is not full",
            "mend those videos or references, and evaluate again",
        )
        yield from self._wrong(
            self.excused != self._not_applicable(headline),
            "the suite's tables alone decide what is not applicable, and say otherwise",
        )

    def _among(self, keys: set[str]) -> Array:
        chosen = np.array([key in keys for key in self.keys])
        among: Array = chosen[self.key]
        return among

    def _not_applicable(self, headline: Array) -> Array:
        # A variant may be not applicable for lack of masks, which the tables do not tell.
        expected = self.excused & ~headline & ~self._among(set(self.metrics))
        for metric in self.metrics:
            spec = catalog.spec(metric)
            if spec.applies_to is None:
                continue
            categories = [self.suite.subjects[subject].category for subject in self.subjects]
            fits = np.array([category in spec.applies_to for category in categories])
            job_fits = (self.shows & fits).any(1)
            applies = np.where(self.whole, job_fits[self.job], fits[self.subject])
            expected = np.where(self._among(set(spec.keys)), ~applies, expected)
        return expected

    def _per_subject(self) -> Iterator[Finding]:
        cells = len(self.jobs) * len(self.keys)

        def count(mask: Array, weights: Array | None = None) -> Array:
            chosen = None if weights is None else weights[mask]
            return np.bincount(self.cell[mask], chosen, cells)[self.cell]

        parts = ~self.whole
        rows, values = count(parts), count(parts & self.valued)
        failed = count(parts & ~self.valued & ~self.excused)
        mean = count(parts & self.valued, self.value) / np.maximum(values, 1)
        wanted = self.shows.sum(1)[self.job]
        main = self._among({m for m in self.metrics if catalog.spec(m).per_subject})
        incomplete = self.whole & ((rows > 0) | main & self.valued) & (rows != wanted)
        yield from self._wrong(incomplete, "its subjects' own values are not all there")
        beyond = np.abs(self.value - mean) > ROUNDING * (1 + np.abs(mean))
        has_mean = (values > 0) & (failed == 0)
        wrong = self.whole & (rows > 0) & self.valued & (beyond | ~has_mean)
        wrong |= self.whole & (rows > 0) & ~self.valued & has_mean
        yield from self._wrong(wrong, "not the mean of its subjects' values")


def check_videos(table: pa.Table, jobs: Sequence[str]) -> Iterator[Finding]:
    """Whether every job has one video, with a SHA-256 and possible facts."""
    named = [str(job) for job in table["job"].to_pylist()]
    if sorted(named) != sorted(jobs):
        strange = sorted(set(named) - set(jobs))
        what = "not one row for each job of the suite"
        place = f"videos.parquet: {first_of(strange)}" if strange else "videos.parquet"
        yield Finding(place=place, what=what, fix=_EVALUATE)
    if any(table[name].null_count for name in table.column_names):
        what = "a field is empty: a video that cannot be read cannot be submitted"
        yield Finding(place="videos.parquet", what=what, fix="mend the video, and evaluate again")
        return
    if not pc.all(pc.match_substring_regex(table["sha256"], r"^[0-9a-f]{64}\z")).as_py():
        what = "not 64 hexadecimal digits in lower case"
        yield Finding(place="videos.parquet: sha256", what=what, fix=_EVALUATE)
    for name, (low, high) in _FACTS.items():
        values = _array(table[name])
        wrong = int((~((values >= low) & (values <= high))).sum())
        if wrong:
            what = f"{wrong:,} values outside {low:g} to {high:g}"
            yield Finding(place=f"videos.parquet: {name}", what=what, fix=_EVALUATE)


_FACTS: dict[str, tuple[float, float]] = {
    "bytes": (1, 2**40),
    "frames": (1, 100_000),
    "width": (1, 16_384),
    "height": (1, 16_384),
    "fps": (0.01, 1_000),
}


def _array(column: Any) -> Array:
    array: Array = column.to_numpy()
    return array


def _indices(column: pa.ChunkedArray, names: Sequence[str]) -> Array:
    found = pc.fill_null(pc.index_in(column, pa.array(names, pa.string())), -1)
    return _array(found).astype(np.int64)
