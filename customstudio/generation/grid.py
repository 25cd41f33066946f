"""What is to be made, what is there already, and whether a folder may be added to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from customstudio.errors import UserError, did_you_mean, some
from customstudio.files import write_text
from customstudio.generation.records import PairRecord, Settings, Sidecar
from customstudio.suites.schema import Job, Suite

SETTINGS, PAIRS = "generation.json", ".pairs"


@dataclass(frozen=True)
class PairWork:
    """The jobs of one pair, and those of them that are not done yet; a pair is fitted once."""

    pair: str
    jobs: tuple[Job, ...]
    todo: tuple[Job, ...]

    def batches(self, size: int) -> list[tuple[Job, ...]]:
        """Jobs to sample at once: those of a batch with one to do, the finished ones with it.

        The last bits of a video depend on its neighbours; so these are always the same ones.
        """
        starts = range(0, len(self.jobs), size)
        every = [self.jobs[first : first + size] for first in starts]
        return [batch for batch in every if not set(self.todo).isdisjoint(batch)]


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
        found.append(PairWork(pair, tuple(all_jobs), tuple(todo)))
    if strange:
        raise UserError(
            f"{len(strange)} videos were not made with these settings",
            where=some(strange),
            fix="give another folder with --out, or delete these videos to have them made again",
        )
    return found


def claim(out: Path, settings: Settings) -> None:
    """Make the folder one of these settings; of several processes at once, one does.

    Raises:
        UserError: it is one of others.
    """
    if not (out / SETTINGS).exists():
        write_text(out / SETTINGS, settings.model_dump_json(indent=2) + "\n", keep=True)
    require_same(out, settings)


def require_same(out: Path, settings: Settings) -> None:
    """Check that a folder is nobody's, or one of these settings.

    Raises:
        UserError: it is one of others; says which.
    """
    there = read_settings(out)
    if there is not None and there != settings:
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


def read_sidecar(path: Path) -> Sidecar | None:
    """The record beside a video; None if there is none that can be read."""
    try:
        return Sidecar.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def same_subjects(out: Path, references: Mapping[str, Mapping[str, str]]) -> None:
    """Check that subjects have the images that the folder's videos were made with.

    Args:
        references: as in `PairRecord`.

    Raises:
        UserError: some changed; says which.
    """
    for path in sorted((out / PAIRS).glob("*/pair.json")):
        if not any((out / path.parent.name).glob("*/*.mp4")):
            continue
        try:
            there = PairRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(
                f"the record of a pair cannot be read: {type(error).__name__}",
                where=str(path),
                fix="delete it: it is written anew if the videos' own records agree",
            ) from error
        changed = [
            name for name, files in there.references.items() if references.get(name, files) != files
        ]
        if changed:
            raise UserError(
                f"reference images or masks of {some(changed)} changed since pair {there.pair} "
                "was begun",
                where=str(path),
                fix="give another folder with --out, or put the references back",
            )


def _is_ours(path: Path, settings: Settings) -> bool:
    found = read_sidecar(path)
    return found is not None and found.settings == settings.digest


def _differences(there: Settings, here: Settings) -> list[str]:
    """The fields in which two settings differ, options by name."""
    found = []
    for name in Settings.model_fields:
        old, new = getattr(there, name), getattr(here, name)
        if old == new or (name == "name" and there.options != here.options):
            continue
        if name == "options" and there.method == here.method:
            names = sorted({k for k in {*old, *new} if old.get(k) != new.get(k)})
            found += [f"{k}: {old.get(k)} there, {new.get(k)} here" for k in names]
        elif isinstance(old, str) and isinstance(new, str):
            found.append(f"{name}: {old[:40]} there, {new[:40]} here")
        else:
            found.append(name)
    return found
