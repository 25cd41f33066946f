"""Copy-paste: is a reference image pasted in, rather than the subject rendered anew?

Generators do copy what they were tuned on (Somepalli et al., CVPR 2023, arXiv:2212.03860), and
image metrics reward it: a frame that is the reference has a perfect likeness. Here each reference
image is looked for, as a picture with its background, at every place and size of the frame
(`backbones/pasting.py`); what is found again and again is a copy, since a new place brings another
background. A subject cut out of its background is not found (docs/metrics.md).
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

SPEC = MetricSpec(
    id="copy_paste",
    version=1,
    title="Copy-paste",
    unit="correlation",
    bounds=(-1.0, 1.0),
    better="lower",
    needs={"pasted": "pasting.frames", "counts": "pasting.references"},
    source="ours; docs/metrics.md",
    per_subject=True,
    variants=(Variant(name="most", about="the subject that is copied most"),),
)
NO_REFERENCE = Unscored("no usable reference image")


def copied(found: Float[Array, "frames images"]) -> float:
    """The mean correlation of the one reference that the video as a whole shows most.

    >>> copied(np.array([[0.9, 0.3], [0.7, 0.5]]))
    0.8
    """
    return float(np.asarray(found, np.float64).mean(axis=0).max())


def score(video: VideoFeatures) -> dict[str, Score]:
    """A value for each subject, and their mean; most: the largest of them."""
    values: dict[str, float | Unscored] = {}
    start = 0
    for subject, images in zip(video.subjects, video.references["pasting.references"], strict=True):
        table = video.arrays["pasting.frames"][:, start : start + len(images)]
        values[subject.id] = copied(table) if len(images) else NO_REFERENCE
        start += len(images)
    scores = SubjectScores(values)
    mean = scores.mean
    known = [value for value in values.values() if not isinstance(value, Unscored)]
    return {
        "copy_paste": Score.over_subjects(scores),
        "copy_paste.most": Score(mean if isinstance(mean, Unscored) else max(known)),
    }
