"""DINO-I: likeness of the frames to the subjects' reference images, by DINO.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242, section 4.2; for video as in
CustomVideo, arXiv:2401.09962, section 4.1 (3).
"""

from customstudio.metrics.clip_i import per_subject, pooled_similarity
from customstudio.metrics.spec import MetricSpec, Score, Variant, VideoFeatures

SPEC = MetricSpec(
    id="dino_i",
    version=1,
    title="DINO-I",
    unit="cosine",
    bounds=(-1.0, 1.0),
    better="higher",
    needs={"frames": "dino.frames", "references": "dino.references"},
    source="arXiv:2401.09962, sec. 4.1 (3); arXiv:2208.12242, sec. 4.2",
    differs="a value a subject, then their mean; the papers pool all references (.pooled)",
    per_subject=True,
    variants=(
        Variant(name="pooled", about="all subjects' references in one mean, as the papers do"),
    ),
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean cosine of every frame to every reference image, per subject and pooled."""
    scores, curve = per_subject(video, "dino.frames", "dino.references")
    return {
        "dino_i": Score.over_subjects(scores, curve),
        "dino_i.pooled": Score(pooled_similarity(video, "dino.frames", "dino.references")),
    }
