"""Wan VACE loaded: diffusers' own `WanVACEPipeline`, which is current there, and what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from customstudio.baselines.bases.native import latent_frames
from customstudio.baselines.bases.reading import read, read_encoder
from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import settle
from customstudio.errors import UserError
from customstudio.suites.schema import VideoSpec

Frames = UInt8[NDArray[np.uint8], "frames height width 3"]


@dataclass(frozen=True)
class Denoising:
    """How a video is sampled."""

    steps: int
    guidance: float
    """Weight of classifier-free guidance; 1 or less: none."""
    flow_shift: float
    """Of the times towards more noise: sigma becomes s * sigma / (1 + (s - 1) * sigma)."""
    context: float
    """Weight of what VACE's blocks add."""
    negative: str


@dataclass
class WanVace:
    """A model of videos from a prompt and several reference images; no method tunes it."""

    transformer: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    schedule: dict[str, Any]
    """Configuration of the scheduler, diffusers' `UniPCMultistepScheduler`."""
    video: VideoSpec
    """What it was trained to make."""
    provenance: Provenance
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __post_init__(self) -> None:
        for part in self.networks.values():
            settle(part, self.device)

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """Its networks, by the names of their folders."""
        return {
            "transformer": self.transformer, "vae": self.vae, "text_encoder": self.text_encoder,
        }  # fmt: skip

    @cached_property
    def pipeline(self) -> Any:
        """diffusers' pipeline, with the schedule as published."""
        from diffusers import UniPCMultistepScheduler, WanVACEPipeline

        pipeline = WanVACEPipeline(
            tokenizer=self.tokenizer, text_encoder=self.text_encoder, vae=self.vae,
            transformer=self.transformer,
            scheduler=UniPCMultistepScheduler.from_config(self.schedule),
        )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def latent_shape(self, video: VideoSpec, references: int) -> tuple[int, int, int, int]:
        """Shape of the latents of a video, (channels, frames, height, width).

        Each reference image is a frame of latents of its own, before those of the video.

        Raises:
            UserError: more reference images than the video has such frames, which the pipeline
                cannot mask.
        """
        scale = int(self.pipeline.vae_scale_factor_spatial)
        channels = int(self.transformer.config.in_channels)
        frames = latent_frames(video.frames)
        if references > frames:
            raise UserError(
                f"{references} reference images for a video of {frames} frames of latents",
                where=f"base {self.provenance.base}",
                fix="--set references=1, or a longer video",
            )
        return channels, frames + references, video.height // scale, video.width // scale

    def sample(
        self,
        prompt: str,
        references: Sequence[UInt8[NDArray[np.uint8], "H W 3"]],
        noise: Float[Tensor, "channels latent_frames h w"],
        video: VideoSpec,
        how: Denoising,
        on_step: Callable[[], None] = lambda: None,
    ) -> Frames:
        """A video of what the references show.

        The pipeline puts each reference before those before it; they are given to it from the last
        to the first, so that the first comes first, as in VACE's own code.

        Args:
            references: the pipeline scales each to fit the video, on white.
            noise: unit normal, of `latent_shape`.
            video: frames and size.
            on_step: called after each step.
        """
        from diffusers import UniPCMultistepScheduler

        def after(_pipeline: Any, _step: int, _t: Any, _state: dict[str, Any]) -> dict[str, Any]:
            on_step()
            return {}

        pipeline = self.pipeline
        pipeline.scheduler = UniPCMultistepScheduler.from_config(
            self.schedule, flow_shift=how.flow_shift
        )
        frames = pipeline(
            prompt=prompt, negative_prompt=how.negative,
            reference_images=[Image.fromarray(image) for image in reversed(references)],
            latents=noise[None], height=video.height, width=video.width, num_frames=video.frames,
            num_inference_steps=how.steps, guidance_scale=how.guidance,
            conditioning_scale=how.context, callback_on_step_end=after, output_type="np",
        ).frames[0]  # fmt: skip
        pixels: Frames = np.rint(frames * 255).astype(np.uint8)
        return pixels


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> WanVace:
    """Load Wan VACE from a base's folder; nothing is fetched.

    Args:
        autocast: transformer and text encoder in bfloat16, their weights too, as in the pipeline's
            own example; the VAE stays in float32.
    """
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACETransformer3DModel
    from transformers import AutoTokenizer, UMT5EncoderModel

    path, kind = str(folder.folder), torch.bfloat16 if autocast else torch.float32
    local: dict[str, Any] = {"local_files_only": True}
    text = read_encoder(UMT5EncoderModel, folder, "text_encoder", kind)
    # transformers 5.0 and 5.1 leave this copy of the embedding at zero (its pull request 43880).
    text.encoder.embed_tokens = text.shared
    return WanVace(
        transformer=read(WanVACETransformer3DModel, folder, "transformer", kind),
        vae=read(AutoencoderKLWan, folder, "vae"),
        text_encoder=text,
        tokenizer=AutoTokenizer.from_pretrained(path, subfolder="tokenizer", **local),
        schedule=dict(UniPCMultistepScheduler.load_config(path, subfolder="scheduler", **local)),
        video=folder.spec.video,
        provenance=folder.provenance(),
        device=torch.device(device),
    )
