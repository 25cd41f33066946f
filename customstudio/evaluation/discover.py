"""What is in this folder: a suite's own tree of videos, or a manifest that says."""

from collections.abc import Mapping
from pathlib import Path

from customstudio.errors import UserError, did_you_mean, raise_all, some
from customstudio.evaluation.items import Collection, Item, ItemSubject, suite_use
from customstudio.evaluation.manifest import MANIFESTS, read_manifest
from customstudio.media.video import VIDEO_SUFFIXES
from customstudio.suites.choose import require_jobs
from customstudio.suites.load import SUITES, load_suite
from customstudio.suites.references import find_references
from customstudio.suites.schema import Job, Reference, Suite

NEEDS = (
    "either the suite's tree PAIR/PROMPT/SEED.mp4 (see `customstudio suites jobs customstudio`), "
    "or a manifest.csv or manifest.jsonl with the columns path, prompt and subjects or references"
)


def discover(
    folder: Path,
    *,
    suite: Suite | None = None,
    references: Path | None = None,
    method: str | None = None,
) -> Collection:
    """Find out which videos a folder holds and what each should show.

    Args:
        folder: a suite's tree, or a folder with `manifest.csv` or `manifest.jsonl`.
        suite: the suite of the tree; None: the built-in one whose pairs the folders name.
        references: root of the reference images, `ROOT/SUBJECT/NN.jpg`; None: the data folder.
        method: name of the method; None: the manifest's column, else the folder's name.

    Raises:
        UserError: no such folder, nothing in it, unknown or duplicate jobs: all at once.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(
            "no such folder" if not folder.exists() else "not a folder",
            where=str(folder),
            fix=f"give the folder that holds the videos: {NEEDS}",
        )
    manifests = [folder / name for name in MANIFESTS if (folder / name).is_file()]
    if len(manifests) > 1:
        raise UserError(
            "two manifests in one folder", where=some([str(m) for m in manifests]), fix="keep one"
        )
    if manifests:
        return read_manifest(manifests[0], suite=suite, references=references, method=method)
    name = method or folder.resolve().name
    return _read_tree(folder, suite or _recognise(folder), references, name)


def _recognise(folder: Path) -> Suite:
    names = {entry.name for entry in folder.iterdir() if entry.is_dir()}
    best: tuple[int, Suite] | None = None
    for name in SUITES:
        suite = load_suite(name)
        matches = len(names & suite.pairs.keys())
        if matches and (best is None or matches > best[0]):
            best = (matches, suite)
    if best is None:
        raise UserError(
            "no videos of a known suite and no manifest"
            if any(folder.iterdir())
            else "the folder is empty",
            where=str(folder),
            fix=NEEDS,
        )
    return best[1]


def _read_tree(folder: Path, suite: Suite, references: Path | None, method: str) -> Collection:
    require_jobs(suite)
    jobs = {job.id: job for job in suite.jobs}
    found, problems = _videos_in(folder)
    problems += _unknown(found, jobs, suite)
    raise_all(problems)
    if not found:
        raise UserError("no videos in the folder", where=str(folder), fix=NEEDS)
    return _collection(folder, suite, references, method, found)


def jobs_of(suite: Suite, references: Path | None) -> Collection:
    """All jobs of a suite with their references, and no videos yet.

    Raises:
        UserError: the suite has no published jobs.
    """
    require_jobs(suite)
    return _collection(Path(), suite, references, "", {})


def _collection(
    folder: Path, suite: Suite, references: Path | None, method: str, found: Mapping[str, Path]
) -> Collection:
    images = find_references(suite, references)
    items = [_item(suite, job, method, images, found.get(job.id)) for job in suite.jobs]
    items.sort(key=lambda item: item.job)
    return Collection(folder, tuple(items), suite_use(suite), suite.video)


def _videos_in(folder: Path) -> tuple[dict[str, Path], list[UserError]]:
    found: dict[str, Path] = {}
    problems = []
    runs = {path.parent for path in folder.rglob("run.json")}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if not runs.isdisjoint((path, *path.parents)):
            continue  # a run bundle that was written in here
        frames = path.is_dir() and len(relative.parts) == 3
        if not frames and path.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        if len(relative.parts) > 3 and relative.parts[2].isdigit():
            continue  # inside a folder of frames
        job = str(relative if frames else relative.with_suffix(""))
        if job in found:
            problems.append(
                UserError(
                    f"two videos of one job {job}",
                    where=f"{found[job]} and {path}",
                    fix="keep the one that is to be scored",
                )
            )
        found[job] = path
    return found, problems


def _unknown(found: Mapping[str, Path], jobs: Mapping[str, Job], suite: Suite) -> list[UserError]:
    unknown = [job for job in found if job not in jobs]
    if not unknown:
        return []
    pair, prompt, seed = (*unknown[0].split("/"), "", "")[:3]
    if pair not in suite.pairs:
        hint = did_you_mean(pair, list(suite.pairs))
    elif prompt not in suite.prompts:
        hint = did_you_mean(prompt, list(suite.prompts))
    else:
        hint = f"prompt {prompt}, seed {seed or 'none'} is no job of this pair; " + did_you_mean(
            unknown[0], [job for job in jobs if job.startswith(f"{pair}/")]
        )
    return [
        UserError(
            f"{len(unknown)} videos are no jobs of suite {suite.name} "
            f"(prompt set {suite.prompt_set})",
            where=some([str(found[job]) for job in unknown]),
            fix=f"{hint} The path of a job is PAIR/PROMPT/SEED.mp4",
        )
    ]


def _item(
    suite: Suite,
    job: Job,
    method: str,
    images: Mapping[str, tuple[Reference, ...]],
    path: Path | None,
) -> Item:
    subjects = tuple(
        ItemSubject(i, suite.subjects[i].category, images.get(i, ())) for i in job.subjects
    )
    return Item(
        method=method,
        pair=job.pair,
        prompt_id=job.prompt_id,
        seed=str(job.seed),
        prompt=job.prompt,
        subjects=subjects,
        type=suite.pairs[job.pair].type,
        path=path,
    )
