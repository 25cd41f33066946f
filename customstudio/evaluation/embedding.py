"""Embed once: fixed batches across videos; features of references and texts kept on disk."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from customstudio.errors import UserError, raise_all
from customstudio.evaluation.items import ItemSubject
from customstudio.files import replacing, sha256_file
from customstudio.media.image import load_image
from customstudio.media.masks import load_mask, whiten
from customstudio.media.video import MediaError
from customstudio.metrics.backbones.matching import unit32
from customstudio.metrics.spec import Array
from customstudio.records import digest
from customstudio.suites.schema import Reference
from customstudio.weights.store import Located

Embed = Callable[[UInt8[Array, "n crop crop 3"]], Float32[Array, "n dim"]]


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time within under a stage's name."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def in_smaller_batches(embed: Callable[..., Array], *arrays: Array, notes: set[str]) -> Array:
    """Call a network; halve the batch for as long as the GPU's memory does not hold it.

    Raises:
        UserError: a single image does not fit.
    """
    import torch

    try:
        return embed(*arrays)
    except torch.OutOfMemoryError as error:
        count = len(arrays[0])
        if count == 1:
            raise UserError(
                "out of memory on the GPU, for a single frame",
                where=f"frame of shape {arrays[0].shape[1:]}",
                fix="free memory on the device, or pass --device cpu",
            ) from error
    torch.cuda.empty_cache()
    half = count // 2
    notes.add("out of memory on the GPU: some batches were halved (same scores within 1e-5)")
    parts = [
        in_smaller_batches(embed, *(a[part] for a in arrays), notes=notes)
        for part in (slice(None, half), slice(half, None))
    ]
    return np.concatenate(parts)


class Batcher:
    """Gathers images of many videos into batches of one size; remembers whose rows are whose."""

    def __init__(self, embed: Embed, size: int) -> None:
        self._embed, self._size = embed, size
        self._waiting: list[tuple[int, Array]] = []
        self._count = 0
        self._rows: dict[int, list[Array]] = {}

    def add(self, key: int, images: UInt8[Array, "n crop crop 3"]) -> None:
        """Take images of video `key` in; whole batches are embedded at once."""
        if len(images):
            self._waiting.append((key, images))
            self._count += len(images)
        while self._count >= self._size:
            self._run(self._size)

    def flush(self) -> None:
        """Embed what is left, as a smaller batch."""
        if self._count:
            self._run(self._count)

    def take(self, key: int) -> Float32[Array, "n dim"] | None:
        """The rows of video `key` in the order of its images; None if it had no image."""
        rows = self._rows.pop(key, None)
        return None if rows is None else np.concatenate(rows)

    def _run(self, size: int) -> None:
        parts, rest = [], size
        while rest:
            key, images = self._waiting.pop(0)
            if len(images) > rest:
                self._waiting.insert(0, (key, images[rest:]))
                images = images[:rest]
            parts.append((key, images))
            rest -= len(images)
        self._count -= size
        features = self._embed(np.concatenate([images for _, images in parts]))
        start = 0
        for key, images in parts:
            self._rows.setdefault(key, []).append(features[start : start + len(images)])
            start += len(images)


class FeatureCache:
    """Features of references and texts, kept on disk by the content that they come from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: dict[str, Array] = {}

    def get(self, key: object, make: Callable[[], Array]) -> Array:
        """The features under `key`, made and kept if they are not there yet."""
        name = digest(key)
        if name not in self._memory:
            path = self._folder / name[:2] / f"{name}.npy"
            try:
                self._memory[name] = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError):  # not there, or damaged: make it anew
                array = make()
                with replacing(path) as file:
                    np.save(file, array, allow_pickle=False)
                self._memory[name] = array
        return self._memory[name]


