"""A job's video from a base and what was fitted; its noise depends on the job alone."""

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from customstudio.baselines.bases.sampler import text_to_video, video_to_video
from customstudio.baselines.options import Count, Options, Weight
from customstudio.baselines.seeds import normal
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tuned import Tuned, applied
from customstudio.suites.schema import Job

Videos = UInt8[NDArray[np.uint8], "jobs frames height width 3"]


class SamplingOptions(Options):
    """How videos are sampled."""

    sampling_steps: Count = 50
    guidance: Weight = 9.0
    negative_prompt: str = ""
    high_resolution: bool = False
    """Take the video to 1024x576 with zeroscope XL, with the same fitted weights on it."""
    xl_steps: Count = 30
    xl_strength: Annotated[float, Field(gt=0, le=1)] = 0.6
    xl_guidance: Weight = 15.0


def sample(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    prompts: Sequence[str],
    options: SamplingOptions,
    on_step: Callable[[], None] = lambda: None,
) -> Videos:
    """The videos of jobs, in one batch.

    Args:
        prompts: what each job is sampled with.
        on_step: called after each step of sampling.
    """
    model, video = bases.main, task.video
    shape = model.latent_shape(video.frames, video.height, video.width)
    with applied(model, tuned):
        latents = text_to_video(
            model,
            prompts,
            torch.stack([job_noise(task.suite, job, shape) for job in jobs]),
            steps=options.sampling_steps,
            guidance=options.guidance,
            negative=options.negative_prompt,
            on_step=on_step,
        )
        videos: Videos = model.decode(latents)
    if not options.high_resolution:
        return videos
    if bases.upscaler is None:
        raise ValueError("high resolution without zeroscope XL")
    upscaler = bases.upscaler
    large = _enlarged(
        videos, (1024 * video.width // 576 // 8 * 8, 576 * video.height // 320 // 8 * 8)
    )
    shape = upscaler.latent_shape(large.shape[1], large.shape[2], large.shape[3])
    with applied(upscaler, tuned):
        latents = video_to_video(
            upscaler,
            prompts,
            large,
            torch.stack([job_noise(task.suite, job, shape, "xl") for job in jobs]),
            steps=options.xl_steps,
            strength=options.xl_strength,
            guidance=options.xl_guidance,
            negative=options.negative_prompt,
            on_step=on_step,
        )
        enlarged: Videos = upscaler.decode(latents)
    return enlarged


def job_noise(suite: str, job: Job, shape: tuple[int, ...], purpose: str = "noise") -> torch.Tensor:
    """A job's first noise: by suite, pair, prompt and seed alone."""
    return normal(shape, purpose, suite, job.pair, job.prompt_id, job.seed)


def _enlarged(videos: Videos, size: tuple[int, int]) -> Videos:
    """Frames at another (width, height), bicubic."""
    flat = videos.reshape(-1, *videos.shape[2:])
    frames = [np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BICUBIC)) for f in flat]
    return np.stack(frames).reshape(*videos.shape[:2], size[1], size[0], 3)
