"""Identity margin: is a subject more like its own references than like anybody else's?

Over the parts of a frame in which a subject is found: the likeness to its own references minus
the likeness to the most similar other subject, of the same video or of the same category. A
subject drawn as its neighbour, or two blended into one, may keep a high similarity to its
references; it loses its margin. For images see MultiBind (arXiv:2603.21937), which takes the
references' own resemblance off a matrix of similarities.
"""

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
from customstudio.metrics.subject_presence import NO_REFERENCE, per_subject

SPEC = MetricSpec(
    id="identity_margin",
    version=1,
    title="Identity margin",
    unit="difference of cosines",
    bounds=(-2.0, 2.0),
    better="higher",
    needs={"matches": "dino.matches", "resemblance": "dino.resemblance"},
    source="ours; docs/metrics.md",
    per_subject=True,
    variants=(Variant(name="least", about="mean over frames of the subject with least margin"),),
)
NOBODY_ELSE = Unscored("no other subject to tell it apart from")


def margin(likeness: Float[Array, "frames 2"]) -> Float[Array, "frames"]:
    """Likeness to oneself minus likeness to the most similar other.

    >>> margin(np.array([[0.9, 0.6], [0.7, 0.75]])).round(2).tolist()
    [0.3, -0.05]
    """
    likeness = np.asarray(likeness, np.float64)
    difference: Array = likeness[:, 0] - likeness[:, 1]
    return difference


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames for each subject, and the mean over subjects."""
    values: dict[str, float | Unscored] = {}
    curves = []
    for name, table, own in per_subject(video):
        if not len(own):
            values[name] = NO_REFERENCE
        elif (table[:, -1] <= -1.0).all():
            values[name] = NOBODY_ELSE
        else:
            curves.append(margin(table[:, -2:]))
            values[name] = float(curves[-1].mean())
    scores = SubjectScores(values)
    least = np.min(curves, axis=0) if curves else None
    mean = scores.mean
    lowest = mean if isinstance(mean, Unscored) or least is None else float(least.mean())
    return {
        "identity_margin": Score.over_subjects(scores, least),
        "identity_margin.least": Score(lowest),
    }
