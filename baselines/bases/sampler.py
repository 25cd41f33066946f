"""Sampling with classifier-free guidance: text to video, and video to video.

The same arithmetic as diffusers' `TextToVideoSDPipeline` and `VideoToVideoSDPipeline`, which are
deprecated there; a test holds the two equal for as long as those exist. The scheduler is
DPM-Solver++ (second order, midpoint), diffusers' default of `DPMSolverMultistepScheduler`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.video_model import VideoModel

Latents = Float[Tensor, "batch channels frames height width"]


@torch.no_grad()
def text_to_video(
    model: VideoModel,
    prompts: Sequence[str],
    noise: Latents,
    *,
    steps: int,
    guidance: float,
    negative: str = "",
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Latents of one video a prompt, from noise.

    Args:
        noise: one unit normal sample a prompt.
        guidance: weight w of eps(uncond) + w * (eps(text) - eps(uncond)); 1 or less: no guidance.
        negative: the prompt of the unconditional half.
        on_step: called after each step.
    """
    scheduler = _scheduler(model, steps)
    start = noise.to(model.device) * scheduler.init_noise_sigma
    return _denoise(
        model, prompts, start, scheduler, scheduler.timesteps, guidance, negative, on_step
    )


@torch.no_grad()
def video_to_video(
    model: VideoModel,
    prompts: Sequence[str],
    videos: UInt8[NDArray[np.uint8], "batch frames H W 3"],
    noise: Latents,
    *,
    steps: int,
    strength: float,
    guidance: float,
    negative: str = "",
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Latents of videos that start from others: noised up to `strength` of the schedule.

    The start is the mean of the VAE's posterior (the pipeline draws from it).
    """
    scheduler = _scheduler(model, steps)
    skipped = max(steps - min(int(steps * strength), steps), 0)
    timesteps = scheduler.timesteps[skipped:]
    scheduler.set_begin_index(skipped)
    start = torch.cat([model.encode_images(video).permute(2, 1, 0, 3, 4) for video in videos])
    noisy = scheduler.add_noise(start, noise.to(model.device), timesteps[:1].repeat(len(start)))
    return _denoise(model, prompts, noisy, scheduler, timesteps, guidance, negative, on_step)


def _denoise(
    model: VideoModel,
    prompts: Sequence[str],
    latents: Latents,
    scheduler: Any,
    timesteps: Tensor,
    guidance: float,
    negative: str,
    on_step: Callable[[], None],
) -> Latents:
    guided = guidance > 1
    text = model.encode_text(prompts)
    if guided:
        text = torch.cat([model.encode_text([negative] * len(prompts)), text])
    for t in timesteps:
        doubled = scheduler.scale_model_input(
            torch.cat([latents, latents]) if guided else latents, t
        )
        noise = model.predict(doubled, t.expand(len(doubled)), text)
        if guided:
            without, with_text = noise.chunk(2)
            noise = without + guidance * (with_text - without)
        latents = scheduler.step(noise, t, latents).prev_sample
        on_step()
    return latents


def _scheduler(model: VideoModel, steps: int) -> Any:
    from diffusers import DPMSolverMultistepScheduler

    told_noise = {**model.schedule, "prediction_type": "epsilon"}  # as `predict` gives it
    scheduler = DPMSolverMultistepScheduler.from_config(told_noise)
    scheduler.set_timesteps(steps, device=model.device)
    return scheduler
