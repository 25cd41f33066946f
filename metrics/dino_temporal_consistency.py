"""DINO temporal consistency: likeness of consecutive frames, by DINO.

Ma et al., "Magic-Me" (VCD), arXiv:2402.09368, section 5.2 (iii).
"""

from customstudio.metrics.spec import MetricSpec, Score, VideoFeatures
from customstudio.metrics.temporal_consistency import consecutive_score

SPEC = MetricSpec(
    id="dino_temporal_consistency",
    version=1,
    title="Temporal consistency (DINO)",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "dino.frames"},
    source="arXiv:2402.09368, sec. 5.2 (iii)",
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean cosine of the DINO features of consecutive frames."""
    return {"dino_temporal_consistency": consecutive_score(video.arrays["dino.frames"])}
