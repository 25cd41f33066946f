"""Train the mini zeroscope: `python -m customstudio.baselines.bases.mini.train_zeroscope`.

Diffusers' `UNet3DConditionModel` in zeroscope's full topology and transformers' `CLIPTextModel`, at
small width, on the latents of the mini VAE. In two parts, each resumable: single frames with the
temporal layers left out, then the temporal layers, on videos and, so that they know what to do with
one frame, on pictures. The error of each latent channel counts by how far the channel moves pixels;
on single frames, that on subjects more than the rest.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from customstudio.baselines.bases.mini.ahead import Ahead
from customstudio.baselines.bases.mini.data import (
    PictureBatches,
    Videos,
    latents,
    video_batch,
    videos,
)
from customstudio.baselines.bases.mini.denoiser import (
    VELOCITY,
    Denoiser,
    single_frames,
    temporal,
    untrained,
)
from customstudio.baselines.bases.mini.muon import Muon
from customstudio.baselines.bases.mini.words import Claims, caption
from customstudio.mini.training import Loop
from customstudio.mini.training_data import default_cache, pictures

RATE, SUBJECTS = 2e-3, 3.0
"""The rate; how much more an error on a subject of a picture counts."""
PICTURE_STEPS, PICTURES = 1750, 384
"""Steps of the first part, pictures a step."""
VIDEO_STEPS, VIDEOS, STILL_EVERY = 700, 32, 4
"""Steps of the second part, videos a step, and which steps are of pictures."""
DRAWN = 9000
"""Different videos."""


class Batch(NamedTuple):
    """What a step sees."""

    pixels: Float[Tensor, "batch 3 frames size size"]
    """In [-1, 1]."""
    subjects: Bool[Tensor, "batch size size"] | None
    """Where the subjects of pictures are; None: videos."""
    ids: Int[Tensor, "batch tokens"]


def picture_batch(
    network: Denoiser, data: PictureBatches, count: int, purpose: int, step: int
) -> Batch:
    """The pictures of a step."""
    rng = np.random.default_rng([purpose, step])
    pixels, subjects, told = data.draw(rng, count)
    return Batch(pixels, subjects, network.ids(captions(told, rng)))


def mixed_batch(
    network: Denoiser, pictures: PictureBatches, data: Videos, count: int, step: int
) -> Batch:
    """The videos of a step, or as many pictures as they have frames every now and then."""
    if step % STILL_EVERY == STILL_EVERY - 1:
        return picture_batch(network, pictures, count * data.frames.shape[1], 53, step)
    rng = np.random.default_rng([52, step])
    pixels, told = video_batch(data, rng, count)
    return Batch(pixels, None, network.ids(captions(told, rng)))


def step_loss(network: Denoiser, vae: Any, batch: Batch, seed: int) -> Float[Tensor, ""]:
    """The loss of a batch; noise and times follow from the seed."""
    torch.manual_seed(seed)
    clean = latents(vae, batch.pixels.to(network.weight.device))
    if batch.subjects is None:
        return network.loss(clean, batch.ids)
    area = nn.functional.adaptive_avg_pool2d(batch.subjects[:, None].float(), clean.shape[-1])
    weight = 1 + (SUBJECTS - 1) * area[:, :, None]
    return network.loss(clean, batch.ids, weight)


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


def train(
    network: Denoiser, out: Path, steps: int, make: Callable[[int], Batch], vae: Any, *,
    purpose: int, workers: int,
) -> None:  # fmt: skip
    """Train what requires gradients; from the checkpoint where there is one."""
    out.mkdir(parents=True, exist_ok=True)
    # So small a network is launched more slowly than it computes: graphs launch it whole.
    network.graphs = {} if network.weight.is_cuda else None
    learns = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    batches = Ahead(make, steps, workers)

    def loss(step: int) -> dict[str, Tensor]:
        return {"loss": step_loss(network, vae, batches(step), 100_000 * purpose + step)}

    Loop(out, steps, rate=RATE).run(network, loss, Muon(learns, decay=0.01))


def save(network: Denoiser, vae: Any, out: Path) -> None:
    """Write a diffusers folder, values in half precision."""
    from diffusers import DDPMScheduler

    network.unet.cpu().half().save_pretrained(out / "unet")
    network.text_encoder.cpu().half().save_pretrained(out / "text_encoder")
    network.tokenizer.save_pretrained(out / "tokenizer")
    vae.cpu().half().save_pretrained(out / "vae")
    DDPMScheduler.from_config(VELOCITY).save_pretrained(out / "scheduler")


def main() -> None:
    """Train both parts."""
    from diffusers import AutoencoderKL

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True, help="what train_vae wrote")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches")
    parser.add_argument("--picture-steps", type=int, default=PICTURE_STEPS)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="a step")
    parser.add_argument("--video-steps", type=int, default=VIDEO_STEPS)
    parser.add_argument("--videos", type=int, default=VIDEOS, help="a step")
    asked = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    vae = AutoencoderKL.from_pretrained(asked.vae / "vae", torch_dtype=torch.float32)
    vae.to(asked.device).requires_grad_(False).eval()
    data = PictureBatches(pictures(asked.cache, workers=max(1, asked.workers)))
    torch.manual_seed(0)
    network = untrained()
    first = picture_batch(network, data, 32, 50, 0).pixels.to(asked.device)
    network.weight = importance(vae, latents(vae, first))
    network.to(asked.device)
    run = partial(train, network, vae=vae, workers=asked.workers)
    with single_frames(network.unet):
        run(asked.out / "pictures", asked.picture_steps,
            partial(picture_batch, network, data, asked.pictures, 51), purpose=51)  # fmt: skip
    begin_temporal(network)
    moving = videos(asked.cache, DRAWN, workers=max(1, asked.workers))
    run(asked.out / "videos", asked.video_steps,
        partial(mixed_batch, network, data, moving, asked.videos), purpose=52)  # fmt: skip
    save(network, vae, asked.out / "mini-zeroscope")


def captions(told: list[Claims], rng: np.random.Generator) -> list[str]:
    """Captions of what is true."""
    return [caption(claims, rng) for claims in told]


if __name__ == "__main__":
    main()
