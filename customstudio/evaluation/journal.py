"""The journal: durable results chunk by chunk; a kill loses at most the chunk at work."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from customstudio.evaluation.items import Item
from customstudio.files import write_bytes, write_text
from customstudio.metrics.spec import Array
from customstudio.records import digest


@dataclass(frozen=True)
class VideoRow:
    """One line of `videos.parquet`, with what tells whether the file is still the same."""

    method: str
    job: str
    pair: str
    prompt_id: str
    seed: str
    prompt: str
    subjects: list[str]
    categories: list[str | None]
    type: str
    path: str | None
    references: list[list[str]]
    sha256: str | None = None
    bytes: int | None = None
    frames: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    reason: str | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class ScoreRow:
    """One line of `scores.parquet`: a float32 value, or a reason."""

    method: str
    job: str
    metric: str
    subject: str | None
    value: float | None
    reason: str | None


@dataclass
class ChunkResult:
    """What one chunk gave."""

    chunk: int
    videos: list[VideoRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    curves: list[tuple[str, str, str, list[float]]] = field(default_factory=list)
    """Method, job, metric, a value a frame."""
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    features: dict[str, Array] = field(default_factory=dict)
    """`KEY|KIND|NAME`, kept beside the journal where the run keeps features."""


def features_key(method: str, job: str) -> str:
    """What the kept features of one video go by: names may hold any character."""
    return digest([method, job])[:32]


def f32(value: float) -> float:
    """The float32 nearest to a value, as a float: what JSON then gives back to the last bit."""
    return float(np.float32(value))


class Journal:
    """A folder of finished chunks of one plan."""

    def __init__(self, folder: Path, plan_digest: str) -> None:
        self._folder, self._plan = folder, plan_digest

    def write(self, result: ChunkResult) -> None:
        """Make a chunk durable: features first, then the rows that say it is done."""
        if result.features:
            from safetensors.numpy import save

            # safetensors writes the memory behind a strided view, not what the view shows.
            whole = {name: np.ascontiguousarray(array) for name, array in result.features.items()}
            write_bytes(self.features_path(result.chunk), save(whole))
        document = {
            "plan": self._plan,
            "chunk": result.chunk,
            "videos": [list(vars(row).values()) for row in result.videos],
            "scores": [list(vars(row).values()) for row in result.scores],
            "curves": result.curves,
            "seconds": result.seconds,
            "notes": result.notes,
        }
        write_text(self._path(result.chunk), json.dumps(document, allow_nan=False))

    def read(self) -> Iterator[ChunkResult]:
        """The finished chunks of this plan, in order; damaged ones count as never done."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                document: dict[str, Any] = json.loads(path.read_text())
                if document["plan"] == self._plan:
                    yield _result(document)
            except (ValueError, KeyError, TypeError):
                continue

    def features_path(self, chunk: int) -> Path:
        """Where the features of a chunk are kept."""
        return self._folder.parent / "features" / f"{chunk:06d}.safetensors"

    def _path(self, chunk: int) -> Path:
        return self._folder / f"{chunk:06d}.json"


def _result(document: dict[str, Any]) -> ChunkResult:
    return ChunkResult(
        chunk=document["chunk"],
        videos=[VideoRow(*row) for row in document["videos"]],
        scores=[ScoreRow(*row) for row in document["scores"]],
        curves=[tuple(row) for row in document["curves"]],
        seconds=document["seconds"],
        notes=document["notes"],
    )


def video_row(item: Item, root: Path) -> VideoRow:
    """What is known of a video before it is read."""
    return VideoRow(
        method=item.method,
        job=item.job,
        pair=item.pair,
        prompt_id=item.prompt_id,
        seed=item.seed,
        prompt=item.prompt,
        subjects=[subject.id for subject in item.subjects],
        categories=[subject.category for subject in item.subjects],
        type=item.type,
        path=_relative(item.path, root),
        references=[[str(r.path) for r in subject.references] for subject in item.subjects],
    )


def _relative(path: Path | None, root: Path) -> str | None:
    if path is None:
        return None
    path, root = path.resolve(), root.resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
