"""What a sceptical reader asks first: what was not scored, and what is odd about the videos."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from customstudio.metrics.spec import NOT_APPLICABLE
from customstudio.report.load import Bundle
from customstudio.report.text import count, in_words

MOST = 300
"""Failed jobs listed one by one; `scores.parquet` holds all."""


@dataclass(frozen=True)
class Failure:
    """A job without a value under some of the headline keys, for one reason."""

    method: str
    job: str
    reason: str
    keys: str


@dataclass(frozen=True)
class Failures:
    """Failed jobs, the first of them one by one."""

    rows: tuple[Failure, ...]
    total: int
    """(job, reason) couples in all."""
    jobs: int
    """Distinct videos."""
    variants: tuple[tuple[str, str, int], ...]
    """Variant key, reason, number of videos: these do not count against coverage of a headline."""


def find_failures(bundle: Bundle) -> Failures:
    """Jobs that lack a value for a reason other than the suite's own tables."""
    titles = {key.key: key.title for key in bundle.summary.keys}
    rows = bundle.video_scores
    rows = rows[rows["value"].isna() & rows["metric"].isin(titles)]
    rows = rows.assign(reason=rows["reason"].fillna(""))
    rows = rows[~rows["reason"].str.startswith(NOT_APPLICABLE)]
    headline = rows["metric"].isin({key.key for key in bundle.headline})
    found = [
        Failure(str(method), str(job), in_words(str(reason)), ", ".join(titles[k] for k in part))
        for (method, job, reason), part in rows[headline].groupby(["method", "job", "reason"])[
            "metric"
        ]
    ]
    variants = rows[~headline].groupby(["metric", "reason"], as_index=False).size()
    return Failures(
        rows=tuple(found[:MOST]),
        total=len(found),
        jobs=len({(row.method, row.job) for row in found}),
        variants=tuple(
            (titles[row["metric"]], in_words(row["reason"]), int(row["size"]))
            for row in variants.to_dict("records")
        ),
    )


def video_formats(bundle: Bundle) -> tuple[tuple[str, str, int], ...]:
    """Method, format in words, number of videos: what the scores were measured on."""
    columns = ["frames", "width", "height", "fps"]
    read = bundle.videos.dropna(subset=columns)
    rates = read.assign(fps=read["fps"].round(3))
    sizes = rates.groupby(["method", *columns], as_index=False).size()
    rows = [(str(r["method"]), _format(r), int(r["size"])) for r in sizes.to_dict("records")]
    return tuple(sorted(rows, key=lambda row: (row[0], -row[2], row[1])))


def _format(row: Mapping[Hashable, Any]) -> str:
    size = f"{row['width']:.0f}×{row['height']:.0f}"
    return f"{row['frames']:.0f} frames, {size}, {row['fps']:.4g} fps"


def oddities(bundle: Bundle) -> tuple[str, ...]:
    """Things in the tables that deserve a second look, in words."""
    videos = bundle.videos.dropna(subset=["sha256"])
    copies = videos[videos.duplicated("sha256", keep=False)]
    notes: list[str] = []
    within = copies[copies.duplicated(["method", "sha256"], keep=False)]
    for method, part in within.groupby("method"):
        notes.append(
            f"{method}: {count(len(part), 'video')} share their bytes with another of its videos"
        )
    across = copies.groupby("sha256")["method"].nunique()
    if len(shared := across[across > 1]):
        notes.append(f"{count(len(shared), 'file')} appear under more than one method")
    return (*notes, *_formats(videos))


def _formats(videos: pd.DataFrame) -> tuple[str, ...]:
    rates = sorted({f"{rate:.4g}" for rate in videos["fps"].dropna()}, key=float)
    if len(rates) < 2:
        return ()
    named = ", ".join(rates[:6]) + (" and more" if len(rates) > 6 else "")
    return (f"frame rates differ between videos: {named} fps; metrics of motion depend on them",)
