"""A job's video from a base and what was fitted; its noise depends on the job alone."""

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import torch
from PIL import Image

from customstudio.baselines.adapters import weigh
from customstudio.baselines.bases.sampler import text_to_video, video_to_video
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import SamplingOptions, Solver
from customstudio.baselines.seeds import normal
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.baselines.tuned import Tuned, applied
from customstudio.suites.schema import Job


def sample(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    prompts: Sequence[str],
    options: SamplingOptions,
    on_step: Callable[[], None] = lambda: None,
    *,
    solver: Solver = "dpm",
    weight: Callable[[int], float] | None = None,
) -> Videos:
    """The videos of jobs, in one batch.

    Args:
        prompts: what each job is sampled with.
        on_step: called after each step of sampling.
        weight: of the low-rank adapters in a step, by its number; those of zeroscope XL follow.
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
            solver=solver,
            on_step=_weighing(model, weight, on_step),
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
            solver=solver,
            on_step=_weighing(upscaler, weight, on_step, options.sampling_steps),
        )
        enlarged: Videos = upscaler.decode(latents)
    return enlarged


def sample_with_tokens(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    options: SamplingOptions,
    on_step: Callable[[], None] = lambda: None,
    *,
    solver: Solver = "dpm",
    weight: Callable[[int], float] | None = None,
) -> Videos:
    """The videos of jobs, from the prompts with learnable tokens before the nouns."""
    prompts = [job.prompt_with_tokens for job in jobs]
    return sample(bases, tuned, task, jobs, prompts, options, on_step, solver=solver, weight=weight)


def job_noise(suite: str, job: Job, shape: tuple[int, ...], purpose: str = "noise") -> torch.Tensor:
    """A job's first noise: by suite, pair, prompt and seed alone."""
    return normal(shape, purpose, suite, job.pair, job.prompt_id, job.seed)


def _weighing(
    model: VideoModel,
    weight: Callable[[int], float] | None,
    on_step: Callable[[], None],
    first: int = 0,
) -> Callable[[], None]:
    """Set the adapters' weight for the first step; what is called after a step sets the next."""
    if weight is None:
        return on_step
    numbers = count(first + 1)
    weigh(model.unet, weight(first))

    def after_step() -> None:
        weigh(model.unet, weight(next(numbers)))
        on_step()

    return after_step


def _enlarged(videos: Videos, size: tuple[int, int]) -> Videos:
    """Frames at another (width, height), bicubic."""
    flat = videos.reshape(-1, *videos.shape[2:])
    frames = [np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BICUBIC)) for f in flat]
    return np.stack(frames).reshape(*videos.shape[:2], size[1], size[0], 3)
