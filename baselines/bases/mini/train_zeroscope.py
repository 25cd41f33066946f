"""Train the mini zeroscope: `python -m customstudio.baselines.bases.mini.train_zeroscope`.

Diffusers' `UNet3DConditionModel` in zeroscope's full topology (66 attention layers) and
transformers' `CLIPTextModel`, at small width, on the latents of the mini VAE. In two parts, each
resumable: single frames with the temporal layers left out, then the temporal layers, on videos and,
so that they know what to do with one frame, on pictures.

It predicts velocity (Salimans and Ho, arXiv:2202.00512), where zeroscope predicts noise: a short
training must spend nothing on copying noise through the network. The error of each latent channel
counts by how far the channel moves pixels; on single frames, that on subjects more than the rest.
"""

import argparse
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from customstudio.baselines.bases.mini.data import PictureBatches, latents, video_batch, videos
from customstudio.baselines.bases.mini.muon import Muon
from customstudio.baselines.bases.mini.words import LENGTH, Claims, caption, tokenizer
from customstudio.baselines.bases.tiny import SCHEDULE
from customstudio.mini.training import Loop
from customstudio.mini.training_data import default_cache, pictures

VELOCITY = {**SCHEDULE, "prediction_type": "v_prediction"}
WIDTHS, TEXT_WIDTH = (40, 60, 60, 60), 96
RATE, PICTURE_STEPS, PICTURES, SUBJECTS = 2e-3, 3600, 32, 3.0
"""Of the first part also: pictures a step, and how much more an error on a subject counts."""
VIDEO_STEPS, VIDEOS, STILLS, STILL_EVERY = 600, 4, 24, 4
"""Steps of the second part, videos a step, pictures a step, and which steps are of pictures."""
DRAWN = 3000
"""Different videos."""
EVEN = torch.ones(1)


