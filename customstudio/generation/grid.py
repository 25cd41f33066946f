"""What is to be made, what is there already, and whether a folder may be added to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from customstudio.errors import UserError, did_you_mean, some
from customstudio.files import write_text
from customstudio.generation.records import Settings, Sidecar
from customstudio.suites.schema import Job, Suite

SETTINGS = "generation.json"


@dataclass(frozen=True)
class PairWork:
    """The jobs of one pair that are not done yet; a pair is fitted once."""

    pair: str
    todo: tuple[Job, ...]
    done: int


def choose_pairs(suite: Suite, wanted: Sequence[str] | None, shard: tuple[int, int]) -> list[str]:
    """The pairs with jobs, those that were asked for, and of these every N-th.

    Raises:
        UserError: an unknown pair.
    """
    known = list(dict.fromkeys(job.pair for job in suite.jobs))
    unknown = [pair for pair in wanted or () if pair not in known]
    if unknown:
        raise UserError(
            f"unknown pair {unknown[0]!r}",
            where=f"--pairs, suite {suite.name}",
            fix=did_you_mean(unknown[0], known),
        )
    chosen = [pair for pair in known if wanted is None or pair in wanted]
    index, count = shard
    return chosen[index - 1 :: count]


def work(
    out: Path, suite: Suite, pairs: Sequence[str], settings: Settings | None
) -> list[PairWork]:
    """What is left of each pair, in the order of the suite.

    Args:
        settings: those that finished videos must have; None: whatever is there counts.

    Raises:
        UserError: a video in the folder was made by something else.
    """
    jobs: dict[str, list[Job]] = {pair: [] for pair in pairs}
    for job in suite.jobs:
        if job.pair in jobs:
            jobs[job.pair].append(job)
    strange = []
    found = []
    for pair, all_jobs in jobs.items():
        todo = []
        for job in all_jobs:
            if not video_path(out, job).is_file():
                todo.append(job)
            elif settings is not None and not _is_ours(sidecar_path(out, job), settings):
                strange.append(str(video_path(out, job)))
        found.append(PairWork(pair, tuple(todo), len(all_jobs) - len(todo)))
    if strange:
        raise UserError(
            f"{len(strange)} videos were not made with these settings",
            where=some(strange),
            fix="give another folder with --out",
        )
    return found


def claim(out: Path, settings: Settings) -> None:
    """Make the folder one of these settings, or check that it is.

    Raises:
        UserError: it is one of others; says which.
    """
    there = read_settings(out)
    if there is None:
        write_text(out / SETTINGS, settings.model_dump_json(indent=2) + "\n")
    elif there != settings:
        raise UserError(
            f"the folder holds videos of other settings ({some(_differences(there, settings), 4)})",
            where=str(out / SETTINGS),
            fix="give another folder with --out, or the settings that the folder has",
        )


def read_settings(folder: Path) -> Settings | None:
    """What the videos of a folder were made with; None: `customstudio generate` made none there.

    Raises:
        UserError: the record cannot be read.
    """
    path = folder / SETTINGS
    if not path.exists():
        return None
    try:
        return Settings.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(
            f"the record of the folder cannot be read: {type(error).__name__}",
            where=str(path),
            fix="take another folder, or move the file away",
        ) from error


def video_path(out: Path, job: Job) -> Path:
    """Where a job's video goes."""
    return out / f"{job.id}.mp4"


def sidecar_path(out: Path, job: Job) -> Path:
    """Where the record beside it goes."""
    return out / f"{job.id}.json"


def _is_ours(path: Path, settings: Settings) -> bool:
    try:
        return Sidecar.model_validate_json(path.read_bytes()).settings == settings.digest
    except (OSError, ValidationError):
        return False


def _differences(there: Settings, here: Settings) -> list[str]:
    """The fields in which two settings differ, options by name."""
    found = []
    for name in Settings.model_fields:
        old, new = getattr(there, name), getattr(here, name)
        if old == new or name == "name":
            continue
        if name == "options" and there.method == here.method:
            names = sorted({k for k in {*old, *new} if old.get(k) != new.get(k)})
            found += [f"{k}: {old.get(k)} there, {new.get(k)} here" for k in names]
        elif isinstance(old, str) and isinstance(new, str):
            found.append(f"{name}: {old[:40]} there, {new[:40]} here")
        else:
            found.append(name)
    return found
