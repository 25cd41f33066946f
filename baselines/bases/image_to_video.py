"""A loaded base model that makes a video of a picture: Stable Video Diffusion.

Blattmann et al., arXiv:2311.15127. The parts are diffusers' and transformers' own classes. A
picture is known to the UNet twice: by its CLIP embedding, which takes the place of a text, and by
its latents, which are put beside those of every frame.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.reading import read, read_encoder
from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import FRAMES_AT_ONCE, as_images, as_pixels, settle

SIDE = 64
"""Videos have sides of multiples of this: 8 pixels a latent, three halvings in the UNet."""
CLIP_SIDE = 224

Images = UInt8[NDArray[np.uint8], "batch height width 3"]
Latents = Float[Tensor, "batch channels frames height width"]


@dataclass
class ImageToVideo:
    """A latent diffusion model of videos that begin with a picture."""

    unet: Any
    vae: Any
    image_encoder: Any
    mean: tuple[float, ...]
    """Of each colour, as the image encoder was trained with."""
    deviation: tuple[float, ...]
    schedule: dict[str, Any]
    """Configuration of diffusers' `EulerDiscreteScheduler`."""
    provenance: Provenance
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    autocast: bool = False
    """bfloat16 arithmetic in the UNet; all else is float32."""

    def __post_init__(self) -> None:
        for part in (self.unet, self.vae, self.image_encoder):
            settle(part, self.device)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of one video's latents, (channels, frames, height, width).

        Raises:
            ValueError: the sides do not fit the networks.
        """
        if height % SIDE or width % SIDE:
            raise ValueError(f"{width}x{height}: both sides must be multiples of {SIDE}")
        return int(self.vae.config.latent_channels), frames, height // 8, width // 8

    @torch.no_grad()
    def embed(self, images: Images) -> Float[Tensor, "batch 1 dim"]:
        """The CLIP embedding of each picture."""
        small = reduced(as_pixels(images, self.device)) / 2 + 0.5
        mean, deviation = (
            torch.tensor(part, device=self.device)[:, None, None]
            for part in (self.mean, self.deviation)
        )
        # In the pipeline's order in memory: on some processors a convolution rounds by it.
        pixels = ((small - mean) / deviation).contiguous()
        embeds: Tensor = self.image_encoder(pixels).image_embeds
        return embeds[:, None]

    @torch.no_grad()
    def encode(
        self, images: Images, grain: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch channels H W"]:
        """Latents of pictures with some noise on them: the posterior's mode, not scaled."""
        noisy = as_pixels(images, self.device) + grain.to(self.device)
        latents: Tensor = self.vae.encode(noisy).latent_dist.mode()
        return latents

    @torch.no_grad()
    def decode(self, latents: Latents) -> UInt8[NDArray[np.uint8], "batch frames H W 3"]:
        """RGB frames of latents; those of a video that are decoded at once know one another."""
        videos = []
        for video in (latents / self.vae.config.scaling_factor).permute(0, 2, 1, 3, 4):
            parts = video.split(FRAMES_AT_ONCE)
            decoded = [self.vae.decode(part, num_frames=len(part)).sample for part in parts]
            videos.append(as_images(torch.cat(decoded)))
        return np.stack(videos)

    def output(
        self,
        noisy: Latents,
        still: Float[Tensor, "batch channels height width"],
        t: Float[Tensor, ""],
        embeds: Float[Tensor, "batch 1 dim"],
        conditions: Float[Tensor, "batch 3"],
    ) -> Latents:
        """What the UNet says, in float32.

        Args:
            noisy: scaled as the scheduler has it.
            still: latents of the pictures.
            conditions: frame rate less one, motion bucket, strength of the pictures' noise.
        """
        beside = torch.cat([noisy, still[:, :, None].expand_as(noisy)], dim=1)
        half = torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext()
        with half:
            found: Tensor = self.unet(
                beside.permute(0, 2, 1, 3, 4), t, encoder_hidden_states=embeds,
                added_time_ids=conditions, return_dict=False,
            )[0]  # fmt: skip
        return found.float().permute(0, 2, 1, 3, 4)


def reduced(
    pixels: Float[Tensor, "batch 3 height width"], side: int = CLIP_SIDE
) -> Float[Tensor, "batch 3 side side"]:
    """Pictures at the size of the image encoder, as Stable Video Diffusion was trained with.

    Blurred first, by half of how much smaller they become, then bicubic with aligned corners.
    """
    from torchvision.transforms.functional import gaussian_blur

    deviations = [max((length / side - 1) / 2, 0.001) for length in pixels.shape[-2:]]
    sizes = [int(max(4 * deviation, 3)) // 2 * 2 + 1 for deviation in deviations]
    blurred = gaussian_blur(pixels, sizes[::-1], deviations[::-1])
    return torch.nn.functional.interpolate(
        blurred, size=(side, side), mode="bicubic", align_corners=True
    )


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> ImageToVideo:
    """Load Stable Video Diffusion from a base's folder; nothing is fetched."""
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        UNetSpatioTemporalConditionModel,
    )
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    path, local = str(folder.folder), {"local_files_only": True}
    looks = CLIPImageProcessor.from_pretrained(path, subfolder="feature_extractor", **local)
    return ImageToVideo(
        unet=read(UNetSpatioTemporalConditionModel, folder, "unet"),
        vae=read(AutoencoderKLTemporalDecoder, folder, "vae"),
        image_encoder=read_encoder(CLIPVisionModelWithProjection, folder, "image_encoder"),
        mean=tuple(looks.image_mean),
        deviation=tuple(looks.image_std),
        schedule=dict(EulerDiscreteScheduler.load_config(path, subfolder="scheduler", **local)),
        provenance=folder.provenance(),
        device=torch.device(device),
        autocast=autocast,
    )
