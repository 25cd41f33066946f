"""The records that lie beside a pair's videos."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from customstudio.baselines.task import Task
from customstudio.errors import UserError
from customstudio.files import write_text
from customstudio.generation.prepare import Prepared, pair_record
from customstudio.generation.records import PairRecord, Sidecar
from customstudio.suites.schema import Job

PACKAGES = ("customstudio", "diffusers", "numpy", "peft", "torch", "transformers")


def same_references(folder: Path, task: Task) -> PairRecord:
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


def sidecar(
    prepared: Prepared, task: Task, job: Job, references: str, device: str, batch: int
) -> Sidecar:
    """How a video was made."""
    base, masks = prepared.settings.base, prepared.settings.masks
    return Sidecar(
        job=job.id,
        name=prepared.settings.name,
        prompt=job.prompt,
        prompt_with_tokens=job.prompt_with_tokens,
        tokens=dict(zip(task.tokens, (s.id for s in task.subjects), strict=True)),
        seed=job.seed,
        settings=prepared.settings.digest,
        references=references,
        masks=(masks.network or masks.kind) if masks else "suite",
        base=base.base if base else "none",
        base_revision=base.revision if base else None,
        base_status=base.status if base else "none",
        device=device,
        batch=batch,
        versions={name: _version(name) for name in PACKAGES},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
