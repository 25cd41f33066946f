"""Dynamic degree: does the video move, by RAFT optical flow.

Huang et al., "VBench", CVPR 2024, arXiv:2311.17982, dimension `dynamic_degree`; used by
VideoMaker, arXiv:2412.19645. RAFT: Teed and Deng, ECCV 2020, arXiv:2003.12039.
"""

import numpy as np
from jaxtyping import Float

from customstudio.metrics.spec import Array, MetricSpec, Score, Unscored, Variant, VideoFeatures

SPEC = MetricSpec(
    id="dynamic_degree",
    version=1,
    title="Dynamic degree",
    unit="share of videos",
    bounds=(0.0, 1.0),
    better="higher",
    needs={"motion": "flow.motion"},
    source="arXiv:2311.17982, dimension dynamic_degree",
    differs="torchvision raft_large, 20 updates; padding left out of the statistics; "
    "fewer than 3 taken frames: no value",
    variants=(
        Variant(
            name="magnitude",
            about="median over frame pairs of the top-5% mean flow, in shorter sides a second",
            bounds=(0.0, None),
        ),
    ),
)

TAKEN_PER_SECOND = 8


def sampling_step(fps: float) -> int:
    """Every how many frames one is taken, so that about 8 a second are.

    >>> [sampling_step(fps) for fps in (3.0, 8.0, 12.0, 24.0, 30.0)]
    [1, 1, 2, 3, 4]
    """
    return max(1, round(fps / TAKEN_PER_SECOND))


def top_mean(magnitudes: Float[Array, "height width"], share: float = 0.05) -> float:
    """Mean of the largest `share` of a flow field's magnitudes (at least one pixel).

    >>> top_mean(np.arange(100.0).reshape(10, 10))
    97.0
    """
    flat = np.asarray(magnitudes).ravel()
    count = max(1, int(flat.size * share))
    return float(np.partition(flat, flat.size - count)[flat.size - count :].mean())


def is_dynamic(motion: Float[Array, "pairs"], frames_taken: int, shorter_side: int) -> bool:
    """VBench's rule: at least round(4 N / 16) frame pairs move more than 6 s / 256 pixels.

    >>> is_dynamic(np.array([9.0, 9.0, 9.0, 0.0]), frames_taken=5, shorter_side=256)
    True
    """
    moving = int((np.asarray(motion) > 6.0 * shorter_side / 256.0).sum())
    return moving >= round(4 * frames_taken / 16)


def magnitude(motion: Float[Array, "pairs"], shorter_side: int, seconds: float) -> float:
    """Median motion in shorter sides a second, for frame pairs `seconds` apart.

    >>> magnitude(np.array([16.0, 32.0, 64.0]), shorter_side=320, seconds=0.125)
    0.8
    """
    return float(np.median(motion)) / shorter_side / seconds


def score(video: VideoFeatures) -> dict[str, Score]:
    """Dynamic (1) or not (0), and the continuous magnitude behind it."""
    motion = video.arrays["flow.motion"]
    taken, side = len(motion) + 1, min(video.height, video.width)
    if taken < 3:
        unscored = Unscored(f"only {taken} frames taken at 8 a second; at least 3 are needed")
        return {"dynamic_degree": Score(unscored), "dynamic_degree.magnitude": Score(unscored)}
    seconds = sampling_step(video.fps) / video.fps
    return {
        "dynamic_degree": Score(float(is_dynamic(motion, taken, side)), curve=motion / side),
        "dynamic_degree.magnitude": Score(magnitude(motion, side, seconds)),
    }
