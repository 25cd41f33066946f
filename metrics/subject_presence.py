"""Subject presence: is every subject there, and in which frames?

Multi-subject papers claim that all subjects appear together; a mean similarity of whole frames
cannot tell (docs/metrics.md, "Are the metrics valid?"). The parts of each subject are looked for
in the frame, and the scale is set by its references alone: 0 is what is found in pictures of
others, 1 what is found in another picture of itself. For images see MuDI's Detect-and-Compare
(Jang et al., 2024, arXiv:2404.04243) and MultiBind (arXiv:2603.21937).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

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
    id="subject_presence",
    version=1,
    title="Subject presence",
    unit="share of the references' own likeness",
    bounds=(0.0, 1.0),
    better="higher",
    needs={"matches": "dino.matches", "resemblance": "dino.resemblance"},
    source="ours; docs/metrics.md",
    per_subject=True,
    variants=(Variant(name="together", about="mean over frames of the least present subject"),),
)
NO_REFERENCE = Unscored("no usable reference image")
ALIKE = Unscored("its references are no more like one another than like other subjects")
ALONE = Unscored("no other subject's references to tell it apart from")


def presence(
    found: Float[Array, "frames images"], resemblance: Float[Array, "images 3"]
) -> Float[Array, "frames"]:
    """How far each frame's best match lies between pictures of others (0) and of itself (1).

    >>> own, others = 0.9, 0.5
    >>> resemblance = np.array([[own, own, others], [own, own, others]])
    >>> presence(np.array([[0.7, 0.6], [0.4, 0.3], [0.9, 0.95]]), resemblance).round(2).tolist()
    [0.5, 0.0, 1.0]
    """
    own, others = float(resemblance[:, 0].mean()), float(resemblance[:, 2].mean())
    scaled: Array = (np.asarray(found, np.float64).max(axis=1) - others) / (own - others)
    return scaled.clip(0.0, 1.0)


def per_subject(
    video: VideoFeatures,
) -> Iterator[tuple[str, Float[Array, "frames columns"], Float[Array, "images 3"]]]:
    """Each subject's columns of `dino.matches` with its references' own resemblance."""
    start = 0
    for subject, own in zip(video.subjects, video.references["dino.resemblance"], strict=True):
        stop = start + len(own) + 2
        yield subject.id, video.arrays["dino.matches"][:, start:stop], own
        start = stop


def unusable(resemblance: Float[Array, "images 3"]) -> Unscored | None:
    """Why a subject's references set no scale; None if they do."""
    if not len(resemblance):
        return NO_REFERENCE
    if resemblance[:, 2].max() <= -1.0:
        return ALONE
    if resemblance[:, 0].mean() <= resemblance[:, 2].mean():
        return ALIKE
    return None


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames for each subject; together: the least present one in each frame."""
    values: dict[str, float | Unscored] = {}
    curves = []
    for name, table, own in per_subject(video):
        why = unusable(own)
        if why is not None:
            values[name] = why
            continue
        curves.append(presence(table[:, :-2], own))
        values[name] = float(curves[-1].mean())
    scores = SubjectScores(values)
    least = np.min(curves, axis=0) if curves else None
    mean = scores.mean
    together = mean if isinstance(mean, Unscored) or least is None else float(least.mean())
    return {
        "subject_presence": Score.over_subjects(scores, least),
        "subject_presence.together": Score(together),
    }
