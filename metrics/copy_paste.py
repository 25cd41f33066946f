"""Copy-paste: is a reference pasted in, rather than the subject rendered anew?

A subject that is rendered anew resembles its reference images about as much as they resemble one
another; one that is cut out of a reference resembles that single image far more, and the same one
in frame after frame. Image metrics reward exactly this.
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
    id="copy_paste",
    version=1,
    title="Copy-paste",
    unit="share of the way from likeness to identity",
    bounds=(0.0, 1.0),
    better="lower",
    needs={"matches": "dino.matches", "resemblance": "dino.resemblance"},
    source="ours; docs/metrics.md",
    per_subject=True,
    variants=(Variant(name="most", about="the subject that is copied most"),),
)
TOO_FEW = Unscored("one reference image says nothing of the subject's variety")


def copied(
    found: Float[Array, "frames images"], resemblance: Float[Array, "images 3"]
) -> Float[Array, "frames"]:
    """How far the one best reference lies above the references' likeness to one another.

    0: no closer to it than another picture of the subject is; 1: the same patch for patch. The
    reference is the one that the whole video resembles most.

    >>> resemblance = np.array([[0.6, 0.6, 0.1], [0.6, 0.6, 0.1]])
    >>> copied(np.array([[0.8, 0.5], [0.5, 0.6]]), resemblance).round(2).tolist()
    [0.5, 0.0]
    """
    found = np.asarray(found, np.float64)
    source = int(found.mean(axis=0).argmax())
    usual = float(resemblance[source, 0])
    excess: Array = (found[:, source] - usual) / max(1e-6, 1.0 - usual)
    return excess.clip(0.0, 1.0)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames for each subject; most: the largest of the subjects'."""
    values: dict[str, float | Unscored] = {}
    curves = []
    for name, table, own in per_subject(video):
        if len(own) < 2:
            values[name] = TOO_FEW if len(own) else NO_REFERENCE
            continue
        curves.append(copied(table[:, :-2], own))
        values[name] = float(curves[-1].mean())
    scores = SubjectScores(values)
    mean = scores.mean
    most = mean if isinstance(mean, Unscored) else max(float(c.mean()) for c in curves)
    curve = np.max(curves, axis=0) if curves else None
    return {
        "copy_paste": Score.over_subjects(scores, curve),
        "copy_paste.most": Score(most),
    }
