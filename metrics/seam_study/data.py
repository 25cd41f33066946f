"""Frames with and without artificial seams, made from reference images: to fit and to test on."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from customstudio.metrics.seam_study.making import (
    CLIP,
    STEP,
    TREATMENTS,
    crop,
    joined,
    treated,
)
from customstudio.metrics.seam_study.scenes import SCENES
from customstudio.metrics.spec import Array

Images = Mapping[str, Sequence[UInt8[Array, "height width 3"]]]
"""Subject -> its reference images, RGB."""

SIZES = {
    (320, 576): 0.3,
    (512, 512): 0.2,
    (384, 384): 0.1,
    (256, 256): 0.1,
    (576, 320): 0.1,
    (720, 1280): 0.1,
    (1080, 1920): 0.05,
    (64, 64): 0.05,
}
"""Height and width of frames, and their shares; the first five are what video models give."""
KINDS = (
    "vertical",
    "horizontal",
    "unequal vertical",
    "unequal horizontal",
    "2x2",
    "three",
    "feathered 0.5%",
    "feathered 1%",
    "feathered 2%",
    "feathered 4%",
)
"""Feathers are shares of the side that the seam divides: 1% of 576 pixels is 6."""
TOGETHER = ({"decor_candle", "plush_bear", "plush_wolf"},)
"""Subjects photographed on the same spot: never one to fit on and one to test on."""
NO_PHOTOGRAPHS = "x_videodreamer_given"
"""Strips of small reference cards: neither one picture nor a stitched frame."""
MOVE = (CLIP - 1) * STEP


@dataclass(frozen=True)
class Sample:
    """A frame, whether it is stitched, and how it was made."""

    frame: UInt8[Array, "height width 3"]
    stitched: bool
    kind: str
    treatment: str
    size: str
    """Width x height before the treatment."""
    source: str
    """Subjects whose pictures are in it."""
    seams: tuple[tuple[str, float], ...] = ()
    """Axis and position of each seam."""


def load_images(folder: Path) -> Images:
    """All reference images under `<folder>/<subject>/`, RGB, without the strips of cards."""
    images: dict[str, list[Array]] = {}
    for path in sorted(folder.glob("*/*")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None and not path.parent.name.startswith(NO_PHOTOGRAPHS):
            images.setdefault(path.parent.name, []).append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    return images


def split(images: Images, seed: int = 0) -> tuple[Images, Images]:
    """Subjects to fit on and subjects to test on, half each; no subject is in both."""
    group = {name: min(names) for names in TOGETHER for name in names}
    keys = sorted({group.get(name, name) for name in images})
    chosen = np.random.default_rng(seed).permutation(len(keys))[: len(keys) // 2]
    first = {keys[i] for i in chosen}
    tuning = {name: images[name] for name in images if group.get(name, name) in first}
    return tuning, {name: images[name] for name in images if name not in tuning}


def samples(images: Images, count: int, seed: int) -> Iterator[Sample]:
    """`count` stitched frames and as many others, a quarter of those rendered; always the same.

    Each sample has its own generator: none depends on those before it.
    """
    scenes = list(SCENES)
    for i in range(count):
        yield stitched(images, KINDS[i % len(KINDS)], np.random.default_rng([seed, i, 1]))
        scene = scenes[i // 4 % len(scenes)] if i % 4 == 0 else None
        yield unstitched(images, scene, np.random.default_rng([seed, i, 0]))


def stitched(images: Images, kind: str, rng: np.random.Generator) -> Sample:
    """A frame of two to four pictures of different subjects."""
    height, width = _size(rng)
    rows, columns = _cuts(kind, rng)
    count = (len(rows) + 1) * (len(columns) + 1)
    subjects = _subjects(images, count, rng)
    tiles = [_tile(images[name], height, width, rng) for name in subjects]
    feather = float(kind.split()[1][:-1]) / 100 if kind.startswith("feathered") else 0.0

    def picture(move: int) -> Array:
        moved = [tile[move : move + height, move : move + width] for tile in tiles]
        step = len(columns) + 1
        strips = [joined(moved[i : i + step], columns, 1, feather) for i in range(0, count, step)]
        return joined(strips, rows, 0, feather)

    treatment = str(rng.choice(TREATMENTS))
    seams = [("vertical", cut) for cut in columns] + [("horizontal", cut) for cut in rows]
    frame = treated(picture, treatment, rng)
    return Sample(
        frame, True, kind, treatment, f"{width}x{height}", "+".join(subjects), tuple(seams)
    )


def unstitched(images: Images, scene: str | None, rng: np.random.Generator) -> Sample:
    """A frame of one photograph, or a rendered scene that could be mistaken for two."""
    height, width = _size(rng)
    (subject,) = _subjects(images, 1, rng)
    tile = _tile(images[subject], height, width, rng)
    still = SCENES[scene](tile[:height, :width], rng) if scene else None

    def picture(move: int) -> Array:
        if still is not None:  # bars and frames do not move with what they show
            return still
        return tile[move : move + height, move : move + width]

    treatment = str(rng.choice(TREATMENTS))
    frame = treated(picture, treatment, rng)
    kind = scene or ("building" if subject.startswith("scene_") else "photograph")
    return Sample(frame, False, kind, treatment, f"{width}x{height}", subject)


def _subjects(images: Images, count: int, rng: np.random.Generator) -> list[str]:
    """Different subjects, each as likely as it has photographs."""
    names = sorted(images)
    number = np.array([len(images[name]) for name in names])
    return [str(s) for s in rng.choice(names, count, replace=False, p=number / number.sum())]


def _size(rng: np.random.Generator) -> tuple[int, int]:
    return list(SIZES)[int(rng.choice(len(SIZES), p=list(SIZES.values())))]


def _tile(photographs: Sequence[Array], height: int, width: int, rng: np.random.Generator) -> Array:
    photograph = photographs[int(rng.integers(len(photographs)))]
    return crop(photograph, height + MOVE, width + MOVE, rng)


def _cuts(kind: str, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Cuts between rows and between columns, as shares of height and width."""
    if kind == "2x2":
        return [0.5], [0.5]
    if kind == "three":
        cuts = [1 / 3, 2 / 3]
    elif kind.startswith("unequal"):
        cuts = [float(rng.choice([rng.uniform(0.2, 0.42), rng.uniform(0.58, 0.8)]))]
    else:
        cuts = [0.5]
    level = "horizontal" in kind or ("vertical" not in kind and rng.random() < 0.5)
    return (cuts, []) if level else ([], cuts)


def fold(subject: str, folds: int) -> int:
    """A subject's fold, from its name alone (its group's where it has one)."""
    for names in TOGETHER:
        subject = min(names) if subject in names else subject
    return zlib.crc32(subject.encode()) % folds
