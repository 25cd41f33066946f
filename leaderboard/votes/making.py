"""Makes a study from a folder of videos: the plan first, then only the clips that it needs."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from customstudio.errors import UserError, raise_all, some
from customstudio.evaluation.items import Item
from customstudio.files import sha256_file
from customstudio.leaderboard.votes.clips import normalise, small_picture
from customstudio.leaderboard.votes.plan import Settings, make_plan
from customstudio.leaderboard.votes.sources import Source
from customstudio.leaderboard.votes.study import (
    CLIPS,
    QUESTIONS,
    REFERENCES,
    Clip,
    Folder,
    JobInfo,
    Study,
    write_study,
)
from customstudio.media.video import MediaError
from customstudio.submissions.texts import name as check_name
from customstudio.submissions.texts import prose
from customstudio.submissions.votes import JobId, Question

IMAGES = 3
"""Reference images shown of each subject."""
Progress = Callable[[int, int], None]
_JOB = TypeAdapter(JobId)


def make_study(
    root: Path,
    source: Source,
    settings: Settings,
    *,
    title: str = "Which video is better",
    questions: Sequence[Question] = tuple(QUESTIONS),
    address: str = "http://localhost:8502/",
    progress: Progress = lambda done, of: None,
) -> Folder:
    """Make a study's folder, which is not there yet.

    Raises:
        UserError: the folder is there; a method's name is not allowed; videos that cannot be
            compared or read; no reference images though they are asked about.
    """
    if root.exists() and any(root.iterdir()):
        raise UserError(
            "this folder is not empty", where=str(root), fix="name a folder that is not there yet"
        )
    there = {(item.method, item.job): item for item in source.items if item.path is not None}
    _check(there.values(), questions)
    slots = make_plan(_by_method(there), settings)
    used = [(m, slot.job) for slot in slots for m in dict.fromkeys((slot.left, slot.right))]
    shown = [there[place] for place in sorted(set(used))]
    _begin(root / CLIPS)
    with _whole(root):
        clips = _write_clips(root / CLIPS, shown, progress)
        study = Study(
            id=f"study-{secrets.token_hex(6)}",
            title=_title(title),
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            suite=source.label,
            questions=tuple(q for q in QUESTIONS if q in questions),
            settings=settings,
            methods=tuple(sorted({slot.left for slot in slots} | {slot.right for slot in slots})),
            jobs={
                item.job: JobInfo(prompt=item.prompt, subjects=tuple(s.id for s in item.subjects))
                for item in shown
            },
            clips=clips,
            references=_write_references(root / REFERENCES, shown),
            slots=slots,
        )
        return write_study(root, study, address)


def _begin(folder: Path) -> None:
    """Make the first folder, which nobody else may be making at the same time."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"the study cannot be made: {error.strerror}",
            where=str(folder),
            fix="name a folder that is not there yet, where you may write",
        ) from error


@contextmanager
def _whole(root: Path) -> Iterator[None]:
    """A new folder that is written whole, or is gone again, so that the same command can be run."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(root, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(
                f"the study cannot be made: {error.strerror or error}",
                where=str(error.filename or root),
                fix="give images that can be read, and a folder that you may write to",
            ) from error
        raise


def _check(items: Iterable[Item], questions: Sequence[Question]) -> None:
    problems, items = [], list(items)
    for method in sorted({item.method for item in items}):
        try:
            check_name(method)
        except ValueError as error:
            problems.append(UserError(str(error), where=f"method {method!a}", fix="rename it"))
    for job in sorted({item.job for item in items}):
        try:
            _JOB.validate_python(job)
        except ValidationError:
            problems.append(
                UserError("not a job's id", where=f"{job[:80]!a}", fix="use ASCII letters and ._+-")
            )
    bare = sorted({s.id for item in items for s in item.subjects if not s.references})
    if "subject_fidelity" in questions and bare:
        problems.append(
            UserError(
                "subjects without reference images cannot be compared with them",
                where=some(bare),
                fix="give --references DIR, or leave subject_fidelity out of --questions",
            )
        )
    raise_all(problems)


def _by_method(there: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for method, job in sorted(there):
        found.setdefault(method, []).append(job)
    return found


def _write_clips(folder: Path, items: Sequence[Item], progress: Progress) -> tuple[Clip, ...]:
    clips, problems = [], []
    staged = folder / "next.mp4"
    for done, item in enumerate(items):
        progress(done, len(items))
        assert item.path is not None
        try:
            seconds = normalise(item.path, staged)
        except MediaError as error:
            problems.append(
                UserError(str(error), where=str(item.path), fix="make this video again")
            )
            continue
        file = f"{sha256_file(staged)}.mp4"
        os.replace(staged, folder / file)
        source = sha256_file(item.path) if item.path.is_file() else _folder_digest(item.path)
        clips.append(
            Clip(method=item.method, job=item.job, source_sha256=source, file=file, seconds=seconds)
        )
    raise_all(problems)
    return tuple(clips)


def _folder_digest(folder: Path) -> str:
    hashes = [sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _write_references(folder: Path, items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    folder.mkdir(parents=True)
    subjects = {subject.id: subject for item in items for subject in item.subjects}
    written: dict[str, tuple[str, ...]] = {}
    for at, (name, subject) in enumerate(sorted(subjects.items())):
        files = [f"{at:03d}-{i}.jpg" for i in range(len(subject.references[:IMAGES]))]
        for file, reference in zip(files, subject.references, strict=False):
            small_picture(reference.path, folder / file)
        written[name] = tuple(files)
    return written


def _title(text: str) -> str:
    try:
        return prose(text)
    except ValueError as error:
        raise UserError(str(error), where="--title", fix="say it in plain words") from error
