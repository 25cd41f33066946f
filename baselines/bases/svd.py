"""Stable Video Diffusion XT: 25 frames that begin with a picture.

Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127. It takes no text, so that no method is
fitted on it: methods that make pictures have them animated by it.
"""

from customstudio.baselines.bases.spec import BaseFile, BaseSpec
from customstudio.baselines.bases.stable_diffusion import SIZES, include
from customstudio.suites.schema import VideoSpec

# In single precision: 1,524.6 M (UNet), 632.1 M (CLIP-H image), 97.7 M (VAE) parameters.
_FILES = (
    BaseFile(names=("scheduler/scheduler_config.json",)),
    BaseFile(names=("feature_extractor/preprocessor_config.json",)),
    BaseFile(names=("image_encoder/config.json",)),
    BaseFile(names=("image_encoder/model.safetensors",), megabytes=2528, weights=True),
    BaseFile(names=("unet/config.json",)),
    BaseFile(names=("unet/diffusion_pytorch_model.safetensors",), megabytes=6098, weights=True),
    BaseFile(names=("vae/config.json",)),
    BaseFile(names=("vae/diffusion_pytorch_model.safetensors",), megabytes=391, weights=True),
)

SPECS = (
    BaseSpec(
        id="svd-xt",
        title="Stable Video Diffusion XT (picture to video)",
        repository="stabilityai/stable-video-diffusion-img2vid-xt",
        # As in the cache paths of public scripts; the hub was out of reach.
        revision="9e43909513c6714f1bc78bcb44d96e733cd242aa",
        licence="Stable Video Diffusion Community License (the model's page)",
        source="Blattmann et al., arXiv:2311.15127",
        # Seven frames a second is the default of diffusers' pipeline: it is a condition.
        video=VideoSpec(frames=25, fps=7.0, width=1024, height=576),
        files=_FILES,
        size_from=SIZES,
        include=include(_FILES),
        takes="picture",
        loader="customstudio.baselines.bases.image_to_video:load",
    ),
)
