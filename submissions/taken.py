"""A published submission opened again: its suite, its rows, and its videos in a folder."""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from customstudio.errors import UserError, raise_all, some
from customstudio.evaluation.stream import content_sha256
from customstudio.media.limits import MediaError
from customstudio.media.video import VIDEO_SUFFIXES
from customstudio.metrics import catalog
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.documents import read_json
from customstudio.submissions.entries import Entry
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import SCORES, SUBMISSION, VIDEOS, Submission
from customstudio.submissions.store import Store
from customstudio.suites.schema import Suite


@dataclass(frozen=True)
class Taken:
    """A submission whose files are in the store."""

    entry: Entry
    contents: Contents
    submission: Submission
    suite: Suite

    @property
    def jobs(self) -> list[str]:
        """All jobs of the suite, in its order."""
        return [job.id for job in self.suite.jobs]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Job -> SHA-256 of its video, as submitted."""
        table = self._read("videos", VIDEOS, len(self.jobs))
        return dict(zip(table["job"].to_pylist(), table["sha256"].to_pylist(), strict=True))

    @cached_property
    def scores(self) -> pa.Table:
        """The rows of `scores.parquet`."""
        keys = sum(len(catalog.spec(metric).keys) for metric in self.submission.metrics)
        most = keys * sum(1 + len(job.subjects) for job in self.suite.jobs)
        return self._read("scores", SCORES, most)

    def _read(self, table: str, name: str, most: int) -> pa.Table:
        try:
            with Decoder() as decoder:
                return decoder.read(table, self.contents.files[name], 0, most)  # type: ignore[arg-type]
        except Refused as error:  # it passed the gate once
            raise UserError(
                f"{name} cannot be read: {error}",
                where=self.entry.id,
                fix="run `customstudio submissions check` on it",
            ) from error


def take(store: Store, submission: str, rules: Rules | None = None) -> Taken:
    """A submission of a store.

    Raises:
        UserError: no such submission, its files are damaged, or its suite is not known here.
    """
    entry = store.entry(submission).entry
    contents = store.contents(entry.id)
    document, findings = read_json(contents.files[SUBMISSION], Submission, SUBMISSION)
    raise_all([finding.error() for finding in findings])
    assert document is not None
    suite = (rules or Rules()).suite(entry.suite)
    if suite is None:
        raise UserError(
            f"the suite of this submission is not known here: {entry.suite.name}",
            where=entry.id,
            fix="use the CustomStudio that took the submission",
        )
    return Taken(entry, contents, document, suite)


def find_videos(folder: Path, jobs: Sequence[str]) -> dict[str, Path]:
    """Job -> its video in a suite's tree; jobs without one are left out.

    A manifest in the folder is not read: it comes from the submitter, as the videos do.

    Raises:
        UserError: no such folder.
    """
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), fix="give the folder of the videos")
    found = {}
    for job in jobs:  # of our own tables, so that no name of a stranger becomes a path
        names = [folder / f"{job}{suffix}" for suffix in VIDEO_SUFFIXES] + [folder / job]
        there = [path for path in names if is_plain(path)]
        if there:
            found[job] = there[0]
    return found


def is_plain(path: Path) -> bool:
    """Whether a path is a regular file or a folder: no link, and no pipe that never ends."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def differing(videos: Mapping[str, Path], hashes: Mapping[str, str]) -> list[str]:
    """Jobs whose video is not the submitted one, or cannot be read, in words."""
    problems = []
    for job, path in videos.items():
        try:
            if content_sha256(path) != hashes[job]:
                problems.append(f"{job} (another file than the submitted one)")
        except MediaError as error:
            problems.append(f"{job} ({error})")
    return problems


def require(videos: Mapping[str, Path], jobs: Sequence[str], hashes: Mapping[str, str]) -> None:
    """Ask for all of these videos, byte for byte those that were submitted.

    Raises:
        UserError: some are missing, or others.
    """
    missing = [job for job in jobs if job not in videos]
    if missing:
        raise UserError(
            f"{len(missing):,} of {len(jobs):,} videos are missing",
            where=some(missing),
            fix="ask the submitter for these; the draw stays the same",
        )
    others = differing({job: videos[job] for job in jobs}, hashes)
    if others:
        raise UserError(
            f"{len(others):,} of {len(jobs):,} videos are not those that were submitted",
            where=some(others),
            fix="ask the submitter for the right ones, or dispute the submission",
        )
