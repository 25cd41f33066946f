"""The board's table: sections, ranked rows, cells with value, interval, rank and coverage."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from customstudio.evaluation.records import Coverage, Estimate, KeyInfo
from customstudio.leaderboard.boards import PARTS, Part, Standing, columns, headline
from customstudio.leaderboard.query import Query, chosen
from customstudio.leaderboard.ranks import Mark, Rank, ranks
from customstudio.report.cells import interval
from customstudio.report.scale import Scale, axis
from customstudio.report.text import number, percent
from customstudio.submissions.entries import Listed

PAGE = 50
"""Rows of one section that are shown at a time."""


@dataclass(frozen=True)
class Whisker:
    """An interval on its column's axis, in percent of the axis: whole numbers, for classes."""

    at: int
    low: int
    width: int


@dataclass(frozen=True)
class Cell:
    """One score, ready to print."""

    key: KeyInfo
    estimate: Estimate
    value: str
    """Empty where there is none."""
    interval: str
    note: str
    """Why there is no value or no interval."""
    rank: str
    mark: Mark
    words: str
    """`best`, `second, tied`; empty for all others."""
    whisker: Whisker | None


@dataclass(frozen=True)
class Row:
    """One submission."""

    listed: Listed
    cells: tuple[Cell, ...]
    coverage: str
    """The smallest share of jobs covered by a column."""


@dataclass(frozen=True)
class Section:
    """One section of a board, as far as it is shown."""

    part: Part
    total: int
    """Submissions in it; ranks are among all of them."""
    found: int
    """Those that the filters let through."""
    rows: tuple[Row, ...]
    """Those of this page."""
    page: int
    pages: int


class Ranked:
    """A board with its ranks: made once for one state of the store, then filtered and sorted."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.columns = columns(standing.board.protocol)

    @cached_property
    def ranks(self) -> dict[tuple[Part, str], dict[str, Rank]]:
        """(Section, key) -> submission -> its rank among all of the section."""
        return {
            (part, key.key): ranks(self._estimates(part, key.key), key.better)
            for part in PARTS
            for key in self.columns
        }

    @cached_property
    def scales(self) -> dict[str, Scale]:
        """Key -> the axis of its column, the same for all sections and filters."""
        return {key.key: axis(self._bounds(key.key), 0.0, 100.0) for key in self.columns}

    def _estimates(self, part: Part, key: str) -> dict[str, Estimate]:
        found = {one.entry.id: one.entry.overall.get(key) for one in self.standing.part(part)}
        return {name: estimate for name, estimate in found.items() if estimate is not None}

    def _bounds(self, key: str) -> list[float]:
        found = [one.entry.overall.get(key) for one in self.standing.current]
        return [v for e in found if e for v in (e.mean, e.low, e.high) if v is not None]

    def shown(self, query: Query) -> tuple[KeyInfo, ...]:
        """The columns that a state asks for; the protocol's own where it asks for none."""
        wanted = tuple(key for key in self.columns if key.key in query.keys)
        return wanted or headline(self.columns)

    def section(self, part: Part, query: Query, size: int | None = PAGE) -> Section:
        """One section, filtered, sorted, and cut to a page of `size` rows (None: all)."""
        keys = self.shown(query)
        everyone = self.standing.part(part)
        found = ordered(chosen(everyone, query), keys, query)
        size = size or max(1, len(found))
        pages = max(1, -(-len(found) // size))
        page = min(query.page, pages)
        rows = [self.row(one, part, keys) for one in found[(page - 1) * size : page * size]]
        return Section(part, len(everyone), len(found), tuple(rows), page, pages)

    def row(self, one: Listed, part: Part, keys: Sequence[KeyInfo]) -> Row:
        """One submission's cells under the given keys."""
        cells = tuple(self._cell(one, part, key) for key in keys)
        covered = [one.entry.coverage.get(key.key) for key in keys]
        return Row(one, cells, coverage_text([c for c in covered if c]))

    def _cell(self, one: Listed, part: Part, key: KeyInfo) -> Cell:
        estimate = one.entry.overall.get(key.key)
        rank = self.ranks[part, key.key].get(one.entry.id)
        if estimate is None:
            estimate = Estimate(mean=None, pairs=0, videos=0, reason="not among its metrics")
        return make_cell(key, estimate, rank, self.scales[key.key])


def make_cell(key: KeyInfo, estimate: Estimate, rank: Rank | None, scale: Scale) -> Cell:
    """An estimate in words, with its place on the column's axis."""
    bounds = interval(estimate)
    note = "" if bounds else "no interval: fewer than five pairs"
    if estimate.mean is None:
        note = f"no value: {estimate.reason or 'no reason recorded'}"
    return Cell(
        key=key,
        estimate=estimate,
        value="" if estimate.mean is None else number(estimate.mean),
        interval=" to ".join(map(number, bounds)) if bounds else "",
        note=note,
        rank=rank.text if rank else "",
        mark=rank.mark if rank else "",
        words=rank.words if rank else "",
        whisker=_whisker(estimate, scale),
    )


def _whisker(estimate: Estimate, scale: Scale) -> Whisker | None:
    bounds = interval(estimate)
    if estimate.mean is None or bounds is None:
        return None
    low, high = (round(scale.at(bound)) for bound in bounds)
    return Whisker(round(scale.at(estimate.mean)), low, max(1, high - low))


def coverage_text(found: Sequence[Coverage]) -> str:
    """The smallest coverage, in percent."""
    return percent(min((one.share for one in found), default=0.0))


def ordered(listed: Sequence[Listed], keys: Sequence[KeyInfo], query: Query) -> list[Listed]:
    """Best first (or worst first), those without a value last; names settle ties."""
    by_name = sorted(listed, key=lambda one: (one.entry.card.name.casefold(), one.entry.id))
    if query.sort == "name" or not keys:
        return by_name[::-1] if query.reverse else by_name
    if query.sort == "year":
        return sorted(by_name, key=lambda o: o.entry.card.year, reverse=not query.reverse)
    key = next((key for key in keys if key.key == query.sort), keys[0])
    rising = (key.better == "lower") != query.reverse
    means = {
        o.entry.id: o.entry.overall[key.key].mean for o in by_name if key.key in o.entry.overall
    }
    scored = [o for o in by_name if means.get(o.entry.id) is not None]
    scored.sort(key=lambda o: means[o.entry.id] or 0.0, reverse=not rising)
    return scored + [o for o in by_name if means.get(o.entry.id) is None]
