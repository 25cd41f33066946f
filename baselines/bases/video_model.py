"""A loaded base model: text and images in, latents out, and back to frames.

The parts are diffusers' and transformers' own classes; nothing here knows of a method. What methods
use is the same for every family of base models; a family of its own overrides `output`, how its
UNet is called, and where it differs `schedule_of`, `noising_of` and `start`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.spec import Provenance
from customstudio.errors import UserError

DECODE_FRAMES = 8
"""Frames that the VAE decodes at once: bounds memory, changes no pixel by more than rounding."""


@dataclass
class VideoModel:
    """A text-to-video latent diffusion model."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    schedule: dict[str, Any]
    """Configuration of the noise schedule, from which any of diffusers' schedulers is made."""
    provenance: Provenance
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    autocast: bool = False
    """bfloat16 arithmetic in the UNet; weights and losses stay float32."""

    def __post_init__(self) -> None:
        if self._predicts not in ("epsilon", "v_prediction"):
            raise ValueError(
                f"the base predicts {self._predicts}; losses here are of noise and of velocity"
            )
        for part in (self.unet, self.vae, self.text_encoder):
            part.to(self.device)
            own_memory(part)
            part.requires_grad_(False)
            part.eval()

    @cached_property
    def noising(self) -> Any:
        """The forward process, as diffusers' `DDPMScheduler`: its `add_noise` and its length."""
        from diffusers import DDPMScheduler

        return DDPMScheduler.from_config(self.schedule)

    def schedule_of(self, frames: int) -> dict[str, Any]:
        """The noise schedule that videos of so many frames are sampled with."""
        return self.schedule

    def noising_of(self, frames: int) -> Any:
        """The forward process of videos of so many frames; `noising` is that of single ones."""
        return self.noising

    def start(
        self,
        noise: Float[Tensor, "batch channels frames height width"],
        scheduler: Any,
        denoise: Callable[..., Tensor],
    ) -> tuple[Float[Tensor, "batch channels frames height width"], Any, Tensor]:
        """Where sampling starts: latents, the scheduler as it stands there, the times to come.

        Args:
            noise: unit normal.
            scheduler: one of diffusers', its times set.
            denoise: latents, scheduler and times to the latents after those.
        """
        latents = noise.to(self.device) * scheduler.init_noise_sigma
        return latents, scheduler, scheduler.timesteps

    @property
    def _predicts(self) -> str:
        return str(self.schedule.get("prediction_type", "epsilon"))

    @property
    def scale(self) -> int:
        """Pixels a side of one latent."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of one video's latents, (channels, frames, height, width).

        Raises:
            UserError: the sides do not fit the VAE.
        """
        if height % self.scale or width % self.scale:
            raise UserError(
                f"a video of {width}x{height}: both sides must be multiples of {self.scale}",
                where=f"the suite's video and base {self.provenance.base}",
                fix="use a base model that fits the suite",
            )
        channels = int(self.unet.config.in_channels)
        return channels, frames, height // self.scale, width // self.scale

    def token_ids(self, prompts: Sequence[str]) -> Int[Tensor, "batch tokens"]:
        """Token ids, padded to the text encoder's length.

        Raises:
            ValueError: a learnable token lies beyond the last position and would be cut off.
        """
        length = int(self.text_encoder.config.max_position_embeddings)
        ids: Tensor = self.tokenizer(
            list(prompts), padding="max_length", max_length=length, truncation=True,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        for prompt, row in zip(prompts, ids, strict=True):
            learnable = int((row >= self.vocabulary).sum())
            if learnable < prompt.count("<new"):
                raise ValueError(
                    f"longer than {length} tokens, so that a learnable one is cut: {prompt!r}"
                )
        return ids.to(self.device)

    @property
    def vocabulary(self) -> int:
        """Number of the text encoder's own tokens; learnable ones have ids from here on."""
        return int(self.text_encoder.config.vocab_size)

    def encode_text(self, prompts: Sequence[str]) -> Float[Tensor, "batch tokens dim"]:
        """The text encoder's last hidden states, as the UNet takes them."""
        states: Tensor = self.text_encoder(self.token_ids(prompts)).last_hidden_state
        return states

    @torch.no_grad()
    def encode_images(
        self,
        images: UInt8[NDArray[np.uint8], "batch height width 3"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch channels 1 height width"]:
        """Latents of images, as videos of one frame; drawn from the posterior, or its mean."""
        pixels = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        posterior = self.vae.encode(pixels).latent_dist
        latents = posterior.mean
        if generator is not None:
            noise = torch.randn(latents.shape, generator=generator)
            latents = latents + posterior.std * noise.to(self.device)
        scaled: Tensor = latents * self.vae.config.scaling_factor
        return scaled[:, :, None]

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch channels frames height width"]
    ) -> UInt8[NDArray[np.uint8], "batch frames H W 3"]:
        """RGB frames of latents."""
        batch, _, frames = latents.shape[:3]
        flat = (latents / self.vae.config.scaling_factor).permute(0, 2, 1, 3, 4).flatten(0, 1)
        parts = [self.vae.decode(part).sample for part in flat.split(DECODE_FRAMES)]
        pixels = (torch.cat(parts).float() / 2 + 0.5).clamp(0, 1).mul(255).round()
        array: NDArray[np.uint8] = pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return array.reshape(batch, frames, *array.shape[1:])

    def output(
        self,
        noisy: Float[Tensor, "batch channels frames height width"],
        t: Int[Tensor, " batch"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> Float[Tensor, "batch channels frames height width"]:
        """What the UNet says, in float32: an estimate of `target`."""
        with self.arithmetic():
            found: Tensor = self.unet(noisy, t, encoder_hidden_states=text, return_dict=False)[0]
        return found.float()

    def target(
        self,
        clean: Float[Tensor, "batch channels frames height width"],
        noise: Float[Tensor, "batch channels frames height width"],
        t: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch channels frames height width"]:
        """What the UNet is trained to say.

        The noise, or v = sqrt(a) * noise - sqrt(1 - a) * clean, a the product of alphas up to t
        (Salimans and Ho, "Progressive distillation", ICLR 2022, arXiv:2202.00512, appendix D).
        """
        if self._predicts == "epsilon":
            return noise
        velocity: Tensor = self.noising_of(clean.shape[2]).get_velocity(clean, noise, t)
        return velocity

    def predict(
        self,
        noisy: Float[Tensor, "batch channels frames height width"],
        t: Int[Tensor, " batch"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> Float[Tensor, "batch channels frames height width"]:
        """The UNet's estimate of the noise, whatever it was trained to say."""
        found = self.output(noisy, t, text)
        if self._predicts == "epsilon":
            return found
        signals = self.noising_of(noisy.shape[2]).alphas_cumprod.to(self.device)
        signal = signals[t][:, None, None, None, None]
        noise: Tensor = signal.sqrt() * found + (1 - signal).sqrt() * noisy
        return noise

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """bfloat16 where it was asked for."""
        if not self.autocast:
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            yield


def own_memory(part: torch.nn.Module) -> None:
    """Copy weights out of mapped files, whose alignment changes the last bits of CPU arithmetic."""
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.data = parameter.data.clone()
