"""Stitch score: share of frames that are pasted together; lower is better.

Chen et al., "VideoDreamer", arXiv:2311.00990, section IV-A (iv): "detected by OpenCV", the
detector is not published. Ours is `customstudio.metrics.backbones.seams`.
"""

from customstudio.metrics.spec import MetricSpec, Score, VideoFeatures

SPEC = MetricSpec(
    id="stitch_score",
    version=1,
    title="Stitch score",
    unit="share of frames",
    bounds=(0.0, 1.0),
    better="lower",
    needs={"seams": "seams.frames"},
    source="arXiv:2311.00990, sec. IV-A (iv); detector ours",
    differs="detector unpublished; ours finds one straight, axis-aligned seam over at least 0.8 "
    "of height or width with two different pictures on its sides",
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames of 1 (a seam) or 0."""
    curve = video.arrays["seams.frames"]
    return {"stitch_score": Score(float(curve.mean()), curve=curve)}
