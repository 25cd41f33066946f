"""Small copies of a submission's videos, for pages that show and compare them.

What is shown is never what was sent: each video is decoded and encoded again, in a process with
limits of its own, without its metadata, and with a random mark, so that nobody finds an own video
in a blind comparison by its hash.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from customstudio.errors import UserError, some
from customstudio.files import write_bytes
from customstudio.records import Record
from customstudio.submissions import tables
from customstudio.submissions.database import new_row
from customstudio.submissions.store import Store

if TYPE_CHECKING:
    from customstudio.evaluation.runner import Progress
    from customstudio.submissions.taken import Taken

FOLDER = "previews"
_TABLE = tables.previews


class TakenIn(Record):
    """What became of a folder of videos."""

    there: int
    """Previews that the store now has of the submission."""
    new: int
    missing: int
    """Jobs without a video in the folder, and without a preview."""
    broken: dict[str, str]
    """Job -> why its video has no preview."""


def preview(store: Store, submission: str, job: str) -> Path | None:
    """The small copy of one video; None where there is none."""
    wanted = sa.select(_TABLE.c.sha256).where(_TABLE.c.submission == submission)
    with store.index.reading() as db:
        sha256 = db.execute(wanted.where(_TABLE.c.job == job)).scalar()
    path = place(store, sha256) if sha256 else None
    return path if path is not None and path.is_file() else None


def previews(store: Store, submission: str) -> dict[str, Path]:
    """Job -> small copy, of all videos of a submission that have one."""
    columns = sa.select(_TABLE.c.job, _TABLE.c.sha256)
    with store.index.reading() as db:
        rows = db.execute(columns.where(_TABLE.c.submission == submission)).all()
    return {job: place(store, sha256) for job, sha256 in sorted(tuple(row) for row in rows)}


def place(store: Store, sha256: str) -> Path:
    """Where a small copy lies."""
    return store.root / FOLDER / sha256[:2] / f"{sha256}.mp4"


def take_in(
    store: Store, taken: "Taken", folder: Path, *, progress: "Progress | None" = None
) -> TakenIn:
    """Make small copies of the videos in a folder; those that are there already stay.

    Raises:
        UserError: some videos are not those that were submitted; the others are taken in.
    """
    from customstudio.evaluation.runner import Quiet
    from customstudio.submissions.taken import find_videos

    progress = progress or Quiet()
    there = set(previews(store, taken.entry.id))
    videos = {job: p for job, p in find_videos(folder, taken.jobs).items() if job not in there}
    broken: dict[str, str] = {}
    others: list[str] = []
    new = 0
    progress.start(len(videos), 0)
    try:
        for job, result in _encoded(videos, taken.hashes):
            progress.advance(1)
            if isinstance(result, bytes):
                _keep(store, taken.entry.id, job, result)
                new += 1
            elif result:
                broken[job] = result
            else:
                others.append(job)
    finally:
        progress.stop()
    if others:
        raise UserError(
            f"{len(others):,} videos are not those that were submitted",
            where=f"{folder}: {some(others)}",
            fix="ask the submitter for the right ones; the others were taken in",
        )
    missing = len(taken.jobs) - len(there) - len(videos)
    return TakenIn(there=len(there) + new, new=new, missing=missing, broken=broken)


def _keep(store: Store, submission: str, job: str, data: bytes) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    write_bytes(place(store, sha256), data)
    with store.index.writing() as db:
        new_row(db, _TABLE, submission=submission, job=job, sha256=sha256)


def _encoded(videos: dict[str, Path], hashes: dict[str, str]) -> Iterator[tuple[str, bytes | str]]:
    """Each job with its small copy, why there is none, or "" for another file than submitted."""
    from customstudio.submissions.encoding import guarded, limited

    pool: ProcessPoolExecutor | None = None
    try:
        for job, path in videos.items():
            if pool is None:
                pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=limited)
            try:
                yield job, pool.submit(guarded, os.fspath(path), hashes[job]).result()
            except BrokenProcessPool:
                yield job, "decoding it took too much memory or time, or failed"
                pool = None
    finally:
        if pool is not None:
            with suppress(BrokenProcessPool):
                pool.shutdown()
