"""Train the mini motion adapter: `python -m customstudio.baselines.bases.mini.train_motion`.

The mini zeroscope without its temporal layers is a `UNet2DConditionModel`, value by value: that is
the mini Stable Diffusion. Motion modules between its layers, the rest frozen, learn videos as in
Guo et al., "AnimateDiff", ICLR 2024, arXiv:2307.04725, section 4.2: on a linear noise schedule,
from a last map of zero.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from customstudio.baselines.bases.mini.data import Videos, latents, video_batch, videos
from customstudio.baselines.bases.mini.denoiser import (
    CHANNELS,
    GROUPS,
    HEAD,
    TEXT_WIDTH,
    VELOCITY,
    WIDTHS,
    Denoiser,
)
from customstudio.baselines.bases.mini.train_zeroscope import Batch, captions, importance, train
from customstudio.mini.training_data import default_cache

STEPS, VIDEOS, DRAWN = 450, 32, 9000
"""Steps, videos a step, different videos."""
HEADS, LONGEST = 2, 32
"""Attention heads of a motion module, and the most frames."""


class MotionDenoiser(Denoiser):
    """`UNetMotionModel`, whose texts come one a frame."""

    def predict(
        self,
        noisy: Float[Tensor, "batch channels frames h w"],
        t: Int[Tensor, " batch"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> Float[Tensor, "batch channels frames h w"]:
        """The velocity that the UNet sees."""
        return super().predict(noisy, t, text.repeat_interleave(noisy.shape[2], dim=0))


def stable_diffusion(unet: Any) -> Any:
    """The layers of a mini zeroscope that work within a frame, as a `UNet2DConditionModel`."""
    from diffusers import UNet2DConditionModel

    still = UNet2DConditionModel(
        in_channels=CHANNELS, out_channels=CHANNELS, block_out_channels=WIDTHS,
        norm_num_groups=GROUPS, cross_attention_dim=TEXT_WIDTH, sample_size=16,
        attention_head_dim=tuple(width // HEAD for width in WIDTHS),  # diffusers: their number
        use_linear_projection=True,
    )  # fmt: skip
    values = unet.state_dict()
    still.load_state_dict({name: values[name] for name in still.state_dict()})
    return still


def adapter() -> Any:
    """Untrained motion modules."""
    from diffusers import MotionAdapter

    return MotionAdapter(
        block_out_channels=WIDTHS, motion_num_attention_heads=HEADS,
        motion_norm_num_groups=GROUPS, motion_max_seq_length=LONGEST,
    )  # fmt: skip


def begin(still: Any, text_encoder: Any) -> MotionDenoiser:
    """Motion modules alone train, from ones that change nothing."""
    from diffusers import UNetMotionModel

    unet = UNetMotionModel.from_unet2d(still, adapter())
    network = MotionDenoiser(unet, text_encoder, {**VELOCITY, "beta_schedule": "linear"})
    network.requires_grad_(False)
    for name, module in unet.named_modules():
        if name.split(".")[-2:-1] == ["motion_modules"]:
            module.requires_grad_(True)
            torch.nn.init.zeros_(module.proj_out.weight)
            torch.nn.init.zeros_(module.proj_out.bias)
    return network


def moving_batch(network: Denoiser, data: Videos, count: int, step: int) -> Batch:
    """The videos of a step."""
    rng = np.random.default_rng([54, step])
    pixels, told = video_batch(data, rng, count)
    return Batch(pixels, None, network.ids(captions(told, rng)))


def save(still: Any, network: MotionDenoiser, source: Path, out: Path) -> None:
    """Write a Stable Diffusion folder with `motion_adapter` in it, values in half precision."""
    import shutil

    for part in ("text_encoder", "tokenizer", "vae", "scheduler"):
        shutil.copytree(source / part, out / part, dirs_exist_ok=True)
    still.half().save_pretrained(out / "unet")
    motion = adapter()
    values = network.unet.cpu().state_dict()
    motion.load_state_dict({name: values[name] for name in motion.state_dict()})
    motion.half().save_pretrained(out / "motion_adapter")


def main() -> None:
    """Train the motion modules on a mini zeroscope."""
    from diffusers import AutoencoderKL, UNet3DConditionModel
    from transformers import CLIPTextModel

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--zeroscope", type=Path, required=True, help="what train_zeroscope wrote")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--videos", type=int, default=VIDEOS, help="a step")
    asked = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    read: dict[str, Any] = {"local_files_only": True}
    vae = AutoencoderKL.from_pretrained(asked.zeroscope / "vae", torch_dtype=torch.float32, **read)
    unet = UNet3DConditionModel.from_pretrained(
        asked.zeroscope / "unet", torch_dtype=torch.float32, **read
    )
    text = CLIPTextModel.from_pretrained(
        asked.zeroscope / "text_encoder", dtype=torch.float32, **read
    )
    still = stable_diffusion(unet)
    torch.manual_seed(1)
    network = begin(still, text)
    data = videos(asked.cache, DRAWN, workers=max(1, asked.workers))
    vae.to(asked.device).requires_grad_(False).eval()
    make = partial(moving_batch, network, data, asked.videos)
    first = make(0).pixels[:, :, :1].to(asked.device)
    network.weight = importance(vae, latents(vae, first))
    network.to(asked.device)
    train(network, asked.out / "motion", asked.steps, make, vae, purpose=54, workers=asked.workers)
    save(still, network, asked.zeroscope, asked.out / "mini-stable-diffusion")


if __name__ == "__main__":
    main()
