"""References side by side in one picture, their masks with them; backgrounds removed.

CustomVideo, arXiv:2401.09962, section 3.2: the subjects of a pair are put into a single image, so
that the model learns that they occur together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from PIL import Image as Pillow

from customstudio.baselines.option_sets import Framing
from customstudio.baselines.task import TaskSubject
from customstudio.errors import UserError, raise_all
from customstudio.media.image import load_image
from customstudio.media.limits import MediaError
from customstudio.media.masks import load_mask, whiten

Image = UInt8[NDArray[np.uint8], "height width 3"]
Mask = Bool[NDArray[np.bool_], "height width"]


@dataclass(frozen=True)
class Picture:
    """A reference image; the mask is true on the subject, everywhere where there is none."""

    image: Image
    mask: Mask


class Collage(NamedTuple):
    """Pictures in one image."""

    image: Image
    masks: Bool[NDArray[np.bool_], "subjects height width"]
    covered: Mask
    """Where a picture is, and not the white around it."""


def read_pictures(
    subjects: Sequence[TaskSubject], *, masks: bool, remove_background: bool
) -> list[list[Picture]]:
    """The references of each subject.

    Args:
        masks: the method needs them: it is an error where there are none.
        remove_background: white outside the mask, where there is one.

    Raises:
        UserError: masks are missing, or a file cannot be read: all of them.
    """
    problems = []
    if masks or remove_background:
        problems = [
            UserError(
                f"{sum(r.mask is None for r in s.references)} of {len(s.references)} references "
                f"of {s.id} have no mask",
                where=str(s.references[0].path.parent),
                fix="put masks beside the references (masks/SUBJECT/NN.png), or turn off what "
                "needs them, as --set remove_background=false",
            )
            for s in subjects
            if any(r.mask is None for r in s.references)
        ]
    raise_all(problems)
    pictures: list[list[Picture]] = []
    for subject in subjects:
        pictures.append([])
        for reference in subject.references:
            try:
                pictures[-1].append(_read(reference.path, reference.mask, remove_background))
            except MediaError as error:
                problems.append(UserError(str(error), where=str(reference.path), fix="replace it"))
    raise_all(problems)
    return pictures


def collage(
    pictures: Sequence[Picture],
    size: tuple[int, int],
    scale: float = 1.0,
    framing: Framing = "whole",
) -> Collage:
    """Pictures in panels of one width, from left to right, white around them.

    Args:
        size: (height, width) of the result, in pixels.
        scale: 1 fits a picture into its panel; less leaves room, more crops its margins.
        framing: what 1 means: the whole picture is in the panel, or the picture fills it.

    >>> black = Picture(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool))
    >>> image, masks, covered = collage([black, black], (4, 8))
    >>> image.max(), masks.sum(axis=(1, 2)).tolist(), covered.all()
    (np.uint8(0), [16, 16], np.True_)
    """
    height, width = size
    image = np.full((height, width, 3), 255, np.uint8)
    masks = np.zeros((len(pictures), height, width), np.bool_)
    covered = np.zeros((height, width), np.bool_)
    edges = panel_edges(width, len(pictures))
    for index, picture in enumerate(pictures):
        left, right = edges[index], edges[index + 1]
        one = _fit(picture, (height, right - left), scale, framing)
        image[:, left:right], masks[index, :, left:right] = one.image, one.masks[0]
        covered[:, left:right] = one.covered
    return Collage(image, masks, covered)


def panel_edges(width: int, count: int) -> list[int]:
    """Where panels of one width begin, and where the last one ends.

    >>> panel_edges(8, 3)
    [0, 2, 5, 8]
    """
    return [width * index // count for index in range(count + 1)]


def cropped(picture: Picture) -> Picture:
    """What lies in the bounding box of its mask.

    >>> mask = np.array([[False, True], [False, True], [False, False]])
    >>> cropped(Picture(np.zeros((3, 2, 3), np.uint8), mask)).image.shape
    (2, 1, 3)
    """
    rows, columns = (np.flatnonzero(picture.mask.any(axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Picture(picture.image[box], picture.mask[box])


def _fit(picture: Picture, size: tuple[int, int], scale: float, framing: Framing) -> Collage:
    """A picture in the middle of a white panel, its mask with it."""
    height, width = picture.mask.shape
    side: Callable[[float, float], float] = min if framing == "whole" else max
    factor = scale * side(size[0] / height, size[1] / width)
    inner = (max(1, round(width * factor)), max(1, round(height * factor)))
    scaled = np.asarray(Pillow.fromarray(picture.image).resize(inner, Pillow.Resampling.BICUBIC))
    mask = Pillow.fromarray(picture.mask.astype(np.uint8)).resize(inner, Pillow.Resampling.NEAREST)
    panel = np.full((*size, 3), 255, np.uint8)
    inside, covered = np.zeros((2, *size), np.bool_)
    (to_y, from_y), (to_x, from_x) = _overlap(size[0], inner[1]), _overlap(size[1], inner[0])
    panel[to_y, to_x] = scaled[from_y, from_x]
    inside[to_y, to_x] = np.asarray(mask, np.bool_)[from_y, from_x]
    covered[to_y, to_x] = True
    return Collage(panel, inside[None], covered)


def _overlap(outer: int, inner: int) -> tuple[slice, slice]:
    """Where the middle of one length lies in another: slices of the outer and the inner."""
    length = min(outer, inner)
    first, second = (outer - length) // 2, (inner - length) // 2
    return slice(first, first + length), slice(second, second + length)


def _read(path: Path, mask: Path | None, remove_background: bool) -> Picture:
    image = load_image(path)
    if mask is None:
        return Picture(image, np.ones(image.shape[:2], np.bool_))
    inside = load_mask(mask, (image.shape[0], image.shape[1]))
    return Picture(whiten(image, inside) if remove_background else image, inside)
