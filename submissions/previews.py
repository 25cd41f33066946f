"""Small copies of a submission's videos, for pages that show and compare them.

What is shown is never what was sent: each video is decoded and encoded again, in a process with
limits of its own, without its metadata, and with a random mark, so that nobody finds an own video
in a blind comparison by its hash.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
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
    worker: subprocess.Popen[bytes] | None = None
    try:
        for job, path in videos.items():
            if worker is None:
                worker = subprocess.Popen(
                    [sys.executable, "-P", "-m", "customstudio.submissions.encoding"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            answer = _ask(worker, os.fspath(path), hashes[job])
            if answer is None:
                _end(worker)
                worker = None
                answer = "decoding it took too much memory or time, or failed"
            yield job, answer
    finally:
        if worker is not None:
            _end(worker)


def _ask(worker: "subprocess.Popen[bytes]", path: str, sha256: str) -> bytes | str | None:
    """What a worker says of a video; None: it died over it."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(json.dumps([os.path.abspath(path), sha256]).encode() + b"\n")
        worker.stdin.flush()
        head = worker.stdout.readline()
    except BrokenPipeError:
        return None
    if not head.endswith(b"\n"):
        return None
    answer = json.loads(head)
    if "reason" in answer:
        return str(answer["reason"])
    data = worker.stdout.read(answer["bytes"])
    return data if len(data) == answer["bytes"] else None


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Close the worker's input, which ends it, and wait."""
    with suppress(BrokenPipeError):
        worker.communicate()
