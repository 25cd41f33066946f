"""A job's video from a base and what was fitted; its noise depends on the job alone."""

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from customstudio.baselines.adapters import weigh
from customstudio.baselines.bases.sampler import Predict, text_to_video, video_to_video
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import SamplingOptions, Solver, Spacing
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
    spacing: Spacing = "base",
    weight: Callable[[int], float] | None = None,
    predict: Predict | None = None,
) -> Videos:
    """The videos of jobs, in one batch.

    Args:
        prompts: what each job is sampled with.
        on_step: called after each step of sampling.
        spacing: of the times of sampling, but zeroscope XL's.
        weight: of the low-rank adapters in a step, by its number; those of zeroscope XL follow.
        predict: in the place of the base's own.
    """
    model, video = bases.main, task.video
    shape = model.latent_shape(video.frames, video.height, video.width)
    with applied(model, tuned):
        latents = text_to_video(
            model,
            prompts,
            noises(task, jobs, shape, options),
            steps=options.sampling_steps,
            guidance=options.guidance,
            negative=options.negative_prompt,
            solver=solver,
            spacing=spacing,
            predict=predict,
            on_step=_weighing(model, weight, on_step),
        )
        videos: Videos = model.decode(latents)
    if not options.high_resolution:
        return videos
    if bases.upscaler is None:
        raise ValueError("high resolution without zeroscope XL")
    upscaler = bases.upscaler
    large = enlarge(
        videos, (1024 * video.width // 576 // 8 * 8, 576 * video.height // 320 // 8 * 8)
    )
    shape = upscaler.latent_shape(large.shape[1], large.shape[2], large.shape[3])
    with applied(upscaler, tuned):
        latents = video_to_video(
            upscaler,
            prompts,
            large,
            noises(task, jobs, shape, options, "xl"),
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


def noises(
    task: Task,
    jobs: Sequence[Job],
    shape: tuple[int, int, int, int],
    options: SamplingOptions,
    purpose: str = "noise",
) -> Float[Tensor, "jobs channels frames height width"]:
    """The noise of each job of a batch, of latents of a shape."""
    gamma = options.noise_gamma
    return torch.stack([job_noise(task.suite, job, shape, purpose, gamma) for job in jobs])


def job_noise(
    suite: str,
    job: Job,
    shape: tuple[int, int, int, int],
    purpose: str = "noise",
    gamma: float = 0.0,
) -> Float[Tensor, "channels frames height width"]:
    """A job's noise: by suite, pair, prompt and seed alone; correlated between frames by gamma."""
    noise = normal(shape, purpose, suite, job.pair, job.prompt_id, job.seed)
    return across_frames(noise, gamma) if gamma else noise


def across_frames(
    noise: Float[Tensor, "channels frames height width"], gamma: float
) -> Float[Tensor, "channels frames height width"]:
    """Unit normal noise whose covariance between frames m and n is gamma ** |m - n|.

    Ma et al., "Magic-Me" (VCD), arXiv:2402.09368, equation 4: independent noise times the Cholesky
    factor of that covariance. The first frame stays as it is.
    """
    frames = torch.arange(noise.shape[1], dtype=torch.float64)
    covariance = gamma ** (frames[:, None] - frames).abs()
    factor = torch.linalg.cholesky(covariance).float()
    return torch.einsum("mn,cnhw->cmhw", factor, noise)


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


def enlarge(videos: Videos, size: tuple[int, int]) -> Videos:
    """Frames at another (width, height), bicubic."""
    flat = videos.reshape(-1, *videos.shape[2:])
    frames = [np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BICUBIC)) for f in flat]
    return np.stack(frames).reshape(*videos.shape[:2], size[1], size[0], 3)
