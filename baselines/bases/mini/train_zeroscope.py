"""Train the mini zeroscope: `python -m customstudio.baselines.bases.mini.train_zeroscope`.

Diffusers' `UNet3DConditionModel` in zeroscope's full topology (66 attention layers) and
transformers' `CLIPTextModel`, at small width, on the latents of the mini VAE. In two parts, each
resumable: single frames with the temporal layers left out, then the temporal layers, on videos and,
so that they know what to do with one frame, on pictures. Noise prediction; the loss of each
example is weighted by min(SNR, 5) / SNR (Hang et al., arXiv:2303.09556).
"""

import argparse
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from customstudio.baselines.bases.mini.data import PictureBatches, latents, video_batch, videos
from customstudio.baselines.bases.mini.words import LENGTH, Claims, caption, tokenizer
from customstudio.baselines.bases.tiny import SCHEDULE
from customstudio.mini.training import Loop
from customstudio.mini.training_data import default_cache, pictures

WIDTHS, TEXT_WIDTH = (40, 60, 60, 60), 96
PICTURE_STEPS, PICTURES = 2000, 32
VIDEO_STEPS, VIDEOS, STILLS, STILL_EVERY = 800, 4, 24, 4
"""Steps of the second part, videos a step, pictures a step, and which steps are of pictures."""
DRAWN = 3000
"""Different videos."""


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
        self.noising = DDPMScheduler(**SCHEDULE)
        signal = self.noising.alphas_cumprod
        self.weight = (5 * (1 - signal) / signal).clamp(max=1)  # min(SNR, 5) / SNR

    def loss(self, clean: Tensor, captions: list[str]) -> Tensor:
        """Weighted mean squared error of the predicted noise."""
        t = torch.randint(0, len(self.weight), (len(clean),))
        noise = torch.randn_like(clean)
        noisy = self.noising.add_noise(clean, noise, t)
        ids = self.tokenizer(
            captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids
        text = self.text_encoder(ids).last_hidden_state
        found = self.unet(noisy, t, encoder_hidden_states=text, return_dict=False)[0]
        errors = (found - noise).square().mean(dim=(1, 2, 3, 4))
        weighted: Tensor = self.weight[t] * errors
        return weighted.mean()


def temporal(unet: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers that look along time."""
    return [
        (name, module)
        for name, module in unet.named_modules()
        if type(module).__name__ in ("TemporalConvLayer", "TransformerTemporalModel")
    ]


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
    pixels, told = batches.draw(rng, count)
    return {"pictures": network.loss(latents(vae, pixels), _captions(told, rng))}


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
    DDPMScheduler(**SCHEDULE).save_pretrained(out / "scheduler")


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
    loop = Loop(out, steps, rate=1e-3, decay=0.01)
    if not spatial:
        loop.run(network, loss)
        return
    with single_frames(network.unet):
        loop.run(network, loss)


if __name__ == "__main__":
    main()
