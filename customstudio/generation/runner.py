"""Fit each pair once and make its videos; a kill at any point loses at most a fit or a batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch

from customstudio.baselines import catalog
from customstudio.baselines.bases.loading import Loaded, load_animator, load_base
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.task import Bases
from customstudio.baselines.tuned import Tuned, load, save
from customstudio.errors import UserError
from customstudio.evaluation.devices import resolve
from customstudio.files import locked, write_text
from customstudio.generation.failures import explained, record_failure
from customstudio.generation.grid import PAIRS, PairWork, claim, sidecar_path, video_path
from customstudio.generation.plan import make_plan
from customstudio.generation.prepare import Prepared
from customstudio.generation.records import Failure
from customstudio.generation.sidecars import same_references, sidecar
from customstudio.media.video import write_video
from customstudio.records import digest
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.ray_cluster import RayCluster


class Progress(Protocol):
    """Told how far a generation is, in steps of training and sampling."""

    def start(self, total: int) -> None:
        """All steps that are left."""

    def advance(self, steps: int) -> None:
        """Some were done."""

    def note(self, text: str) -> None:
        """A line for people."""

    def stop(self) -> None:
        """Nothing more comes of this generation."""


@dataclass
class Outcome:
    """What a generation made."""

    made: int = 0
    there: int = 0
    """Videos that were there before."""
    failures: list[Failure] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    """Pairs that another process is making."""


@dataclass(frozen=True)
class PairOutcome:
    """What became of one pair."""

    made: int = 0
    failure: Failure | None = None
    busy: bool = False
    """Another process is making it."""


def run(prepared: Prepared, progress: Progress, cluster: "RayCluster | None" = None) -> Outcome:
    """Make what is left, here or on a cluster.

    Raises:
        UserError: the folder is one of other settings, or the device is not there.
    """
    claim(prepared.request.out, prepared.settings)
    outcome = Outcome(there=sum(len(work.jobs) - len(work.todo) for work in prepared.left))
    todo = [work for work in prepared.left if work.todo]
    if not todo:
        return outcome
    if cluster is None:
        results = _run_here(prepared, todo, progress)
    else:
        from customstudio.generation.cluster import run_on

        results = run_on(cluster, prepared, todo, progress)
    try:
        for work, pair in results:
            outcome.made += pair.made
            outcome.failures += [pair.failure] if pair.failure else []
            outcome.busy += [work.pair] if pair.busy else []
    finally:
        progress.stop()
    return outcome


def _run_here(
    prepared: Prepared, todo: list[PairWork], progress: Progress
) -> Iterator[tuple[PairWork, PairOutcome]]:
    device = resolve(prepared.request.device) if prepared.parts.base else "cpu"
    try:
        bases = load_bases(prepared, device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            "out of GPU memory while the base model was loaded",
            where=str(error).split(". ")[0],
            fix="take a GPU with more memory, or one that nothing else uses; --bf16 halves Wan's",
        ) from error
    progress.start(steps_of(prepared, todo))
    for work in todo:
        yield work, attempt(prepared, bases, work, device, progress)


def attempt(
    prepared: Prepared,
    bases: Bases[Loaded] | None,
    work: PairWork,
    device: str,
    progress: Progress,
) -> PairOutcome:
    """Make one pair; a failure is recorded in its folder, since it must not end the rest."""
    folder = prepared.request.out / PAIRS / work.pair
    before = len(_left(prepared.request.out, work.jobs))
    try:
        with locked(folder):
            return PairOutcome(_make_pair(prepared, bases, work, folder, device, progress))
    except UserError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return PairOutcome(busy=True)
        failure = record_failure(folder, work.pair, error)
    except Exception as error:
        failure = record_failure(folder, work.pair, explained(error), error)
    return PairOutcome(before - len(_left(prepared.request.out, work.jobs)), failure)


def _make_pair(
    prepared: Prepared,
    bases: Bases[Loaded] | None,
    work: PairWork,
    folder: Path,
    device: str,
    progress: Progress,
) -> int:
    """Fit a pair, or read its fit, and make its videos; their number."""
    request, task = prepared.request, prepared.tasks[work.pair]
    module = catalog.method(request.method)
    fitted = folder / "fitted.safetensors"
    references = digest(same_references(request.out, folder, work.jobs, task).references)
    notes = {"settings": prepared.settings.digest, "references": references}

    def on_step() -> None:
        progress.advance(1)

    todo = [batch for batch in work.batches(request.batch) if _left(request.out, batch)]
    # None, where a worker that died had made the last of them, or another process meanwhile.
    tuned = _fitted(fitted, notes) if todo else Tuned()
    if tuned is not None:
        progress.advance(_fit_steps(prepared, work))
    if tuned is None:
        progress.note(f"{work.pair}: fitting")
        tuned = module.fit(bases, task, prepared.options, on_step)
        if tuned != Tuned():
            save(tuned, fitted, notes)
    made = 0
    for jobs in todo:
        left = _left(request.out, jobs)
        videos = module.generate(bases, tuned, task, jobs, prepared.options, on_step)
        for job, frames in zip(jobs, videos, strict=True):
            if job not in left:
                continue
            made += 1
            record = sidecar(prepared, task, job, references, device, len(jobs))
            # The video is what counts as done, so it comes last.
            write_text(sidecar_path(request.out, job), record.model_dump_json(indent=2) + "\n")
            write_video(video_path(request.out, job), frames, task.video.fps)
        progress.note(f"{jobs[-1].id}: written")
    (folder / "failure.json").unlink(missing_ok=True)
    if not request.keep_weights:
        fitted.unlink(missing_ok=True)
    return made


def _left(out: Path, jobs: Sequence[Job]) -> list[Job]:
    """Those whose videos are not there."""
    return [job for job in jobs if not video_path(out, job).is_file()]


def _fitted(path: Path, notes: dict[str, str]) -> Tuned | None:
    """An earlier fit of the same settings and references."""
    if not path.is_file():
        return None
    tuned, there = load(path)
    return tuned if all(there.get(name) == value for name, value in notes.items()) else None


def load_bases(prepared: Prepared, device: str) -> Bases[Loaded] | None:
    """The networks; None where the method needs none."""
    parts, autocast = prepared.parts, prepared.request.arithmetic == "bfloat16"
    if parts.base is None:
        return None
    up, animator = parts.upscaler, parts.animator
    return Bases(
        main=load_base(parts.base, device, autocast=autocast),
        upscaler=load_base(up, device, autocast=autocast) if up else None,
        animator=load_animator(animator, device, autocast=autocast) if animator else None,
        weights={found.spec.id: found for found in parts.weights},
        networks=parts.networks,
    )


def steps_of(prepared: Prepared, left: Sequence[PairWork]) -> int:
    """Steps of training and sampling that are left; a batch of videos is sampled at once."""
    request, video = prepared.request, prepared.settings.video
    plan = make_plan(request.suite, left, prepared.options, video, request.base_id)
    batches = sum(len(work.batches(request.batch)) for work in left)
    fits = sum(_fit_steps(prepared, work) for work in left if work.todo)
    return fits + plan.sampling_steps * batches


def _fit_steps(prepared: Prepared, work: PairWork) -> int:
    """Steps of a pair's fit, those of sampling its class images included."""
    if not isinstance(prepared.options, TrainingOptions):
        return 0
    subjects = len(prepared.request.suite.pairs[work.pair].subjects)
    return prepared.options.fit_steps + subjects * prepared.options.prior_steps
