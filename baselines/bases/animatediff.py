"""AnimateDiff: Stable Diffusion 1.5, or a tuning of it, with motion modules between its layers.

Guo et al., "AnimateDiff", ICLR 2024, arXiv:2307.04725, section 4. The folder is Stable Diffusion's
as published, with the motion adapter's in `motion_adapter`; which adapter the papers that build on
AnimateDiff had, most do not say: here it is the second version of its authors', or, where a name
says so, the third, which has no module in the middle of the UNet.
"""

from customstudio.baselines.bases.spec import BaseFile, BaseSpec, Repository
from customstudio.baselines.bases.stable_diffusion import SIZES, files, include
from customstudio.suites.schema import VideoSpec

_ADAPTER = "motion_adapter"
# In single precision: 859.5 M (UNet), 123.1 M (CLIP-L text), 83.7 M (VAE), 453.2 M (adapter)
# and of the third adapter 417.1 M.
_MEGABYTES = {2: 1815, 3: 1669}
# The revision of the second adapter is the one that a stored listing of its repository names, those
# of Stable Diffusion 1.5 and Realistic Vision are in the cache paths of public scripts; the hub was
# out of reach.
_STABLE_DIFFUSION = "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"
_REALISTIC_VISION = "1e9f017a7b1eaefb63a1900ea6c5953d2739fd21"
_REVISIONS = {2: "6167b88ffe39b4441fdf2113e77b99a6f56b7906", 3: None}
_OPENRAIL = "CreativeML Open RAIL-M (the model's page)"


def _files(version: int) -> tuple[BaseFile, ...]:
    weights = f"{_ADAPTER}/diffusion_pytorch_model"
    return (
        *files(unet=3438, text=492),
        BaseFile(names=(f"{_ADAPTER}/config.json",)),
        BaseFile(
            names=(f"{weights}.safetensors", f"{weights}.bin"),
            megabytes=_MEGABYTES[version],
            weights=True,
        ),
    )


def _motion(version: int) -> Repository:
    return Repository(
        name=f"guoyww/animatediff-motion-adapter-v1-5-{version}",
        revision=_REVISIONS[version],
        folder=_ADAPTER,
        include=("config.json", "diffusion_pytorch_model.safetensors"),
        licence="none on the model's page; AnimateDiff's code is Apache-2.0",
    )


def _spec(
    name: str,
    title: str,
    repository: str,
    source: str,
    *,
    version: int = 2,
    revision: str | None = None,
) -> BaseSpec:
    needed = _files(version)
    return BaseSpec(
        id=name,
        title=title,
        repository=repository,
        revision=revision,
        licence=_OPENRAIL,
        source=source,
        video=VideoSpec(frames=16, fps=8.0, width=512, height=512),
        files=needed,
        size_from=SIZES,
        include=include(needed, _ADAPTER),
        others=(_motion(version),),
        loader="customstudio.baselines.bases.animatediff_model:load",
        longest=32,
        image_encoder="clip-vit-l14-openai",
    )


SPECS = (
    _spec(
        "animatediff",
        "AnimateDiff on Stable Diffusion 1.5",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "Rombach et al., CVPR 2022, arXiv:2112.10752; Guo et al., ICLR 2024, arXiv:2307.04725",
        revision=_STABLE_DIFFUSION,
    ),
    _spec(
        "animatediff-realistic-vision",
        "AnimateDiff on Realistic Vision 5.1",
        "SG161222/Realistic_Vision_V5.1_noVAE",
        "SG161222, tuned from Stable Diffusion 1.5; Guo et al., ICLR 2024, arXiv:2307.04725",
        revision=_REALISTIC_VISION,
    ),
    _spec(
        "animatediff-v3-realistic-vision",
        "AnimateDiff v3 on Realistic Vision 5.1",
        "SG161222/Realistic_Vision_V5.1_noVAE",
        "SG161222, tuned from Stable Diffusion 1.5; Guo et al., ICLR 2024, arXiv:2307.04725",
        revision=_REALISTIC_VISION,
        version=3,
    ),
)
