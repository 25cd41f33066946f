"""AnimateDiff on Stable Diffusion XL: the beta of its motion modules.

Podell et al., "SDXL", ICLR 2024, arXiv:2307.01952; the motion adapter is AnimateDiff's authors'
`mm_sdxl_v10_beta`, in diffusers' format. Sizes are those of listings of the repositories.
"""

from customstudio.baselines.bases.spec import BaseFile, BaseSpec, Repository
from customstudio.baselines.bases.stable_diffusion import files, include
from customstudio.suites.schema import VideoSpec

_ADAPTER = "motion_adapter"
# In single precision: 2,567.5 M (UNet), 123.1 M (CLIP-L text), 694.7 M (OpenCLIP-bigG text),
# 83.7 M (VAE), 236.8 M (adapter).
_FILES = (
    *files(unet=10_270, text=492),
    BaseFile(names=("tokenizer_2/vocab.json", "tokenizer_2/tokenizer.json")),
    BaseFile(names=("tokenizer_2/merges.txt", "tokenizer_2/tokenizer.json")),
    BaseFile(names=("tokenizer_2/tokenizer_config.json",)),
    BaseFile(names=("text_encoder_2/config.json",)),
    BaseFile(names=("text_encoder_2/model.safetensors",), megabytes=2779, weights=True),
    BaseFile(names=(f"{_ADAPTER}/config.json",)),
    BaseFile(
        names=(f"{_ADAPTER}/diffusion_pytorch_model.safetensors",), megabytes=949, weights=True
    ),
)

SPECS = (
    BaseSpec(
        id="animatediff-sdxl",
        title="AnimateDiff (beta) on Stable Diffusion XL",
        repository="stabilityai/stable-diffusion-xl-base-1.0",
        # The one that public scripts name.
        revision="462165984030d82259a11f4367a4eed129e94a7b",
        licence="CreativeML Open RAIL++-M (the model's page)",
        source="Podell et al., ICLR 2024, arXiv:2307.01952; Guo et al., ICLR 2024, "
        "arXiv:2307.04725",
        video=VideoSpec(frames=16, fps=8.0, width=1024, height=1024),
        files=_FILES,
        size_from="the architecture's parameters in single precision, as listings of the "
        "repositories have it; the files themselves were not seen",
        include=include(_FILES, _ADAPTER),
        others=(
            Repository(
                name="guoyww/animatediff-motion-adapter-sdxl-beta",
                revision=None,
                folder=_ADAPTER,
                include=("config.json", "diffusion_pytorch_model.safetensors"),
                licence="Apache-2.0 (the model's page)",
            ),
        ),
        loader="customstudio.baselines.bases.animatediff_xl_model:load",
        longest=32,
        levels=(2, 3),
    ),
)
