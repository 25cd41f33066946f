"""Anchors: what real references, a still copy and unrelated images score, to read scores by."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs
from jaxtyping import Float

from customstudio.errors import UserError
from customstudio.evaluation.items import Collection, Item, ItemSubject
from customstudio.evaluation.records import Anchor, RunInfo
from customstudio.files import write_text
from customstudio.media.image import load_image
from customstudio.metrics.similarity import cosine, unit
from customstudio.metrics.spec import Array
from customstudio.records import Record, digest

REAL: Final = "real references"
STILL: Final = "still copy"
UNRELATED: Final = "unrelated images"
ABOUT = {
    REAL: "each reference image against the others of its subject: an upper bound for likeness",
    STILL: "a still video of the first reference of the first subject: copy-paste without motion",
    UNRELATED: "reference images of subjects of other categories: a floor for likeness",
}
FRAMES = 8
LONGER_SIDE = 512
"""Of the anchors' frames; the networks see 224 pixels of it."""


class Anchors(Record):
    """Anchors of one suite, with what they hold for."""

    suite_digest: str
    references_digest: str
    protocol: str
    metrics: dict[str, int]
    networks: dict[str, dict[str, str]]
    anchors: tuple[Anchor, ...]

    def hold_for(self, info: RunInfo) -> bool:
        """Whether a run was scored in the same way."""
        return all(self.networks.get(n.role) == n.sha256 for n in info.networks) and all(
            self.metrics.get(metric) == version for metric, version in info.metrics.items()
        )


def known_anchors(info: RunInfo) -> tuple[Anchor, ...]:
    """The anchors that `customstudio suites anchors` made for what a run used, if it did.

    Raises:
        UserError: their file is damaged.
    """
    path = _path(info.suite.digest, references_digest(info), info.protocol)
    if not path.is_file():
        return ()
    try:
        known = Anchors.model_validate_json(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            "the file of anchors is damaged",
            where=str(path),
            fix="make them again: customstudio suites anchors SUITE",
        ) from error
    return known.anchors if known.hold_for(info) else ()


def references_digest(info: RunInfo) -> str:
    """Digest of all reference images of a run."""
    return digest({name: sorted(hashes.values()) for name, hashes in info.references.items()})


def save_anchors(info: RunInfo, anchors: Sequence[Anchor]) -> Path:
    """Keep anchors where `known_anchors` finds them; `info` is the run that scored them."""
    record = Anchors(
        suite_digest=info.suite.digest,
        references_digest=references_digest(info),
        protocol=info.protocol,
        metrics=info.metrics,
        networks={network.role: network.sha256 for network in info.networks},
        anchors=tuple(anchors),
    )
    path = _path(record.suite_digest, record.references_digest, record.protocol)
    write_text(path, json.dumps(record.model_dump(mode="json"), indent=1) + "\n")
    return path


def _path(suite: str, references: str, protocol: str) -> Path:
    named = os.environ.get("CUSTOMSTUDIO_DATA")
    root = Path(named) if named else Path(platformdirs.user_data_dir("customstudio"))
    return root / "anchors" / f"{digest([suite, references, protocol])[:16]}.json"


def make_anchors(
    collection: Collection, score: Callable[[Collection, Path], tuple[RunInfo, list[Anchor]]]
) -> tuple[Path, list[Anchor]]:
    """Make the anchors' frames for every pair of a collection, score them, keep the result.

    Args:
        collection: jobs of a suite or a manifest; one job of each pair serves.
        score: scores a collection of anchor videos in a folder: their run's record and means.

    Raises:
        UserError: no pair has reference images for all its subjects.
    """
    first = {item.pair: item for item in reversed(collection.items)}
    items = [i for _, i in sorted(first.items()) if all(s.references for s in i.subjects)]
    if not items:
        raise UserError(
            "no pair has reference images for all its subjects",
            where=f"{collection.suite.name}, {len(first)} pairs",
            fix="customstudio data fetch SUITE, or --references FOLDER",
        )
    with tempfile.TemporaryDirectory(prefix="anchors-") as name:
        root = Path(name)
        everyone = sorted({s.id: s for i in items for s in i.subjects}.values(), key=lambda s: s.id)
        made = [v for item in items for v in _videos(item, everyone, root)]
        anchors_of = replace(collection, root=root, items=tuple(made))
        info, anchors = score(anchors_of, root / "run")
    return save_anchors(info, anchors), anchors


def _videos(item: Item, everyone: Sequence[ItemSubject], root: Path) -> Iterator[Item]:
    still = [item.subjects[0].references[0].path] * FRAMES
    taken = {s.category for s in item.subjects}
    others = [s for s in everyone if s.category not in taken and s.references]
    kinds = {STILL: still}
    if others:
        kinds[UNRELATED] = [_nth_image(others, number) for number in range(FRAMES)]
    for method, paths in kinds.items():
        folder = root / method.replace(" ", "-") / item.pair / item.prompt_id / item.seed
        _write_frames(folder, paths, square=method == UNRELATED)
        yield replace(item, method=method, path=folder)


def _nth_image(subjects: Sequence[ItemSubject], number: int) -> Path:
    """One image of each subject in turn, then the next of each."""
    turn, which = divmod(number, len(subjects))
    references = subjects[which].references
    return references[turn % len(references)].path


def _write_frames(folder: Path, paths: Sequence[Path], *, square: bool) -> None:
    from PIL import Image, ImageOps

    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        image = Image.fromarray(load_image(path))
        size = (LONGER_SIDE, LONGER_SIDE)
        image = ImageOps.fit(image, size) if square else ImageOps.contain(image, size)
        image.save(folder / f"{number:04d}.png")


def leave_one_out(images: Float[Array, "images dim"]) -> float | None:
    """Mean cosine of each row with each other row; None for fewer than two.

    >>> leave_one_out(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])).__round__(4)
    0.3333
    """
    if len(images) < 2:
        return None
    table = cosine(images, images)
    return float(table[~np.eye(len(images), dtype=bool)].mean())


def leave_one_face_out(faces: Float[Array, "faces dim"]) -> float | None:
    """Mean cosine of each face with the mean of the others, as face similarity compares."""
    if len(faces) < 2:
        return None
    rows = unit(faces)
    others = (rows.sum(axis=0) - rows) / (len(rows) - 1)
    return float(np.einsum("ij,ij->i", rows, unit(others)).mean())
