"""Run bundles: the record of one evaluation, as files that anyone can open."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from customstudio.errors import UserError
from customstudio.evaluation import tables
from customstudio.evaluation.records import SCHEMA_VERSION, RunInfo, Summary
from customstudio.files import write_text
from customstudio.records import Record

R = TypeVar("R", bound=Record)


class Run:
    """A run bundle on disk; what it holds is read on first use."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def info(self) -> RunInfo:
        """`run.json`."""
        return read_record(self.path / "run.json", RunInfo)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Columns method, job, metric, subject (null: the video's own value), value, reason."""
        return tables.read_table(self.path / "scores.parquet", tables.SCORES)

    @cached_property
    def videos(self) -> pd.DataFrame:
        """A row a video: what it shows, its SHA-256, frames, size and frame rate."""
        return tables.read_table(self.path / "videos.parquet", tables.VIDEOS)

    def video_rows(self) -> list[dict[str, Any]]:
        """The rows of `videos` as dictionaries of plain values; null is None."""
        table = tables.read_arrow(self.path / "videos.parquet", tables.VIDEOS)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A value a frame, for the metrics that have one."""
        return tables.read_table(self.path / "curves.parquet", tables.CURVES)

    @cached_property
    def summary(self) -> Summary:
        """`summary.json`: means, intervals, groups, coverage, anchors."""
        return read_record(self.path / "summary.json", Summary)

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"


def load_run(path: str | Path) -> Run:
    """Open the bundle of a finished run.

    Raises:
        UserError: no bundle there, one of another version, or one that is not finished.
    """
    run = Run(Path(path))
    if run.info.status != "complete":
        raise UserError(
            "this run is not finished",
            where=str(run.path),
            fix="run the same `customstudio evaluate` command again: it goes on where it stopped",
        )
    return run


def read_record(path: Path, kind: type[R]) -> R:
    """Read one JSON record of a bundle.

    Raises:
        UserError: not there, not JSON, of another version, or with other fields.
    """
    try:
        document: Any = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UserError(
            f"no {path.name} here: not a run bundle",
            where=str(path.parent),
            fix="give the folder that `customstudio evaluate` wrote",
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path.name} cannot be read: {error}", where=str(path), fix="evaluate again"
        ) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"a bundle of version {version}; this CustomStudio reads version {SCHEMA_VERSION}",
            where=str(path),
            fix="use the CustomStudio that wrote it, or evaluate again",
        )
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path.name} is damaged: {place}: {first['msg']}",
            where=str(path),
            fix="evaluate again",
        ) from error


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, whole or not at all."""
    write_text(path, json.dumps(record.model_dump(mode="json"), indent=1, allow_nan=False) + "\n")
