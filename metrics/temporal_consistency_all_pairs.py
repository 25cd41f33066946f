"""Temporal consistency over all pairs of frames, by CLIP.

Chen et al., "VideoDreamer", arXiv:2311.00990, section IV-A (iii).
"""

import numpy as np
from jaxtyping import Float

from customstudio.metrics.similarity import cosine
from customstudio.metrics.spec import Array, MetricSpec, Score, Unscored, VideoFeatures

SPEC = MetricSpec(
    id="temporal_consistency_all_pairs",
    version=1,
    title="Temporal consistency (all pairs)",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "clip.frames"},
    source="arXiv:2311.00990, sec. IV-A (iii)",
)


def all_pairs_cosine(features: Float[Array, "frames dim"]) -> float:
    """Mean cosine over all unordered pairs of different frames.

    >>> all_pairs_cosine(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).__round__(4)
    0.3333
    """
    upper = np.triu_indices(len(features), k=1)
    return float(cosine(features, features)[upper].mean())


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean cosine over all pairs of frames; no value for a single frame."""
    features = video.arrays["clip.frames"]
    if len(features) < 2:
        unscored = Unscored("a video of one frame has no pairs of frames")
        return {"temporal_consistency_all_pairs": Score(unscored)}
    return {"temporal_consistency_all_pairs": Score(all_pairs_cosine(features))}
