"""What a report is made of: the parts of a run bundle, read once."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from customstudio.evaluation.bundle import Run
from customstudio.evaluation.records import KeyInfo, RunInfo, Summary
from customstudio.evaluation.tables import videos_root


@dataclass(frozen=True)
class Bundle:
    """A run's records and tables."""

    info: RunInfo
    summary: Summary
    scores: pd.DataFrame
    videos: pd.DataFrame
    curves: pd.DataFrame
    root: Path | None
    """The folder that the videos' paths start from, where it is recorded."""

    @property
    def headline(self) -> tuple[KeyInfo, ...]:
        """The protocol's own columns."""
        return tuple(key for key in self.summary.keys if key.headline)

    @property
    def variants(self) -> tuple[KeyInfo, ...]:
        """The other columns."""
        return tuple(key for key in self.summary.keys if not key.headline)

    @cached_property
    def video_scores(self) -> pd.DataFrame:
        """The rows of whole videos: method, job, metric, value, reason."""
        return self.scores[self.scores["subject"].isna()]

    @cached_property
    def values(self) -> dict[tuple[str, str], pd.Series]:
        """(method, key) -> values by job, of the videos that have one."""
        rows = self.video_scores.dropna(subset=["value"])
        return {
            (str(method), str(key)): part.set_index("job")["value"].astype("float64").sort_index()
            for (method, key), part in rows.groupby(["method", "metric"], sort=True)
        }

    def subject_rows(self, jobs: Collection[str]) -> list[dict[str, Any]]:
        """The rows of single subjects, of a few jobs: all of them would be too many to sort."""
        rows = self.scores[self.scores["subject"].notna() & self.scores["job"].isin(set(jobs))]
        return [
            {str(k): _null_is_none(v) for k, v in row.items()} for row in rows.to_dict("records")
        ]

    @cached_property
    def video_rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(method, job) -> its row of `videos.parquet`."""
        return {
            (row["method"], row["job"]): {str(k): _null_is_none(v) for k, v in row.items()}
            for row in self.videos.to_dict("records")
        }

    @cached_property
    def curve_rows(self) -> dict[tuple[str, str], dict[str, tuple[float, ...]]]:
        """(method, key) -> job -> one value a frame or frame pair."""
        found: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {}
        columns = (self.curves[name] for name in ("method", "job", "metric", "values"))
        for method, job, key, values in zip(*columns, strict=True):
            found.setdefault((method, key), {})[job] = tuple(float(v) for v in values)
        return found


def _null_is_none(value: Any) -> Any:
    # pandas gives the nulls of a text column back as NaN.
    return None if isinstance(value, float) and math.isnan(value) else value


def load_bundle(folder: Path) -> Bundle:
    """Read a run bundle.

    Raises:
        UserError: a part is missing, damaged or of another version.
    """
    run = Run(folder)
    return Bundle(
        info=run.info,
        summary=run.summary,
        scores=run.scores,
        videos=run.videos,
        curves=run.curves,
        root=videos_root(folder / "videos.parquet"),
    )
