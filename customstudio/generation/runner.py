"""Fit each pair once and make its videos; a kill at any point loses at most a fit or a batch."""

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from customstudio.baselines import catalog
from customstudio.baselines.bases.video_model import load as load_base
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tuned import Tuned, load, save
from customstudio.errors import UserError
from customstudio.evaluation.devices import resolve
from customstudio.files import locked, write_text
from customstudio.generation.failures import explained, record_failure
from customstudio.generation.grid import PairWork, claim, sidecar_path, video_path
from customstudio.generation.plan import make_plan
from customstudio.generation.prepare import Prepared, pair_record
from customstudio.generation.records import Failure, PairRecord, Sidecar
from customstudio.media.video import write_video
from customstudio.records import digest
from customstudio.suites.schema import Job

PAIRS = ".pairs"
PACKAGES = ("customstudio", "diffusers", "numpy", "peft", "torch", "transformers")


class Progress(Protocol):
    """Told how far a generation is, in steps of training and sampling."""

    def start(self, total: int) -> None:
        """All steps that are left."""

    def advance(self, steps: int) -> None:
        """Some were done."""

    def note(self, text: str) -> None:
        """A line for people."""


@dataclass
class Outcome:
    """What a generation made."""

    made: int = 0
    there: int = 0
    """Videos that were there before."""
    failures: list[Failure] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    """Pairs that another process is making."""


def run(prepared: Prepared, progress: Progress) -> Outcome:
    """Make what is left.

    Raises:
        UserError: the folder is one of other settings, or the device is not there.
    """
    request = prepared.request
    claim(request.out, prepared.settings)
    outcome = Outcome(there=sum(work.done for work in prepared.left))
    todo = [work for work in prepared.left if work.todo]
    if not todo:
        return outcome
    device = resolve(request.device) if prepared.base else "cpu"
    bases = _load(prepared, device)
    progress.start(_steps(prepared))
    for work in todo:
        folder = request.out / PAIRS / work.pair
        try:
            with locked(folder):
                outcome.made += _make_pair(prepared, bases, work, folder, device, progress)
        except UserError as error:
            if isinstance(error.__cause__, BlockingIOError):
                outcome.busy.append(work.pair)
                continue
            outcome.failures.append(record_failure(folder, work.pair, error))
        except Exception as error:  # one pair's failure must not end the rest
            outcome.failures.append(record_failure(folder, work.pair, explained(error), error))
    return outcome


def _make_pair(
    prepared: Prepared,
    bases: Bases | None,
    work: PairWork,
    folder: Path,
    device: str,
    progress: Progress,
) -> int:
    """Fit a pair, or read its fit, and make its videos; their number."""
    request, task = prepared.request, prepared.tasks[work.pair]
    module = catalog.method(request.method)
    record = _same_references(folder, task)
    fitted = folder / "fitted.safetensors"
    notes = {"settings": prepared.settings.digest, "references": digest(record.references)}

    def on_step() -> None:
        progress.advance(1)

    tuned = _fitted(fitted, notes)
    if tuned is not None and isinstance(prepared.options, TrainingOptions):
        progress.advance(prepared.options.steps)
    if tuned is None:
        progress.note(f"{work.pair}: fitting")
        tuned = module.fit(bases, task, prepared.options, on_step)
        if tuned != Tuned():
            save(tuned, fitted, notes)
    todo = [job for job in work.todo if not video_path(request.out, job).is_file()]
    for first in range(0, len(todo), request.batch):
        jobs = todo[first : first + request.batch]
        videos = module.generate(bases, tuned, task, jobs, prepared.options, on_step)
        for job, frames in zip(jobs, videos, strict=True):
            sidecar = _sidecar(prepared, task, job, notes["references"], device, len(jobs))
            # The video is what counts as done, so it comes last.
            write_text(sidecar_path(request.out, job), sidecar.model_dump_json(indent=2) + "\n")
            write_video(video_path(request.out, job), frames, task.video.fps)
        progress.note(f"{jobs[-1].id}: written")
    (folder / "failure.json").unlink(missing_ok=True)
    if not request.keep_weights:
        fitted.unlink(missing_ok=True)
    return len(todo)


def _same_references(folder: Path, task: Task) -> PairRecord:
    """The record of the pair's references, which must stay the same from run to run.

    Raises:
        UserError: they changed since the pair's first video.
    """
    record, path = pair_record(task), folder / "pair.json"
    if path.is_file() and PairRecord.model_validate_json(path.read_bytes()) != record:
        raise UserError(
            "the reference images or masks changed since the pair was begun",
            where=str(path),
            fix="give another folder with --out, or put the references back",
        )
    write_text(path, record.model_dump_json(indent=2) + "\n")
    return record


def _fitted(path: Path, notes: dict[str, str]) -> Tuned | None:
    """An earlier fit of the same settings and references."""
    if not path.is_file():
        return None
    tuned, there = load(path)
    return tuned if all(there.get(name) == value for name, value in notes.items()) else None


def _sidecar(
    prepared: Prepared, task: Task, job: Job, references: str, device: str, batch: int
) -> Sidecar:
    base = prepared.settings.base
    return Sidecar(
        job=job.id,
        name=prepared.settings.name,
        prompt=job.prompt,
        prompt_with_tokens=job.prompt_with_tokens,
        tokens=dict(zip(task.tokens, (s.id for s in task.subjects), strict=True)),
        seed=job.seed,
        settings=prepared.settings.digest,
        references=references,
        base=base.base if base else "none",
        base_revision=base.revision if base else None,
        base_status=base.status if base else "none",
        device=device,
        batch=batch,
        versions={name: _version(name) for name in PACKAGES},
    )


def _load(prepared: Prepared, device: str) -> Bases | None:
    if prepared.base is None:
        return None
    autocast = prepared.request.arithmetic == "bfloat16"
    upscaler = prepared.upscaler
    return Bases(
        main=load_base(prepared.base, device, autocast=autocast),
        upscaler=load_base(upscaler, device, autocast=autocast) if upscaler else None,
    )


def _steps(prepared: Prepared) -> int:
    """Steps of training and sampling that are left; a batch of videos is sampled at once."""
    plan = make_plan(
        prepared.request.suite, prepared.left, prepared.options, prepared.settings.video
    )
    batch = prepared.request.batch
    batches = sum(-(-len(work.todo) // batch) for work in prepared.left)
    return plan.training_steps + plan.sampling_steps * batches


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
