"""Patch by patch: which parts of a subject's references are found in a frame, and whose they are.

Dense features of a vision transformer find the same part of the same thing in another picture
(Amir et al., "Deep ViT Features as Dense Visual Descriptors", 2021, arXiv:2112.05814). A whole
frame's feature cannot say which of two subjects it resembles; its patches can.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from customstudio.metrics.spec import Array

Patches = Float32[Array, "patches dim"]
STRANGERS = 6
"""Other subjects that a subject is told apart from, at most."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """What a subject's references look like, and what others look like."""

    own: tuple[Patches, ...]
    """The subject's patches in each reference image, of length one."""
    whole: tuple[Patches, ...]
    """All patches of each reference image."""
    others: tuple[Patches, ...] = ()
    """For each of the others that it is told apart from, the patches of all its references."""
    strangers: tuple[Patches, ...] = ()
    """All patches of each reference image of those others: pictures without the subject."""


def unit32(patches: Float32[Array, "*n dim"]) -> Float32[Array, "*n dim"]:
    """Features of length one, in float32; zeros stay zeros."""
    norms = np.linalg.norm(patches, axis=-1, keepdims=True)
    return np.asarray(patches / np.where(norms > 0, norms, 1.0), np.float32)


def foreground(
    patches: Sequence[Patches], masks: Sequence[Bool[Array, "patches"] | None], others: Patches
) -> tuple[Patches, ...]:
    """The subject's patches in each of its reference images.

    Inside the mask where there is one. Without one: the half of the patches that are found in the
    subject's other references more than in pictures of others; all of them where there is nothing
    to compare with.
    """
    chosen = []
    for index, (image, mask) in enumerate(zip(patches, masks, strict=True)):
        rest = [p for i, p in enumerate(patches) if i != index]
        if mask is not None and mask.any():
            chosen.append(image[mask])
        elif rest and len(others):
            here = np.mean([(image @ p.T).max(axis=1) for p in rest], axis=0)
            order = np.argsort((image @ others.T).max(axis=1) - here, kind="stable")
            chosen.append(image[np.sort(order[: max(1, len(image) // 2)])])
        else:
            chosen.append(image)
    return tuple(chosen)


def found(parts: Patches, image: Patches) -> float:
    """How well the parts of a subject are found in a picture: mean of each one's best cosine."""
    return float((parts @ image.T).max(axis=1).mean())


def resemblance(gallery: Gallery) -> Float32[Array, "images 3"]:
    """What each reference image says of the subject's own variety.

    Columns: the best and the mean score of the image's parts in the subject's other images (the
    image itself where it is the only one), and the best score in a picture of another subject (-1
    where there is none).
    """
    rows = []
    for index, parts in enumerate(gallery.own):
        rest = [found(parts, w) for i, w in enumerate(gallery.whole) if i != index] or [1.0]
        strangers = [found(parts, image) for image in gallery.strangers] or [-1.0]
        rows.append([max(rest), float(np.mean(rest)), max(strangers)])
    return np.array(rows, np.float32).reshape(-1, 3)


def matches(
    frames: Float32[Array, "frames patches dim"], gallery: Gallery
) -> Float32[Array, "frames images+2"]:
    """One subject in every frame.

    Columns: for each reference image, how well its parts are found in the frame; then, over the
    frame's patches in which the best image's parts are found, the mean likeness to the subject
    and the mean likeness to the most similar other subject.
    """
    if not gallery.own:
        return np.zeros((len(frames), 2), np.float32)
    everything = np.concatenate(gallery.own)
    rows = []
    for frame in frames:
        tables = [parts @ frame.T for parts in gallery.own]
        scores = [float(table.max(axis=1).mean()) for table in tables]
        where = np.unique(tables[int(np.argmax(scores))].argmax(axis=1))
        region = frame[where]
        own = float((region @ everything.T).max(axis=1).mean())
        others = [float((region @ o.T).max(axis=1).mean()) for o in gallery.others] or [-1.0]
        rows.append([*scores, own, max(others)])
    return np.array(rows, np.float32)