class Denoiser(nn.Module):
    """The UNet and the text encoder, trained together."""

    def __init__(self) -> None:
        super().__init__()
        from diffusers import DDPMScheduler, UNet3DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        self.tokenizer = tokenizer()
        self.unet = UNet3DConditionModel(
            in_channels=12, out_channels=12, block_out_channels=WIDTHS, norm_num_groups=10,
            cross_attention_dim=TEXT_WIDTH, attention_head_dim=20, sample_size=16,
        )  # fmt: skip
        self.text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(self.tokenizer), hidden_size=TEXT_WIDTH, num_hidden_layers=2,
                intermediate_size=4 * TEXT_WIDTH, num_attention_heads=4,
                max_position_embeddings=LENGTH, bos_token_id=self.tokenizer.bos_token_id,
                eos_token_id=self.tokenizer.eos_token_id, pad_token_id=self.tokenizer.pad_token_id,
            )
        )  # fmt: skip
        self.noising = DDPMScheduler(**VELOCITY)
        self.weight = torch.ones(12)
        """Of each latent channel; 1 on average."""

    def times(self, count: int) -> Int[Tensor, " count"]:
        """Steps of the noise schedule: half of them anywhere, half sooner late than early.

        Words count where little else can be seen: uniform steps had taught places, not classes.
        """
        chance = torch.rand(count)
        chance = torch.where(torch.rand(count) < 0.5, chance, chance.sqrt())
        return (chance * len(self.noising)).long()

    def loss(self, clean: Tensor, captions: list[str], weight: Tensor = EVEN) -> Tensor:
        """Weighted mean squared error of the predicted velocity.

        Args:
            weight: of each position, in a shape that fits the latents'.
        """
        t = self.times(len(clean))
        noise = torch.randn_like(clean)
        noisy = self.noising.add_noise(clean, noise, t)
        ids = self.tokenizer(
            captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids
        text = self.text_encoder(ids).last_hidden_state
        found = self.unet(noisy, t, encoder_hidden_states=text, return_dict=False)[0]
        errors: Tensor = (found - self.noising.get_velocity(clean, noise, t)).square() * weight
        total: Tensor = (errors.mean(dim=(0, 2, 3, 4)) * self.weight).mean() / weight.mean()
        return total


def temporal(unet: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers that look along time."""
    return [
        (name, module)
        for name, module in unet.named_modules()
        if type(module).__name__ in ("TemporalConvLayer", "TransformerTemporalModel")
    ]


@torch.no_grad()
def importance(vae: Any, clean: Float[Tensor, "batch channels 1 h w"]) -> Tensor:
    """How far one deviation of each channel moves pixels, over the mean of all channels."""
    flat = clean[:, :, 0] / vae.config.scaling_factor
    plain, moved = vae.decode(flat).sample, []
    for channel in range(flat.shape[1]):
        other = flat.clone()
        other[:, channel] += torch.randn_like(other[:, channel])
        moved.append((vae.decode(other).sample - plain).square().mean().sqrt())
    found = torch.stack(moved)
    return found / found.mean()


@contextmanager
def single_frames(unet: nn.Module) -> Any:
    """Leave the temporal layers out: what goes in comes out."""

    def same(hidden: Tensor, *_: Any, **options: Any) -> Any:
        return (hidden,) if "return_dict" in options else hidden

    layers = [module for _, module in temporal(unet)]
    for module in layers:
        module.forward = same
    try:
        yield
    finally:
        for module in layers:
            del module.forward


@torch.no_grad()
def begin_temporal(network: Denoiser) -> None:
    """Train temporal layers alone, from ones that change nothing (their last maps are zero)."""
    network.requires_grad_(False)
    for _, module in temporal(network.unet):
        module.requires_grad_(True)
        last = getattr(module, "proj_out", None)
        if isinstance(last, nn.Linear):  # a convolution block ends at zero as it is made
            last.weight.zero_()
            last.bias.zero_()


def picture_loss(
    network: Denoiser, vae: Any, batches: PictureBatches, count: int, step: int
) -> dict[str, Tensor]:
    """The loss of single frames."""
    rng = _seeded(51, step)
    pixels, subjects, told = batches.draw(rng, count)
    clean = latents(vae, pixels)
    area = nn.functional.adaptive_avg_pool2d(subjects[:, None].float(), clean.shape[-1])
    weight = 1 + (SUBJECTS - 1) * area[:, :, None]
    return {"pictures": network.loss(clean, _captions(told, rng), weight)}


def video_loss(
    network: Denoiser, vae: Any, batches: PictureBatches, data: Any, step: int
) -> dict[str, Tensor]:
    """The loss of videos, and of pictures every now and then."""
    if step % STILL_EVERY == STILL_EVERY - 1:
        return {"loss": picture_loss(network, vae, batches, STILLS, step)["pictures"]}
    rng = _seeded(52, step)
    pixels, told = video_batch(data, rng, VIDEOS)
    return {"loss": network.loss(latents(vae, pixels), _captions(told, rng))}


def _seeded(purpose: int, step: int) -> np.random.Generator:
    torch.manual_seed(100_000 * purpose + step)
    return np.random.default_rng([purpose, step])


def _captions(told: list[Claims], rng: np.random.Generator) -> list[str]:
    return [caption(claims, rng) for claims in told]


def save(network: Denoiser, vae: Any, out: Path) -> None:
    """Write a diffusers folder, values in half precision."""
    from diffusers import DDPMScheduler

    network.unet.half().save_pretrained(out / "unet")
    network.text_encoder.half().save_pretrained(out / "text_encoder")
    network.tokenizer.save_pretrained(out / "tokenizer")
    vae.half().save_pretrained(out / "vae")
    DDPMScheduler(**VELOCITY).save_pretrained(out / "scheduler")


def main() -> None:
    """Train both parts."""
    from diffusers import AutoencoderKL

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True, help="what train_vae wrote")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    vae = AutoencoderKL.from_pretrained(arguments.vae / "vae", torch_dtype=torch.float32).eval()
    batches = PictureBatches(pictures(arguments.cache, workers=arguments.threads))
    torch.manual_seed(0)
    network = Denoiser()
    network.weight = importance(vae, latents(vae, batches.draw(_seeded(50, 0), 32)[0]))
    _run(network, arguments.out / "pictures", PICTURE_STEPS,
         partial(picture_loss, network, vae, batches, PICTURES), spatial=True)  # fmt: skip
    begin_temporal(network)
    data = videos(arguments.cache, DRAWN, workers=arguments.threads)
    _run(network, arguments.out / "videos", VIDEO_STEPS,
         partial(video_loss, network, vae, batches, data), spatial=False)  # fmt: skip
    save(network, vae, arguments.out / "zeroscope")


def _run(
    network: Denoiser, out: Path, steps: int, loss: Callable[[int], dict[str, Tensor]],
    *, spatial: bool,
) -> None:  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    learns = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    with single_frames(network.unet) if spatial else nullcontext():
        Loop(out, steps, rate=RATE).run(network, loss, Muon(learns, decay=0.01))


if __name__ == "__main__":
    main()
