"""What a step trains on: pictures of the subjects with a prompt, and class images with theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray

from customstudio.baselines.collage import Picture, collage, read_pictures
from customstudio.baselines.option_sets import Framing, TrainingOptions
from customstudio.baselines.prior import ClassImage, class_images
from customstudio.baselines.seeds import choices
from customstudio.baselines.task import Bases, Task

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
    counted: Bool[NDArray[np.bool_], "height width"] | None = None
    """What of it the loss counts, where that is not all."""


def counted(
    examples: Sequence[Example],
) -> Bool[NDArray[np.bool_], "examples height width"] | None:
    """What the loss counts of each; None if all of all."""
    if all(example.counted is None for example in examples):
        return None
    masks = np.ones((len(examples), *examples[0].image.shape[:2]), np.bool_)
    for mask, example in zip(masks, examples, strict=True):
        if example.counted is not None:
            mask[:] = example.counted
    return masks


Who = Callable[[np.random.Generator], Sequence[int]]
"""Chooses the subjects of one training picture, by their places in the pair."""


def one_of(task: Task) -> Who:
    """One subject of the pair at random, so that one model learns all of them."""
    return lambda rng: (int(rng.integers(len(task.subjects))),)


def named(task: Task, who: Sequence[int]) -> str:
    """Subjects in a prompt: `a <new1> cat and a <new2> dog`."""
    return " and ".join(f"a {task.tokens[index]} {task.subjects[index].noun}" for index in who)


def drawing(
    bases: Bases,
    task: Task,
    options: TrainingOptions,
    who: Who,
    *,
    on_step: Callable[[], None] = lambda: None,
    masks: bool = False,
    remove_background: bool = False,
    purpose: str = "fit",
) -> Callable[[], tuple[list[Example], list[Example]]]:
    """What each next step of a fit trains on: pictures of the subjects, and class images.

    Class images are made first, where prior preservation needs them.

    Args:
        on_step: called after each step of sampling class images.
        masks: the method needs them.
        remove_background: white outside the masks.
        purpose: what the choices are seeded by, where a fit draws more than once.
    """
    pictures = read_pictures(task.subjects, masks=masks, remove_background=remove_background)
    size = (task.video.height, task.video.width)
    priors: list[list[ClassImage]] = []
    if options.prior_weight:
        priors = [class_images(bases.main, s, size, options, on_step) for s in task.subjects]
    rng = choices(purpose, task.suite, task.pair)

    def draw() -> tuple[list[Example], list[Example]]:
        shown = [who(rng) for _ in range(options.batch)]
        ours = [
            instance(task, pictures, w, rng, augment=options.augment, framing=options.framing)
            for w in shown
        ]
        return ours, [prior(task, priors, w, rng) for w in shown] if priors else []

    return draw


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

    Where pictures fill their panels, the loss does not count the white around one that shrank
    (Custom Diffusion, arXiv:2212.04488, section 4: "only ... on valid regions").

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
    image, panels, covered = collage(chosen, size, scale, framing)
    masks = np.zeros((len(task.subjects), *size), np.bool_)
    masks[list(who)] = panels
    all_counts = framing == "whole" or bool(covered.all())
    return Example(image, masks, prefix + named(task, who), None if all_counts else covered)


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
    image = collage(whole, size, framing="fill").image
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
