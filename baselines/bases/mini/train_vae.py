"""Train the mini VAE: `AutoencoderKL`, four pixels a latent, twelve channels.

`python -m customstudio.baselines.bases.mini.train_vae --out DIR` goes on where it stopped. L1 and
squared error of the pixels and a light pull to the unit normal, as in Rombach et al.,
"High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, arXiv:2112.10752, without
its perceptual and adversarial terms, which need networks of their own. Twelve channels, where
zeroscope has four: a face is six pixels wide here, and a patch of 4 x 4 pixels is full of edges.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from customstudio.baselines.bases.mini.ahead import Ahead
from customstudio.baselines.bases.mini.linear_start import components, start
from customstudio.mini.training import Loop
from customstudio.mini.training_data import Pictures, default_cache, pictures

STEPS, BATCH, KL = 1800, 64, 1e-8
CUT_OUT = 0.25
"""Part of the pictures that lose their place, as references do without their background."""


def network() -> Any:
    """Untrained: 64 pixels become 16 x 16 latents."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 32, 64), layers_per_block=1, norm_num_groups=1, latent_channels=12,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        sample_size=64,
    )  # fmt: skip


def batch(data: Pictures, step: int, count: int = BATCH) -> Float[Tensor, "batch 3 size size"]:
    """The pictures of a step in [-1, 1]: mirrored, darker or lighter; some on one plain colour."""
    rng = np.random.default_rng([31, step])
    rows = rng.integers(len(data.images), size=count)
    images = data.images[rows].astype(np.float32) * rng.uniform(0.6, 1.0, (count, 1, 1, 1))
    for image, labels in zip(images, data.labels[rows], strict=True):
        if rng.random() < CUT_OUT:
            image[labels == 0] = 255 if rng.random() < 0.7 else rng.integers(256, size=3)
    mirrored = rng.random(count) < 0.5
    images[mirrored] = images[mirrored, :, ::-1]
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def losses(vae: Any, images: Float[Tensor, "batch 3 size size"], step: int) -> dict[str, Tensor]:
    """Reconstruction and prior of one step."""
    torch.manual_seed(step)
    images = images.to(vae.device)
    posterior = vae.encode(images).latent_dist
    error = vae.decode(posterior.sample()).sample - images
    return {
        "absolute": error.abs().mean(),
        "square": error.square().mean(),
        "prior": KL * posterior.kl().mean(),
    }


@torch.no_grad()
def whiten(vae: Any, data: Pictures) -> None:
    """Shift and scale each latent channel to mean 0 and deviation 1, inside the 1 x 1 convolutions.

    Principal components start at a deviation of 2.3 in the first channel and 0.3 in the last. The
    noise schedule leaves 7% of a latent in what should be noise alone, so that sampling from true
    noise would miss the brightness that training saw there; and one scale must fit all channels.
    """
    latents = vae.encode(batch(data, STEPS, 256).to(vae.device)).latent_dist.mean
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    channels = len(mean)
    inward, outward = vae.quant_conv, vae.post_quant_conv
    inward.weight[:channels] /= deviation[:, None, None, None]
    inward.bias[:channels] = (inward.bias[:channels] - mean) / deviation
    inward.bias[channels:] -= 2 * deviation.log()  # the other half are log variances
    outward.bias += outward.weight[:, :, 0, 0] @ mean
    outward.weight *= deviation[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)


def main() -> None:
    """Train, and write a diffusers folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches")
    asked = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    asked.out.mkdir(parents=True, exist_ok=True)
    data = pictures(asked.cache, workers=max(1, asked.workers))
    torch.manual_seed(0)
    vae = network()
    start(vae, components(batch(data, STEPS + 1, 600)))
    vae.to(asked.device)
    batches = Ahead(partial(batch, data), STEPS, asked.workers)
    Loop(asked.out, STEPS, rate=8e-4, decay=0.01).run(
        vae, lambda step: losses(vae, batches(step), step)
    )
    whiten(vae, data)
    vae.cpu().save_pretrained(asked.out / "vae")


if __name__ == "__main__":
    main()
