"""AnimateDiff loaded: motion modules for videos, Stable Diffusion itself for single frames.

Guo et al., "AnimateDiff", ICLR 2024, arXiv:2307.04725. Methods on it learn a subject with Stable
Diffusion and put the motion modules in when they sample (VCD, arXiv:2402.09368; VideoDreamer,
arXiv:2311.00990), so what a single frame meets here is Stable Diffusion, its motion modules left
out and on its own noise schedule. The motion modules were trained on a linear one (section 5.1),
on which videos are sampled.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from customstudio.baselines.bases.reading import read, read_parts
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.errors import UserError


@dataclass(frozen=True)
class ImagePrompt:
    """What an adapter in the UNet attends to beside the text, for each video of a batch."""

    embeddings: Float[Tensor, "batch images *shape"]
    without: Float[Tensor, "batch images *shape"]
    """What stands for no image, for the half without text of classifier-free guidance."""
    regions: Float[Tensor, "1 images height width"]
    """1 where an image counts."""

    def rows(self, count: int) -> Float[Tensor, "rows images *shape"]:
        """Embeddings for a batch, or for one that the sampler doubled: first without, then with.

        Raises:
            ValueError: it is neither.
        """
        if count == len(self.embeddings):
            return self.embeddings
        if count == 2 * len(self.embeddings):
            return torch.cat([self.without, self.embeddings])
        raise ValueError(f"{len(self.embeddings)} videos have images, the batch has {count}")


@dataclass
class AnimateDiff(VideoModel):
    """Stable Diffusion's networks, the UNet one of diffusers' `UNetMotionModel`."""

    image_prompt: ImagePrompt | None = None
    """For as long as an adapter is in the UNet (`image_adapters.adapted`)."""

    def schedule_of(self, frames: int) -> dict[str, Any]:
        """Stable Diffusion's own for a single frame, a linear one for more."""
        return self.schedule if frames == 1 else {**self.schedule, "beta_schedule": "linear"}

    def noising_of(self, frames: int) -> Any:
        """The forward process with that schedule."""
        return self.noising if frames == 1 else self._noising_of_videos

    @cached_property
    def _noising_of_videos(self) -> Any:
        from diffusers import DDPMScheduler

        return DDPMScheduler.from_config(self.schedule_of(2))

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of one video's latents, (channels, frames, height, width).

        Raises:
            UserError: the sides do not fit the VAE, or the motion modules know no such length.
        """
        longest = int(self.unet.config.motion_max_seq_length)
        if frames > longest:
            raise UserError(
                f"a video of {frames} frames: the motion modules have at most {longest}",
                where=f"the suite's video and base {self.provenance.base}",
                fix="use a base model that fits the suite",
            )
        return super().latent_shape(frames, height, width)

    def output(
        self,
        noisy: Float[Tensor, "batch channels frames height width"],
        t: Int[Tensor, " batch"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> Float[Tensor, "batch channels frames height width"]:
        """What the UNet says, in float32: of a single frame, what Stable Diffusion says."""
        frames = noisy.shape[2]
        text, added = self.conditions(noisy, text)
        texts = text.repeat_interleave(frames, dim=0)
        still = without_motion(self.unet) if frames == 1 else nullcontext()
        regions = None
        if self.image_prompt is not None:
            images = self.image_prompt.rows(len(noisy)).to(noisy.device)
            added = {**(added or {}), "image_embeds": [images]}
            regions = {"ip_adapter_masks": [self.image_prompt.regions.to(noisy.device)]}
        with self.arithmetic(), still:
            found: Tensor = self.unet(
                noisy, t, encoder_hidden_states=texts, added_cond_kwargs=added,
                cross_attention_kwargs=regions, return_dict=False,
            )[0]  # fmt: skip
        return found.float()

    def conditions(
        self,
        noisy: Float[Tensor, "batch channels frames height width"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> tuple[Float[Tensor, "batch tokens dim"], dict[str, Any] | None]:
        """What the UNet attends to, and what is added to its time embedding."""
        return text, None


@contextmanager
def without_motion(unet: Any) -> Iterator[None]:
    """Leave the motion modules out for as long as this lasts: what goes in comes out."""
    modules = [
        m for name, m in unet.named_modules() if name.split(".")[-2:-1] == ["motion_modules"]
    ]
    for module in modules:
        module.forward = _same
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _same(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> AnimateDiff:
    """Load Stable Diffusion and a motion adapter from a base's folder; nothing is fetched."""
    return AnimateDiff(
        read_motion(folder), **read_parts(folder), device=torch.device(device), autocast=autocast
    )


def read_motion(folder: BaseFolder) -> Any:
    """Stable Diffusion's UNet with the motion modules in it."""
    from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel

    plain = read(UNet2DConditionModel, folder, "unet")
    unet = UNetMotionModel.from_unet2d(plain, read(MotionAdapter, folder, "motion_adapter"))
    if hasattr(unet, "add_embedding"):
        # SDXL's: diffusers 0.42 leaves it at random values here.
        unet.add_embedding.load_state_dict(plain.add_embedding.state_dict())
    return unet
