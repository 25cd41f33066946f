"""Motion magnitude by OpenCV's DIS optical flow: how much moves, without any weights.

Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, arXiv:1603.03590.
The statistic is that of `dynamic_degree.magnitude`; the flow is coarser than RAFT's, and the
two are never to be put in one column.
"""

from customstudio.metrics.dynamic_degree import magnitude, sampling_step
from customstudio.metrics.spec import MetricSpec, Score, Unscored, VideoFeatures

SPEC = MetricSpec(
    id="motion_magnitude",
    version=1,
    title="Motion (OpenCV)",
    unit="shorter sides a second",
    bounds=(0.0, None),
    better="neither",
    needs={"motion": "dis.motion"},
    source="arXiv:1603.03590 (flow); the statistic is ours",
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Median over frame pairs of the mean of the largest 5% of flow magnitudes."""
    motion = video.arrays["dis.motion"]
    if not len(motion):
        unscored = Unscored("only one frame taken at 8 a second")
        return {"motion_magnitude": Score(unscored)}
    side = min(video.height, video.width)
    seconds = sampling_step(video.fps) / video.fps
    value = magnitude(motion, side, seconds)
    return {"motion_magnitude": Score(value, curve=motion / side)}
