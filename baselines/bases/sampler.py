"""Sampling with classifier-free guidance: text to video, and video to video.

The same arithmetic as diffusers' `TextToVideoSDPipeline` and `VideoToVideoSDPipeline`, which are
deprecated there; a test holds the two equal for as long as those exist. The scheduler is
DPM-Solver++ (second order, midpoint), diffusers' default of `DPMSolverMultistepScheduler`; or DDIM
without added noise (Song et al., ICLR 2021, arXiv:2010.02502, equation 12 with sigma 0).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import Solver, Spacing

Latents = Float[Tensor, "batch channels frames height width"]
Predict = Callable[[Latents, Int[Tensor, " batch"], Float[Tensor, "batch tokens dim"]], Latents]
"""Latents, times and text to the noise in them, as `VideoModel.predict`."""


@torch.no_grad()
def text_to_video(
    model: VideoModel,
    prompts: Sequence[str],
    noise: Latents,
    *,
    steps: int,
    guidance: float,
    negative: str = "",
    solver: Solver = "dpm",
    spacing: Spacing = "base",
    predict: Predict | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Latents of one video a prompt, from noise.

    Args:
        noise: one unit normal sample a prompt.
        guidance: weight w of eps(uncond) + w * (eps(text) - eps(uncond)); 1 or less: no guidance.
        negative: the prompt of the unconditional half.
        spacing: of the steps' times.
        predict: in the place of the model's own; the unconditional half comes first.
        on_step: called after each step.
    """
    guided = _guided(model, prompts, guidance, negative, predict)
    denoise = partial(_denoise, guided, on_step=on_step)
    scheduler = _scheduler(model, steps, noise.shape[2], solver, spacing)
    return denoise(*model.start(noise, scheduler, denoise))


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
    solver: Solver = "dpm",
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Latents of videos that start from others: noised up to `strength` of the schedule.

    At least one step is made. The start is the mean of the VAE's posterior (the pipeline draws
    from it).
    """
    scheduler = _scheduler(model, steps, noise.shape[2], solver)
    skipped = steps - min(max(int(steps * strength), 1), steps)
    timesteps = scheduler.timesteps[skipped:]
    if hasattr(scheduler, "set_begin_index"):  # DDIM counts no steps
        scheduler.set_begin_index(skipped)
    start = torch.cat([model.encode_images(video).permute(2, 1, 0, 3, 4) for video in videos])
    noisy = scheduler.add_noise(start, noise.to(model.device), timesteps[:1].repeat(len(start)))
    guided = _guided(model, prompts, guidance, negative)
    return _denoise(guided, noisy, scheduler, timesteps, on_step=on_step)


def _guided(
    model: VideoModel,
    prompts: Sequence[str],
    guidance: float,
    negative: str,
    predict: Predict | None = None,
) -> Callable[[Latents, Tensor, Any], Latents]:
    """The noise in latents at a time, by classifier-free guidance."""
    guided, predict = guidance > 1, predict or model.predict
    text = model.encode_text(prompts)
    if guided:
        text = torch.cat([model.encode_negative(negative, len(prompts)), text])

    def estimate(latents: Latents, t: Tensor, scheduler: Any) -> Latents:
        doubled = scheduler.scale_model_input(
            torch.cat([latents, latents]) if guided else latents, t
        )
        noise = predict(doubled, t.expand(len(doubled)), text)
        if guided:
            without, with_text = noise.chunk(2)
            noise = without + guidance * (with_text - without)
        return noise

    return estimate


def _denoise(
    estimate: Callable[[Latents, Tensor, Any], Latents],
    latents: Latents,
    scheduler: Any,
    timesteps: Tensor,
    *,
    on_step: Callable[[], None],
) -> Latents:
    for t in timesteps:
        latents = scheduler.step(estimate(latents, t, scheduler), t, latents).prev_sample
        on_step()
    return latents


def _scheduler(
    model: VideoModel, steps: int, frames: int, solver: Solver, spacing: Spacing = "base"
) -> Any:
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    # `predict` gives the noise, whatever the base was trained to say.
    schedule = {**model.schedule_of(frames), "prediction_type": "epsilon"}
    if spacing != "base":
        schedule["timestep_spacing"] = spacing
    scheduler: Any
    if solver == "ddim":
        scheduler = DDIMScheduler.from_config({**schedule, "clip_sample": False})
    else:
        scheduler = DPMSolverMultistepScheduler.from_config(schedule)
    scheduler.set_timesteps(steps, device=model.device)
    return scheduler
