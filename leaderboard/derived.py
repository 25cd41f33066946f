"""What follows from a bundle and takes long to compute: kept beside the store, free to delete.

Means by category, type, pair size and prompt are made by the one reducer from the rows of a
bundle. That takes seconds for a full submission, so it is done once for each id: an id is the hash
of all its files, so that what was computed for it never goes stale.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from customstudio.errors import UserError
from customstudio.evaluation.records import MethodSummary
from customstudio.evaluation.reduce import RESAMPLES, SEED
from customstudio.files import write_text
from customstudio.metrics import catalog
from customstudio.records import Record, digest
from customstudio.submissions.entries import Entry
from customstudio.submissions.recompute import recompute
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import ENV, SCORES, SUBMISSION, VIDEOS, Env, Submission
from customstudio.submissions.store import Store
from customstudio.suites.schema import Suite

FOLDER = "derived"
_MADE_BY = digest({"schema": 1, "resamples": RESAMPLES, "seed": SEED})[:12]
"""Another way of computing has another folder."""


class Details(Record):
    """`derived/VERSION/ID.json`."""

    id: str
    results: MethodSummary


@dataclass(frozen=True)
class Files:
    """A bundle's own records."""

    submission: Submission
    env: Env


def suite_of(entry: Entry, rules: Rules | None = None) -> Suite:
    """The suite of a submission, by its digest.

    Raises:
        UserError: this installation does not know it.
    """
    suite = (rules or Rules()).suite(entry.suite)
    if suite is None:
        raise UserError(
            "the suite of this submission is not known here",
            where=f"{entry.suite.name} {entry.suite.version}, digest {entry.suite.digest[:12]}",
            fix="serve the board with the version of CustomStudio that accepted it",
        )
    return suite


def details(store: Store, entry: Entry, rules: Rules | None = None) -> MethodSummary:
    """A submission's results with all its groups, from the kept file or computed now.

    Raises:
        UserError: the suite is not known, or the files are not those that were published.
    """
    kept = kept_path(store.root, entry.id)
    found = _read(kept, entry.id)
    if found is not None:
        return found
    suite = suite_of(entry, rules)
    contents = store.contents(entry.id)
    metrics = _submission(contents.files[SUBMISSION]).metrics
    results = recompute(
        _scores(contents.files[SCORES]),
        suite,
        catalog.protocol(entry.protocol),
        metrics,
        groups=True,
    )
    write_text(kept, Details(id=entry.id, results=results).model_dump_json())
    return results


def kept_path(root: Path, submission: str) -> Path:
    """Where the details of a submission are kept; nothing is lost if they are deleted."""
    return root / FOLDER / _MADE_BY / f"{submission}.json"


def scores(store: Store, submission: str) -> pd.DataFrame:
    """A submission's rows: job, metric, subject (null: the video's own), value, reason."""
    return _scores(store.contents(submission).files[SCORES])


def videos(store: Store, submission: str) -> pd.DataFrame:
    """A submission's videos: job, sha256, bytes, frames, size and frame rate."""
    data = store.contents(submission).files[VIDEOS]
    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame


def files(store: Store, submission: str) -> Files:
    """A submission's own records: what it says of itself and where it was evaluated."""
    contents = store.contents(submission)
    env = Env.model_validate_json(contents.files[ENV], strict=True)
    return Files(_submission(contents.files[SUBMISSION]), env)


def _submission(data: bytes) -> Submission:
    return Submission.model_validate_json(data, strict=True)


def _scores(data: bytes) -> pd.DataFrame:
    # The gate read these bytes in a process of its own before they came into the store.
    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame


def _read(path: Path, submission: str) -> MethodSummary | None:
    try:
        kept = Details.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return kept.results if kept.id == submission else None
