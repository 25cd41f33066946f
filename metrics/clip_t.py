"""CLIP-T: agreement of the frames with the prompt.

CustomVideo, arXiv:2401.09962, section 4.1 (1); CLIPScore without its factor of 2.5,
Hessel et al. 2021, arXiv:2104.08718, equation 1.
"""

import numpy as np
from jaxtyping import Float

from customstudio.metrics.similarity import cosine
from customstudio.metrics.spec import Array, MetricSpec, Score, Variant, VideoFeatures

SPEC = MetricSpec(
    id="clip_t",
    version=1,
    title="CLIP-T",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "clip.frames", "text": "clip.text"},
    source="arXiv:2401.09962, sec. 4.1 (1)",
    differs="raw cosine; the plain prompt, without learnable tokens",
    variants=(
        Variant(
            name="x2_5",
            about="2.5 * max(cos, 0) a frame: CLIPScore's scale, as CustomConcept101 reports it",
            bounds=(0.0, 2.5),
        ),
    ),
)


def clip_t(frames: Float[Array, "frames dim"], text: Float[Array, "dim"]) -> Float[Array, "frames"]:
    """Cosine of each frame's CLIP image feature with the prompt's CLIP text feature.

    >>> clip_t(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    return cosine(frames, np.asarray(text)[None])[:, 0]


def score(video: VideoFeatures) -> dict[str, Score]:
    """The mean over frames, raw and on CLIPScore's scale."""
    frames = clip_t(video.arrays["clip.frames"], video.text["clip.text"])
    scaled = 2.5 * np.maximum(frames, 0.0)
    return {
        "clip_t": Score(float(frames.mean()), curve=frames),
        "clip_t.x2_5": Score(float(scaled.mean())),
    }
