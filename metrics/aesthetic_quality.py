"""Aesthetic quality: the LAION predictor's rating of the frames.

LAION aesthetic predictor (sa_0_4_vit_l_14_linear): one linear layer over CLIP ViT-L/14 image
features; divided by 10 as VBench does, arXiv:2311.17982, dimension `aesthetic_quality`.
"""

from customstudio.metrics.spec import MetricSpec, Score, VideoFeatures

SPEC = MetricSpec(
    id="aesthetic_quality",
    version=1,
    title="Aesthetic quality",
    unit="rating / 10",
    # A linear head has no bounds of its own; real frames rate 3 to 7 of 10.
    bounds=(None, None),
    better="higher",
    needs={"ratings": "aesthetic.frames"},
    source="arXiv:2311.17982, dimension aesthetic_quality",
    differs="PIL bicubic resize with antialias, as CLIP's own transform; VBench resizes tensors "
    "without antialias",
)


def score(video: VideoFeatures) -> dict[str, Score]:
    """Mean over frames of the rating, divided by 10."""
    curve = video.arrays["aesthetic.frames"] / 10.0
    return {"aesthetic_quality": Score(float(curve.mean()), curve=curve)}
