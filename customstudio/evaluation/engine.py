"""The engine: chunks of videos in, scores out; decode once, embed once, score purely."""

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from customstudio.evaluation.devices import cpu_threads
from customstudio.evaluation.embedding import (
    Batcher,
    Clock,
    FeatureCache,
    References,
    in_smaller_batches,
)
from customstudio.evaluation.galleries import Galleries
from customstudio.evaluation.items import Item
from customstudio.evaluation.journal import ChunkResult, features_key, video_row
from customstudio.evaluation.plan import Plan
from customstudio.evaluation.scoring import score_video
from customstudio.evaluation.stream import Block, Broken, Facts, FrameStream, Wanted
from customstudio.metrics import backbones
from customstudio.metrics.catalog import FEATURES
from customstudio.metrics.spec import Array, Unscored, VideoFeatures

IMAGE_ROLES = ("clip", "dino", "aesthetic")
FEATURES_VERSION = "1"
"""Raised when frames or images are prepared differently: kept features are then made anew."""
OF_GALLERIES = ("dino.resemblance", "pasting.references")
"""Features of references that hold a subject against others, or its images as pictures."""
PAIR_BATCH = 8
"""Frame pairs a pass of the flow network: its memory grows with the square of the resolution."""


class Engine:
    """Holds the networks of a plan and scores its chunks."""

    def __init__(self, plan: Plan, *, cache: Path, workers: int) -> None:
        self._plan, self._workers = plan, workers
        self._clock, self._notes = Clock(), set[str]()
        self._since = time.perf_counter()
        with self._clock.stage("loading networks"):
            self._networks = {
                role: backbones.load(
                    role,
                    located,
                    device=plan.settings.device,
                    precision=plan.settings.precision,
                    options=plan.protocol.options,
                )
                for role, located in plan.networks.items()
            }
        self._chunks = plan.chunks
        self._references = References(
            self._networks,
            plan.networks,
            FeatureCache(cache),
            {
                "device": plan.settings.device,
                "precision": plan.settings.precision,
                "threads": str(plan.settings.threads),
                "version": FEATURES_VERSION,
            },
        )
        self._of_subject = [
            name
            for name in plan.features
            if FEATURES[name].source.startswith("ref") and name not in OF_GALLERIES
        ]
        self._galleries = Galleries(self._references, plan.collection)

    def run(self, chunks: Sequence[int]) -> Iterator[ChunkResult]:
        """Score chunks in order, decoding ahead across their borders.

        Raises:
            UserError: a reference image cannot be read, or one frame is too big for the GPU.
        """
        with cpu_threads(self._plan.settings.threads) if self._plan.networks else nullcontext():
            yield from self._run(chunks)

    def _run(self, chunks: Sequence[int]) -> Iterator[ChunkResult]:
        items = [item for chunk in chunks for item in self._chunks[chunk]]
        subjects = {s.id: s for item in items for s in item.subjects}
        with self._clock.stage("references"):
            self._references.check(list(subjects.values()), self._of_subject)
            self._galleries.check(sorted(subjects), self._plan.features)
        stream = FrameStream(items, self._wanted(), workers=self._workers)
        try:
            videos = iter(stream)
            for chunk in chunks:
                yield self._run_chunk(chunk, videos)
        finally:
            stream.close()

    def _wanted(self) -> Wanted:
        from customstudio.metrics.backbones import dis, pasting, seams

        features, spec = self._plan.features, self._plan.collection.video
        return Wanted(
            transforms={
                **{role: self._networks[role].transform for role in _image_roles(features)},
                **({"pasting": pasting.small} if "pasting.frames" in features else {}),
            },
            per_frame={"seams.frames": seams.seam_code} if "seams.frames" in features else {},
            per_pair={"dis.motion": dis.motion} if "dis.motion" in features else {},
            whole_frames=bool({"faces.frames", "crops.frames"} & set(features)),
            taken_frames="flow.motion" in features,
            fps=spec.fps if spec else 8.0,
        )

    def _run_chunk(self, chunk: int, videos: Iterator[Any]) -> ChunkResult:
        work = _ChunkWork(self._plan, self._networks, self._clock, self._notes)
        items = self._chunks[chunk]
        outcomes: list[Facts | Broken] = []
        for index in range(len(items)):
            with self._clock.stage("waiting for frames"):
                item, messages = next(videos)
            outcomes.append(work.read(index, item, messages))
        work.flush()
        result = ChunkResult(chunk)
        for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
            self._finish(result, item, outcome, work.arrays(index))
        notes = self._notes | self._references.notes
        result.notes, result.seconds = sorted(notes), self._clock.seconds
        self._clock.seconds = {}
        result.seconds["wall"] = time.perf_counter() - self._since
        self._since = time.perf_counter()
        return result

    def _finish(
        self, result: ChunkResult, item: Item, outcome: Facts | Broken, arrays: dict[str, Array]
    ) -> None:
        row = video_row(item, self._plan.collection.root)
        features: VideoFeatures | Unscored
        if isinstance(outcome, Broken):
            result.videos.append(dataclasses.replace(row, **dataclasses.asdict(outcome)))
            features = Unscored(outcome.reason)
        else:
            result.videos.append(dataclasses.replace(row, **dataclasses.asdict(outcome)))
            self._check_rate(outcome.fps)
            features = self._features(item, outcome, arrays)
            if self._plan.settings.keep_features:
                prefix = features_key(item.method, item.job)
                named = features.named().items()
                result.features |= {f"{prefix}|{name}": array for name, array in named}
        with self._clock.stage("scoring"):
            score_video(result, item, features, self._plan.metrics)

    def _check_rate(self, fps: float) -> None:
        spec = self._plan.collection.video
        if spec is not None and abs(fps - spec.fps) > 0.01:
            self._notes.add(
                f"frame rate {fps:g} differs from the suite's {spec.fps:g}: "
                "metrics that depend on time use the video's own"
            )

    def _features(self, item: Item, facts: Facts, arrays: dict[str, Array]) -> VideoFeatures:
        with self._clock.stage("references"):
            references = {
                feature: tuple(self._references.of_subject(feature, s) for s in item.subjects)
                for feature in self._of_subject
            }
        if "dino.matches" in self._plan.features:
            with self._clock.stage("matching"):
                references["dino.resemblance"] = tuple(
                    self._galleries.resemblance(s.id) for s in item.subjects
                )
                patches = arrays.pop("dino.patches")
                arrays["dino.matches"] = self._galleries.matches(patches, item.subjects)
        if "pasting.frames" in self._plan.features:
            with self._clock.stage("pasting"):
                references["pasting.references"] = tuple(
                    np.arange(len(self._galleries.pictures(s.id)), dtype=np.float32)
                    for s in item.subjects
                )
                small = arrays.pop("pasting.small")
                arrays["pasting.frames"] = self._galleries.pasted(small, item.subjects)
        with self._clock.stage("text"):
            wants_text = "clip.text" in self._plan.features
            text = {"clip.text": self._references.of_text(item.prompt)} if wants_text else {}
        return VideoFeatures(
            subjects=tuple(subject.info for subject in item.subjects),
            frames=facts.frames,
            fps=facts.fps,
            width=facts.width,
            height=facts.height,
            arrays=arrays,
            references=references,
            text=text,
        )


