"""Videos of pictures: SVD-XT takes what a method made, and the suite's video is cut out of it.

Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127. It is told the suite's frame rate, so
that what is kept of its frames moves at the right speed.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch

from customstudio.baselines.bases.animation import animate
from customstudio.baselines.bases.image_to_video import SIDE
from customstudio.baselines.option_sets import AnimationOptions
from customstudio.baselines.sampling import enlarge, job_noise
from customstudio.baselines.seeds import normal
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job, VideoSpec


def animated(
    bases: Bases,
    pictures: Videos,
    task: Task,
    jobs: Sequence[Job],
    options: AnimationOptions,
    on_step: Callable[[], None],
) -> Videos:
    """Videos of the suite's kind that begin with pictures; a job's noise depends on it alone.

    Args:
        pictures: one a job, each a video of one frame.
    """
    model, video = bases.animator, task.video
    if model is None:
        raise ValueError("nothing is there to animate the pictures: SVD-XT is not loaded")
    width, height = size_of(video, options.svd_pixels)
    shape = model.latent_shape(options.svd_frames, height, width)
    names = [(task.suite, job.pair, job.prompt_id, job.seed) for job in jobs]
    latents = animate(
        model,
        enlarge(pictures, (width, height))[:, 0],
        torch.stack([job_noise(task.suite, job, shape, "svd") for job in jobs]),
        torch.stack([normal((3, height, width), "svd grain", *name) for name in names]),
        steps=options.svd_steps,
        fps=video.fps,
        motion=options.svd_motion,
        augmentation=options.svd_augmentation,
        guidance=options.svd_guidance,
        on_step=on_step,
    )
    frames = model.decode(latents)[:, kept(options.svd_frames, video.frames, options.svd_keep)]
    return enlarge(frames, (video.width, video.height))


def size_of(video: VideoSpec, pixels: int) -> tuple[int, int]:
    """(width, height) of about so many pixels, with a video's proportions.

    >>> size_of(VideoSpec(frames=24, fps=8, width=576, height=320), 1024 * 576)
    (1024, 576)
    """
    factor = (pixels / (video.width * video.height)) ** 0.5 / SIDE
    width, height = (max(1, round(side * factor)) * SIDE for side in (video.width, video.height))
    return width, height


def kept(made: int, wanted: int, how: Literal["first", "spread"]) -> list[int]:
    """Which of the frames that were made are the video.

    >>> kept(25, 3, "first"), kept(25, 3, "spread")
    ([0, 1, 2], [0, 12, 24])
    """
    if how == "first":
        return list(range(wanted))
    return [round(place) for place in np.linspace(0, made - 1, wanted).tolist()]
