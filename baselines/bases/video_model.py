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

FRAMES_AT_ONCE = 8
"""Frames that the VAE takes at once: bounds memory, changes no pixel by more than rounding."""


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
        for part in self.networks.values():
            settle(part, self.device)

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """Its networks, by the names of their folders."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}

    @property
    def encoders(self) -> tuple[tuple[Any, Any], ...]:
        """Its tokenizers, each with its text encoder."""
        return ((self.tokenizer, self.text_encoder),)

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

    def token_ids(
        self, prompts: Sequence[str], tokenizer: Any = None
    ) -> Int[Tensor, "batch tokens"]:
        """Token ids, padded to the text encoder's length.

        Args:
            tokenizer: another than the first.

        Raises:
            ValueError: a learnable token lies beyond the last position and would be cut off.
        """
        length = int(self.text_encoder.config.max_position_embeddings)
        ids: Tensor = (tokenizer or self.tokenizer)(
            list(prompts), padding="max_length", max_length=length, truncation=True,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        for prompt, row in zip(prompts, ids, strict=True):
            learnable = int((row >= self.vocabulary).sum())
            if learnable < prompt.count("<new"):
                raise UserError(
                    f"a prompt longer than {length} tokens, so that a learnable one is cut",
                    where=f"prompt {prompt!r}",
                    fix="shorten it, or have fewer tokens a subject (vcd: --set id_tokens)",
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

    def encode_negative(self, prompt: str, count: int) -> Float[Tensor, "count tokens dim"]:
        """The text of the unconditional half of guidance, so many times."""
        return self.encode_text([prompt] * count)

    @torch.no_grad()
    def encode_images(
        self,
        images: UInt8[NDArray[np.uint8], "batch height width 3"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch channels 1 height width"]:
        """Latents of images, as videos of one frame; drawn from the posterior, or its mean."""
        pixels = torch.split(as_pixels(images, self.device), FRAMES_AT_ONCE)
        posteriors = [self.vae.encode(part).latent_dist for part in pixels]
        latents = torch.cat([posterior.mean for posterior in posteriors])
        if generator is not None:
            noise = torch.randn(latents.shape, generator=generator)
            spread = torch.cat([posterior.std for posterior in posteriors])
            latents = latents + spread * noise.to(self.device)
        scaled: Tensor = latents * self.vae.config.scaling_factor
        return scaled[:, :, None]

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch channels frames height width"]
    ) -> UInt8[NDArray[np.uint8], "batch frames H W 3"]:
        """RGB frames of latents."""
        batch, _, frames = latents.shape[:3]
        flat = (latents / self.vae.config.scaling_factor).permute(0, 2, 1, 3, 4).flatten(0, 1)
        parts = [self.vae.decode(part).sample for part in flat.split(FRAMES_AT_ONCE)]
        array = as_images(torch.cat(parts))
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
        length: int | None = None,
    ) -> Float[Tensor, "batch channels frames height width"]:
        """What the UNet is trained to say.

        The noise, or v = sqrt(a) * noise - sqrt(1 - a) * clean, a the product of alphas up to t
        (Salimans and Ho, "Progressive distillation", ICLR 2022, arXiv:2202.00512, appendix D).

        Args:
            length: frames of the whole video, where these are only a part of it.
        """
        if self._predicts == "epsilon":
            return noise
        velocity: Tensor = self.noising_of(length or clean.shape[2]).get_velocity(clean, noise, t)
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


def settle(part: torch.nn.Module, device: torch.device) -> None:
    """Put a network on a device, to be read and not trained.

    Weights are copied out of mapped files, whose alignment changes the last bits of CPU arithmetic.
    """
    part.to(device)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.data = parameter.data.clone()
    part.requires_grad_(False)
    part.eval()


def as_pixels(
    images: UInt8[NDArray[np.uint8], "batch height width 3"], device: torch.device
) -> Float[Tensor, "batch 3 height width"]:
    """Images as a VAE takes them, from -1 to 1."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_images(
    pixels: Float[Tensor, "batch 3 height width"],
) -> UInt8[NDArray[np.uint8], "batch height width 3"]:
    """Images of what a VAE gives."""
    levels = (pixels.float() / 2 + 0.5).clamp(0, 1).mul(255).round()
    array: NDArray[np.uint8] = levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return array
