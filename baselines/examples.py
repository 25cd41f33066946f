"""What a step trains on: pictures of the subjects with a prompt, and class images with theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray

from customstudio.baselines.collage import Framing, Picture, collage
from customstudio.baselines.prior import ClassImage
from customstudio.baselines.task import Task

FULL_SIZE = (1 / 3, 1.0, 1.4)
"""Scales: the smallest, the whole picture, the largest."""
SMALL = 0.6
"""Under this scale the prompt says `very small`; above the whole picture it says `close up`."""


@dataclass(frozen=True)
class Example:
    """One training image."""

    image: UInt8[NDArray[np.uint8], "height width 3"]
    masks: Bool[NDArray[np.bool_], "subjects height width"]
    """One for each subject of the pair; empty for a subject that is not in the image."""
    prompt: str


def instance(
    task: Task,
    pictures: Sequence[Sequence[Picture]],
    who: Sequence[int],
    rng: np.random.Generator,
    *,
    augment: bool,
    framing: Framing,
) -> Example:
    """A picture of some of the pair's subjects, side by side, and a prompt with their tokens.

    Args:
        pictures: the references of each subject of the pair.
        who: the subjects that it shows, from left to right.
        rng: chooses the references, the flips and the scale.
        augment: flip each reference half of the time, and scale all of them alike: a third of the
            time they come closer, else they shrink; the masks with them.
    """
    chosen = [pictures[index][int(rng.integers(len(pictures[index])))] for index in who]
    scale, prefix = 1.0, ""
    if augment:
        chosen = [_flipped(picture) if rng.random() < 0.5 else picture for picture in chosen]
        scale, prefix = _scale(rng)
    size = (task.video.height, task.video.width)
    image, panels = collage(chosen, size, scale, framing)
    masks = np.zeros((len(task.subjects), *size), np.bool_)
    masks[list(who)] = panels
    named = [f"a {task.tokens[index]} {task.subjects[index].noun}" for index in who]
    return Example(image, masks, prefix + " and ".join(named))


def prior(
    task: Task,
    images: Sequence[Sequence[ClassImage]],
    who: Sequence[int],
    rng: np.random.Generator,
) -> Example:
    """Class images of some of the pair's subjects, side by side as the subjects are."""
    chosen = [images[index][int(rng.integers(len(images[index])))] for index in who]
    whole = [Picture(c.image, np.ones(c.image.shape[:2], np.bool_)) for c in chosen]
    size = (task.video.height, task.video.width)
    image, _ = collage(whole, size, framing="fill")
    masks = np.zeros((len(task.subjects), *size), np.bool_)
    return Example(image, masks, " and ".join(c.prompt for c in chosen))


def _flipped(picture: Picture) -> Picture:
    return replace(picture, image=picture.image[:, ::-1], mask=picture.mask[:, ::-1])


def _scale(rng: np.random.Generator) -> tuple[float, str]:
    """A scale and the word for it."""
    smallest, whole, largest = FULL_SIZE
    if rng.random() < 1 / 3:
        return float(rng.uniform(1.2, largest)), "close up "
    scale = float(rng.uniform(smallest, whole))
    return scale, "very small " if scale < SMALL else ""
