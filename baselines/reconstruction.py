"""The loss that every fit has, and the fits that have no other.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242, equation 2: the error on the subjects'
pictures plus the error on class images. Methods that learn each subject from pictures of itself
alone take each picture of a step from a subject of the pair at random, so that one model learns
all of them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from customstudio.baselines.adapters import PROJECTIONS
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.examples import Example, counted, drawing, one_of
from customstudio.baselines.fitting import run_fit
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.training import denoising_errors
from customstudio.baselines.tuned import Tuned


def reconstruction_loss(
    model: VideoModel,
    ours: Sequence[Example],
    theirs: Sequence[Example],
    options: TrainingOptions,
    noise: torch.Generator,
    frames: int = 1,
) -> Tensor:
    """L_recon of the subjects' pictures, plus L_prior of the class images, in one batch.

    Args:
        frames: each picture is a still video of so many.
    """
    examples = [*ours, *theirs]
    images = np.stack([example.image for example in examples])
    prompts = [example.prompt for example in examples]
    errors = denoising_errors(model, images, prompts, noise, frames, masks=counted(examples))
    total = errors[: len(ours)].mean()
    if theirs:
        total = total + options.prior_weight * errors[len(ours) :].mean()
    return total


def fit_alone(
    bases: Bases,
    task: Task,
    options: TrainingOptions,
    on_step: Callable[[], None],
    *,
    weights: Mapping[str, nn.Parameter] | None = None,
    rank: int = 0,
    projections: Sequence[str] = PROJECTIONS,
    bottleneck: float = 0.0,
    tokens: bool = True,
    from_rows: Mapping[str, Tensor] | None = None,
    frames: int = 1,
    on_image: Callable[[], None] | None = None,
) -> Tuned:
    """Fit on pictures of each subject alone; what trains is as `fitting.run_fit` has it.

    Args:
        frames: each picture is a still video of so many.
        on_image: told of class images; `on_step` unless it is given.
    """
    draw = drawing(bases, task, options, one_of(task), on_step=on_image or on_step)
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> Tensor:
        ours, theirs = draw()
        return reconstruction_loss(bases.main, ours, theirs, options, noise, frames)

    return run_fit(
        bases, task, options, loss, on_step,
        weights=weights, rank=rank, projections=projections, bottleneck=bottleneck,
        tokens=tokens, from_rows=from_rows,
    )  # fmt: skip
