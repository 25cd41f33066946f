"""Stitch score: share of frames that are pasted together; lower is better.

Chen et al., "VideoDreamer", arXiv:2311.00990, section IV-A (iv): "detected by OpenCV", the
detector is not published. Ours is `customstudio.metrics.backbones.seams`.
"""

import numpy as np

from customstudio.metrics.spec import MetricSpec, Score, Variant, VideoFeatures

SPEC = MetricSpec(
    id="stitch_score",
    version=1,
    title="Stitch score",
    unit="share of frames",
    bounds=(0.0, 1.0),
    better="lower",
    needs={"seams": "seams.frames"},
    source="arXiv:2311.00990, sec. IV-A (iv); detector ours",
    differs="detector unpublished; ours finds a straight, axis-aligned seam between two pictures "
    "(design: over at least 0.8 of the frame; not in its outer 12%)",
    variants=(
        Variant(
            name="vertical",
            about="upright seams alone: two pictures side by side, which natural level edges "
            "are not taken for",
        ),
    ),
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames of 1 (a seam) or 0; of upright seams alone beside it."""
    codes = video.arrays["seams.frames"]
    curve = (codes > 0).astype(np.float32)
    return {
        "stitch_score": Score(float(curve.mean()), curve=curve),
        "stitch_score.vertical": Score(float((codes == 1).mean())),
    }
