"""Subject DINO: likeness of detected objects to the subjects, by DINO.

Chen et al., "VideoDreamer" (MultiStudioBench), arXiv:2311.00990, section IV-A (i); the
detector's threshold and the assignment of crops to subjects are ours.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from customstudio.metrics.similarity import best_assignment, cosine, per_frame
from customstudio.metrics.spec import (
    Array,
    MetricSpec,
    Score,
    SubjectScores,
    Unscored,
    VideoFeatures,
)

SPEC = MetricSpec(
    id="subject_dino",
    version=1,
    title="Subject DINO",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"crops": "crops.frames", "references": "dino.references"},
    source="arXiv:2311.00990, sec. IV-A (i)",
    differs="Faster R-CNN MobileNetV3-Large FPN, score >= 0.5, at most 10 boxes; "
    "one crop serves one subject; 0 where there is no crop",
    per_subject=True,
)


def subject_dino(
    crops: Sequence[Float[Array, "crops dim"]], references: Sequence[Float[Array, "images dim"]]
) -> Float[Array, "subjects frames"]:
    """For each subject and frame, the mean cosine of its crop to its references; 0 without one.

    >>> subject_dino([np.array([[1.0, 0.0]]), np.empty((0, 2))], [np.array([[2.0, 0.0]])])
    array([[1., 0.]])
    """
    result = np.zeros((len(references), len(crops)))
    for frame, found in enumerate(crops):
        if len(found) and references:
            similarity = np.stack([cosine(images, found).mean(axis=0) for images in references])
            for subject, crop in best_assignment(similarity):
                result[subject, frame] = similarity[subject, crop]
    return result


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames for each subject, and the mean over subjects."""
    references = dict(
        zip((s.id for s in video.subjects), video.references["dino.references"], strict=True)
    )
    known = {name: images for name, images in references.items() if len(images)}
    crops = per_frame(video.arrays["crops.frames"], video.frames)
    table = subject_dino(crops, list(known.values()))
    rows = dict(zip(known, table, strict=True))
    values: dict[str, float | Unscored] = {
        name: float(rows[name].mean()) if name in rows else Unscored("no usable reference image")
        for name in references
    }
    curve = table.mean(axis=0) if len(table) else None
    return {"subject_dino": Score.over_subjects(SubjectScores(values), curve)}