class References:
    """Features of reference images and prompts; each image and text is a batch of its own,
    so that nothing depends on which others were at hand."""

    def __init__(
        self,
        networks: Mapping[str, Any],
        located: Mapping[str, Located],
        cache: FeatureCache,
        how: Mapping[str, str],
    ) -> None:
        self._networks, self._located, self._cache, self._how = networks, located, cache, dict(how)
        self._known: dict[tuple[str, str], Array] = {}
        self.notes: set[str] = set()

    def check(self, subjects: Sequence[ItemSubject], features: Sequence[str]) -> None:
        """Compute all reference features now.

        Raises:
            UserError: images that cannot be read, all at once.
        """
        problems = []
        for subject in subjects:
            for feature in features:
                try:
                    self.of_subject(feature, subject)
                except MediaError as error:
                    problems.append(
                        UserError(
                            f"a reference image of {subject.id} cannot be read: {error}",
                            where=", ".join(str(r.path) for r in subject.references),
                            fix="replace it, or fetch it again: customstudio data fetch SUITE",
                        )
                    )
                    break
        raise_all(problems)

    def of_subject(self, feature: str, subject: ItemSubject) -> Float32[Array, "images dim"]:
        """`clip.references` and its like for one subject: a row for each usable image."""
        if (feature, subject.id) not in self._known:
            self._known[feature, subject.id] = self._of_subject(feature, subject)
        return self._known[feature, subject.id]

    def _of_subject(self, feature: str, subject: ItemSubject) -> Float32[Array, "images dim"]:
        role, kind = feature.split(".")
        network = self._networks[role]
        if role == "faces":
            if subject.category != "person":
                return np.empty((0, network.dim), np.float32)
            rows = [self._face(subject, reference) for reference in subject.references]
        elif kind == "references_masked":
            masked = [r for r in subject.references if r.mask is not None]
            rows = [self._image(role, reference, masked=True) for reference in masked]
        else:
            rows = [self._image(role, reference, masked=False) for reference in subject.references]
        return np.concatenate(rows) if rows else np.empty((0, network.dim), np.float32)

    def of_text(self, text: str) -> Float32[Array, "dim"]:
        """The text feature of a prompt."""
        clip = self._networks["clip"]
        if clip.truncated(text):
            self.notes.add(f"prompt longer than CLIP's context, cut by CLIP's own rule: {text!r}")
        row: Array = self._cache.get(
            self._key("clip", "text", text), lambda: clip.embed_texts([text])
        )[0]
        return row

    @property
    def patch_dim(self) -> int:
        """Length of a patch's feature."""
        return int(self._networks["dino"].dim)

    def patches(
        self, subject: ItemSubject
    ) -> tuple[list[Float32[Array, "patches dim"]], list[Bool[Array, "patches"] | None]]:
        """DINO's patches of each reference image, of length one, and which the mask covers."""
        return (
            [self._patches(reference) for reference in subject.references],
            [self._covered(reference) for reference in subject.references],
        )

    def _patches(self, reference: Reference) -> Array:
        network = self._networks["dino"]

        def make() -> Array:
            image = network.transform(load_image(reference.path))
            return unit32(network.tokens(image[None])[0, 1:])

        return self._cache.get(self._key("dino", "patches", *_content(reference, False)), make)

    def _covered(self, reference: Reference) -> Bool[Array, "patches"] | None:
        if reference.mask is None:
            return None
        network = self._networks["dino"]
        mask = load_mask(reference.mask, load_image(reference.path).shape[:2])
        # Through the image's own transform, so that mask and image stay aligned.
        grey = network.transform(np.repeat(np.uint8(255) * mask[..., None], 3, axis=2))[..., 0]
        side = grey.shape[0] // network.grid
        cells = grey.reshape(network.grid, side, network.grid, side).mean(axis=(1, 3))
        # At least the fullest patch: a small subject may fill half of none.
        covered: Array = cells.ravel() >= min(127.5, max(1.0, cells.max()))
        return covered

    def _image(self, role: str, reference: Reference, *, masked: bool) -> Array:
        network = self._networks[role]

        def make() -> Array:
            image = load_image(reference.path)
            if masked and reference.mask is not None:
                image = whiten(image, load_mask(reference.mask, image.shape[:2]))
            rows: Array = network.embed(network.transform(image)[None])
            return rows

        return self._cache.get(self._key(role, "image", *_content(reference, masked)), make)

    def _face(self, subject: ItemSubject, reference: Reference) -> Array:
        network = self._networks["faces"]
        row = self._cache.get(
            self._key("faces", "image", *_content(reference, False)),
            lambda: network.find(load_image(reference.path))[:1],
        )
        if not len(row):
            self.notes.add(f"no face in reference {reference.path.name} of {subject.id}: skipped")
        return row

    def _key(self, role: str, *what: str) -> list[Any]:
        return [role, sorted(self._located[role].sha256.items()), sorted(self._how.items()), *what]


def _content(reference: Reference, masked: bool) -> tuple[str, ...]:
    mask = sha256_file(reference.mask) if masked and reference.mask is not None else ""
    return (sha256_file(reference.path), mask)
