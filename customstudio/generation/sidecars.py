"""The records that lie beside a pair's videos."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from customstudio import baselines
from customstudio.baselines.task import Task
from customstudio.errors import UserError
from customstudio.files import sha256_file, write_text
from customstudio.generation.grid import read_sidecar, sidecar_path, video_path
from customstudio.generation.prepare import Prepared, pair_record
from customstudio.generation.records import PairRecord, Sidecar
from customstudio.records import digest
from customstudio.suites.schema import Job

PACKAGES = ("customstudio", "diffusers", "numpy", "peft", "torch", "transformers")


def same_references(out: Path, folder: Path, jobs: Sequence[Job], task: Task) -> PairRecord:
    """The record of the pair's references, which all of its videos have in common.

    Args:
        out: the folder of all videos.
        folder: where the record goes.
        jobs: those of the pair.

    Raises:
        UserError: they changed since the pair's first video.
    """
    record = pair_record(task)
    made = [sidecar_path(out, job) for job in jobs if video_path(out, job).is_file()]
    used = digest(record.references)
    others = [str(p) for p in made if (found := read_sidecar(p)) and found.references != used]
    if others:
        raise UserError(
            "the reference images or masks changed since the pair was begun",
            where=others[0],
            fix="give another folder with --out, or put the references back",
        )
    write_text(folder / "pair.json", record.model_dump_json(indent=2) + "\n")
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
        options=prepared.settings.options,
        references=references,
        masks=("+".join(masks.statuses) or masks.kind) if masks else "suite",
        base=base.base if base else "none",
        base_revision=base.revision if base else None,
        base_status=base.status if base else "none",
        device=device,
        batch=batch,
        threads=torch.get_num_threads() if device == "cpu" else None,
        versions={name: _version(name) for name in PACKAGES},
        code=_code(),
    )


@cache
def _code() -> str:
    root = Path(baselines.__file__).parent
    return digest({str(p.relative_to(root)): sha256_file(p) for p in root.rglob("*.py")})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
