"""CLIP-I: likeness of the frames to the subjects' reference images, by CLIP.

CustomVideo, arXiv:2401.09962, section 4.1 (2); Ruiz et al., "DreamBooth", CVPR 2023,
arXiv:2208.12242, section 4.2.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from customstudio.metrics.similarity import cosine, pooled
from customstudio.metrics.spec import (
    Array,
    MetricSpec,
    Score,
    SubjectScores,
    Unscored,
    Variant,
    VideoFeatures,
)

SPEC = MetricSpec(
    id="clip_i",
    version=1,
    title="CLIP-I",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "clip.frames", "references": "clip.references"},
    source="arXiv:2401.09962, sec. 4.1 (2)",
    differs="a value a subject, then their mean; the papers pool all references (.pooled)",
    per_subject=True,
    variants=(
        Variant(name="pooled", about="all subjects' references in one mean, as the papers do"),
        Variant(
            name="masked",
            about="the references that have a mask, with their background made white",
            needs={"references": "clip.references_masked"},
        ),
    ),
)


def image_similarity(
    frames: Float[Array, "frames dim"], references: Sequence[Float[Array, "images dim"]]
) -> list[Float[Array, "frames"]]:
    """For each subject, each frame's mean cosine to the subject's reference images.

    >>> [f.tolist() for f in image_similarity(np.eye(2), [np.array([[3.0, 0.0]])])]
    [[1.0, 0.0]]
    """
    return [cosine(frames, images).mean(axis=1) for images in references]


def per_subject(
    video: VideoFeatures, frames: str, references: str
) -> tuple[SubjectScores, Float[Array, "frames"] | None]:
    """Value of each subject (a reason where it has no features), and the mean curve."""
    values: dict[str, float | Unscored] = {}
    curves = []
    for subject, images in zip(video.subjects, video.references[references], strict=True):
        if not len(images):
            values[subject.id] = Unscored(f"no usable reference image for {references}")
            continue
        (curve,) = image_similarity(video.arrays[frames], [images])
        values[subject.id] = float(curve.mean())
        curves.append(curve)
    return SubjectScores(values), np.mean(curves, axis=0) if curves else None


def pooled_similarity(video: VideoFeatures, frames: str, references: str) -> float | Unscored:
    """Mean cosine over all frames and the references of all subjects together."""
    images = video.references[references]
    if not all(len(part) for part in images):
        return Unscored("a subject has no usable reference image")
    return float(cosine(video.arrays[frames], pooled(images)).mean())


def score(video: VideoFeatures) -> dict[str, Score]:
    """Per subject, pooled, and against masked references where the suite has masks."""
    scores, curve = per_subject(video, "clip.frames", "clip.references")
    masked, _ = per_subject(video, "clip.frames", "clip.references_masked")
    # Whether masks exist is the suite's doing, not the video's: the variant does not apply.
    without = {
        k: Unscored("no masks", applicable=False)
        for k, v in masked.values.items()
        if isinstance(v, Unscored)
    }
    return {
        "clip_i": Score.over_subjects(scores, curve),
        "clip_i.pooled": Score(pooled_similarity(video, "clip.frames", "clip.references")),
        "clip_i.masked": Score.over_subjects(SubjectScores({**masked.values, **without})),
    }
