"""Face similarity: likeness of the faces in the frames to the person subjects' faces.

Wu et al., "VideoMaker", arXiv:2412.19645, section 5.1 (ArcFace); the assignment of faces to
several persons, and 0 for a frame without the person's face, are ours.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from customstudio.metrics.similarity import best_assignment, cosine, per_frame, unit
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
    id="face_similarity",
    version=1,
    title="Face similarity",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"faces": "faces.frames", "references": "faces.references"},
    source="arXiv:2412.19645, sec. 5.1",
    differs="several persons: one face serves one person; a frame without the face counts as 0",
    per_subject=True,
    applies_to=("person",),
    variants=(
        Variant(name="detected", about="mean over the frames in which the person has a face"),
        Variant(
            name="rate",
            about="share of frames in which the person has a face",
            bounds=(0.0, 1.0),
        ),
    ),
)


def face_similarity(
    faces: Sequence[Float[Array, "faces dim"]], references: Sequence[Float[Array, "images dim"]]
) -> Float[Array, "persons frames"]:
    """Cosine of each person's assigned face in each frame; NaN where none is assigned.

    `references` holds the embeddings of each person's reference faces; a person is their mean.

    >>> face_similarity([np.array([[1.0, 0.0]]), np.empty((0, 2))], [np.array([[2.0, 0.0]])])
    array([[ 1., nan]])
    """
    persons = np.stack([np.mean(unit(images), axis=0) for images in references])
    result = np.full((len(references), len(faces)), np.nan)
    for frame, found in enumerate(faces):
        if len(found):
            similarity = cosine(persons, found)
            for person, face in best_assignment(similarity):
                result[person, frame] = similarity[person, face]
    return result


def score(video: VideoFeatures) -> dict[str, Score]:
    """The three values for each person subject, and their means."""
    plain: dict[str, float | Unscored] = {}
    detected: dict[str, float | Unscored] = {}
    rate: dict[str, float | Unscored] = {}
    persons = []
    for subject, images in zip(video.subjects, video.references["faces.references"], strict=True):
        reason = _not_scored(subject.category, len(images))
        if reason is None:
            persons.append((subject.id, images))
        else:
            plain[subject.id] = detected[subject.id] = rate[subject.id] = reason
    curve = None
    if persons:
        faces = per_frame(video.arrays["faces.frames"], video.frames)
        table = face_similarity(faces, [images for _, images in persons])
        curve = np.nan_to_num(table).mean(axis=0)
        for (subject_id, _), row in zip(persons, table, strict=True):
            seen = row[~np.isnan(row)]
            plain[subject_id] = float(np.nan_to_num(row).mean())
            rate[subject_id] = len(seen) / len(row)
            detected[subject_id] = (
                float(seen.mean()) if len(seen) else Unscored("no face in any frame")
            )
    order = [subject.id for subject in video.subjects]
    return {
        key: Score.over_subjects(SubjectScores({i: values[i] for i in order}), c)
        for key, values, c in (
            ("face_similarity", plain, curve),
            ("face_similarity.detected", detected, None),
            ("face_similarity.rate", rate, None),
        )
    }


def _not_scored(category: str | None, usable_references: int) -> Unscored | None:
    if category is None:
        return Unscored("the input does not say whether it is a person", applicable=False)
    if category != "person":
        return Unscored("not a person", applicable=False)
    if not usable_references:
        return Unscored("no face in any reference image")
    return None
