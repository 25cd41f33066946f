"""Temporal consistency: likeness of consecutive frames, by CLIP.

Esser et al., "Gen-1", ICCV 2023, arXiv:2302.03011, section 5; CustomVideo,
arXiv:2401.09962, section 4.1 (4), which names no feature.
"""

from jaxtyping import Float

from customstudio.metrics.similarity import consecutive_cosine
from customstudio.metrics.spec import Array, MetricSpec, Score, Unscored, VideoFeatures

SPEC = MetricSpec(
    id="temporal_consistency",
    version=1,
    title="Temporal consistency",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "clip.frames"},
    source="arXiv:2302.03011, sec. 5; arXiv:2401.09962, sec. 4.1 (4)",
    differs="a video of one frame has no value",
)


def consecutive_score(features: Float[Array, "frames dim"]) -> Score:
    """Mean cosine of consecutive frames, with its curve; no value for a single frame."""
    if len(features) < 2:
        return Score(Unscored("a video of one frame has no consecutive frames"))
    curve = consecutive_cosine(features)
    return Score(float(curve.mean()), curve=curve)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean cosine of the CLIP features of consecutive frames."""
    return {"temporal_consistency": consecutive_score(video.arrays["clip.frames"])}
