"""Copy-paste: is a reference image pasted in, rather than the subject rendered anew?

Image metrics reward it: a frame that is the reference has a perfect likeness. Here each reference
image is looked for, as a picture with its background, at every place and size of the frame
(`backbones/pasting.py`); what is found again and again is a copy, since a new place brings another
background. The subject cut out of its background is the harder case, `copy_paste.cut_out`.
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
    id="copy_paste",
    version=1,
    title="Copy-paste",
    unit="correlation",
    bounds=(-1.0, 1.0),
    better="lower",
    needs={"pasted": "pasting.frames", "counts": "pasting.references"},
    source="ours; docs/metrics.md",
    per_subject=True,
    variants=(
        Variant(name="most", about="the subject that is copied most"),
        Variant(name="cut_out", about="the subject alone, where a reference has a mask"),
    ),
)
NO_REFERENCE = Unscored("no usable reference image")
NO_MASK = Unscored("no reference image has a mask")


def copied(found: Float[Array, "frames images"]) -> float:
    """The mean correlation of the one reference that the video as a whole shows most.

    >>> copied(np.array([[0.9, 0.3], [0.7, 0.5]]))
    0.8
    """
    return float(np.asarray(found, np.float64).mean(axis=0).max())


def _per_subject(video: VideoFeatures) -> Iterator[tuple[str, Array, Array]]:
    start = 0
    for subject, images in zip(video.subjects, video.references["pasting.references"], strict=True):
        stop = start + 2 * len(images)
        table = video.arrays["pasting.frames"][:, start:stop]
        yield subject.id, table[:, ::2], table[:, 1::2]
        start = stop


def score(video: VideoFeatures) -> dict[str, Score]:
    """A value for each subject, and their mean; the largest of them; and of the cut-outs."""
    values: dict[str, float | Unscored] = {}
    cut: dict[str, float | Unscored] = {}
    for name, pictures, cut_outs in _per_subject(video):
        values[name] = copied(pictures) if pictures.shape[1] else NO_REFERENCE
        masked = cut_outs[:, (cut_outs > -1.0).any(axis=0)]
        cut[name] = copied(masked) if masked.shape[1] else NO_MASK
    scores = SubjectScores(values)
    mean = scores.mean
    known = [value for value in values.values() if not isinstance(value, Unscored)]
    most = mean if isinstance(mean, Unscored) else max(known)
    return {
        "copy_paste": Score.over_subjects(scores),
        "copy_paste.most": Score(most),
        "copy_paste.cut_out": Score.over_subjects(SubjectScores(cut)),
    }
