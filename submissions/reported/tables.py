"""The published results, paper by paper and table by table, as they were printed."""

import csv
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from customstudio.records import Record

SHIPPED = Path(__file__).with_name("results.csv")
WHY_APART = (
    "Papers compute these numbers in different ways: other reference images, frames, backbones, "
    "prompts and numbers of videos go by the same name. A number of one paper does not compare "
    "with one of another, nor with what is measured here."
)
NOT_YET = ("VideoDreamer's tables", "the ablation of VideoMaker")
"""What is known to be published and is not among the rows."""


class Published(Record):
    """One number of one paper."""

    source: str
    """`arXiv:NUMBER (SHORT NAME)`."""
    table: str
    suite: str
    method: str
    base_model: str
    """Empty where the paper does not say."""
    metric: str
    value: str
    """As printed, so that no digit is added or lost."""
    note: str


class PublishedRow(Record):
    """One method of one table."""

    method: str
    base_model: str
    note: str
    values: dict[str, str]
    """Metric -> value as printed; a metric that the row lacks is not there."""


class PublishedTable(Record):
    """One table of one paper, for one suite, its rows in the paper's order."""

    source: str
    table: str
    suite: str
    metrics: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    @property
    def arxiv(self) -> str | None:
        """The paper's number, for example 2401.09962; None where the source is no such paper.

        >>> PublishedTable(source="arXiv:2401.09962 (CustomVideo)", table="Table 1",
        ...     suite="customstudio", metrics=(), rows=()).arxiv
        '2401.09962'
        """
        found = re.match(r"arXiv:(\d{4}\.\d{4,5})\b", self.source)
        return found[1] if found else None


def read_published(path: Path = SHIPPED) -> list[Published]:
    """All rows of the table; without a path, of the one that comes with the package."""
    with path.open(newline="", encoding="utf-8") as file:
        return [Published.model_validate(row) for row in csv.DictReader(file)]


@lru_cache(maxsize=1)
def published_tables() -> tuple[PublishedTable, ...]:
    """The shipped rows as the tables of their papers."""
    return tuple(as_tables(read_published()))


def as_tables(rows: Iterable[Published]) -> Iterable[PublishedTable]:
    """Rows gathered by source, table and suite; a method is told apart by its base model too."""
    tables: dict[tuple[str, str, str], list[Published]] = {}
    for row in rows:
        tables.setdefault((row.source, row.table, row.suite), []).append(row)
    for (source, table, suite), mine in tables.items():
        yield PublishedTable(
            source=source,
            table=table,
            suite=suite,
            metrics=tuple(dict.fromkeys(row.metric for row in mine)),
            rows=tuple(_rows(mine)),
        )


def _rows(rows: Iterable[Published]) -> Iterable[PublishedRow]:
    methods: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        values = methods.setdefault((row.method, row.base_model, row.note), {})
        if row.metric in values:
            raise ValueError(f"{row.source}, {row.table}: {row.method} has {row.metric} twice")
        values[row.metric] = row.value
    for (method, base_model, note), values in methods.items():
        yield PublishedRow(method=method, base_model=base_model, note=note, values=values)