def _image_roles(features: Collection[str]) -> list[str]:
    """The networks that see every frame."""
    patches = {"dino"} if "dino.matches" in features else set()
    return [role for role in IMAGE_ROLES if f"{role}.frames" in features or role in patches]


class _ChunkWork:
    """Gathers the features of one chunk's videos."""

    def __init__(
        self, plan: Plan, networks: Mapping[str, Any], clock: Clock, notes: set[str]
    ) -> None:
        self._networks, self._clock, self._notes = networks, clock, notes
        self._features = set(plan.features)
        size = plan.settings.batch
        self._batchers = {
            role: Batcher(self._of_images(role), size) for role in _image_roles(self._features)
        }
        self._crops = Batcher(partial(self._embed, "dino"), size)
        self._crop_frames: dict[int, list[int]] = {}
        self._values: dict[int, dict[str, list[Array]]] = {}

    def read(self, index: int, item: Item, messages: Iterator[Block | Facts | Broken]) -> Any:
        """Take one video's blocks in; the `Facts` or `Broken` that they end in."""
        person = any(subject.category == "person" for subject in item.subjects)
        frames, last = 0, None
        while True:
            with self._clock.stage("waiting for frames"):
                message = next(messages)
            if not isinstance(message, Block):
                return message
            for role, images in message.inputs.items():
                if role in self._batchers:
                    self._batchers[role].add(index, images)
                else:
                    self._keep(index, f"{role}.small", images)
            for name, values in message.values.items():
                self._keep(index, name, values)
            if message.frames is not None:
                self._whole_frames(index, message.frames, frames, person)
                frames += len(message.frames)
            if message.taken is not None:
                last = self._motion(index, last, message.taken)

    def _whole_frames(self, index: int, frames: Array, start: int, person: bool) -> None:
        if "faces.frames" in self._features and person:
            with self._clock.stage("faces"):
                for offset, frame in enumerate(frames):
                    found = self._networks["faces"].find(frame)
                    column = np.full((len(found), 1), start + offset, np.float32)
                    self._keep(index, "faces.frames", np.hstack([column, found]))
        if "crops.frames" in self._features:
            with self._clock.stage("detector"):
                boxes = in_smaller_batches(self._detect, frames, notes=self._notes)
            transform = self._networks["dino"].transform
            for offset, (frame, here) in enumerate(zip(frames, boxes, strict=True)):
                for x1, y1, x2, y2 in here:
                    crop = frame[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
                    self._crops.add(index, transform(crop)[None])
                    self._crop_frames.setdefault(index, []).append(start + offset)

    def _detect(self, frames: Array) -> Array:
        found = self._networks["detector"].find(list(frames))
        boxes: Array = np.empty(len(found), object)
        for index, here in enumerate(found):
            boxes[index] = here
        return boxes

    def _motion(self, index: int, last: Array | None, taken: Array) -> Array:
        frames = taken if last is None else np.concatenate([last[None], taken])
        motion = self._networks["flow"].motion
        with self._clock.stage("flow"):
            for start in range(0, len(frames) - 1, PAIR_BATCH):
                stop = min(start + PAIR_BATCH, len(frames) - 1)
                first, second = frames[start:stop], frames[start + 1 : stop + 1]
                values = in_smaller_batches(motion, first, second, notes=self._notes)
                self._keep(index, "flow.motion", values)
        newest: Array = frames[-1]
        return newest

    def _embed(self, role: str, images: Array) -> Array:
        with self._clock.stage(role):
            return in_smaller_batches(self._networks[role].embed, images, notes=self._notes)

    def _tokens(self, images: Array) -> Array:
        with self._clock.stage("dino"):
            return in_smaller_batches(self._networks["dino"].tokens, images, notes=self._notes)

    def _of_images(self, role: str) -> Callable[[Array], Array]:
        if role == "dino" and "dino.matches" in self._features:
            return self._tokens
        return partial(self._embed, role)

    def _keep(self, index: int, name: str, values: Array) -> None:
        self._values.setdefault(index, {}).setdefault(name, []).append(values)

    def flush(self) -> None:
        """Run what is left in the batches."""
        for batcher in (*self._batchers.values(), self._crops):
            batcher.flush()

    def arrays(self, index: int) -> dict[str, Array]:
        """All features of one video of the chunk."""
        arrays = {n: np.concatenate(parts) for n, parts in self._values.get(index, {}).items()}
        for role, batcher in self._batchers.items():
            rows = batcher.take(index)
            if rows is None:
                continue
            if role == "dino" and rows.ndim == 3:  # class token and patches
                arrays["dino.patches"] = rows[:, 1:]
                rows = rows[:, 0]
            arrays[f"{role}.frames"] = rows[:, 0] if role == "aesthetic" else rows
        if "crops.frames" in self._features:
            rows = self._crops.take(index)
            dim = self._networks["dino"].dim
            rows = np.empty((0, dim), np.float32) if rows is None else rows
            frames = np.array(self._crop_frames.get(index, []), np.float32)[:, None]
            arrays["crops.frames"] = np.hstack([frames, rows]).astype(np.float32)
        if "faces.frames" in self._features and "faces.frames" not in arrays:
            arrays["faces.frames"] = np.empty((0, 1 + self._networks["faces"].dim), np.float32)
        for name in ("flow.motion", "dis.motion"):
            if name in self._features and name not in arrays:
                arrays[name] = np.empty(0, np.float32)
        return arrays
