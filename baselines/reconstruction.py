"""The loss of the methods that learn each subject from pictures of itself alone.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242, equation 2: the error on the subject's
pictures plus the error on class images. A step takes each picture from a subject of the pair at
random, so that one model learns all of them.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from customstudio.baselines.collage import read_pictures
from customstudio.baselines.examples import instance, prior
from customstudio.baselines.prior import ClassImage, class_images
from customstudio.baselines.seeds import choices, generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.training import TrainingOptions, denoising_errors


def reconstruction(bases: Bases, task: Task, options: TrainingOptions) -> Callable[[int], Tensor]:
    """The loss of a step, by its number; class images are made first where they are needed."""
    model = bases.main
    pictures = read_pictures(task.subjects, masks=False, remove_background=False)
    size = (task.video.height, task.video.width)
    priors: list[list[ClassImage]] = []
    if options.prior_weight:
        priors = [class_images(model, subject, size, options) for subject in task.subjects]
    rng = choices("fit", task.suite, task.pair)
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> Tensor:
        who = [(int(rng.integers(len(task.subjects))),) for _ in range(options.batch)]
        ours = [
            instance(task, pictures, w, rng, augment=options.augment, framing=options.framing)
            for w in who
        ]
        theirs = [prior(task, priors, w, rng) for w in who] if priors else []
        images = np.stack([example.image for example in (*ours, *theirs)])
        prompts = [example.prompt for example in (*ours, *theirs)]
        errors = denoising_errors(model, images, prompts, noise)
        total = errors[: len(ours)].mean()
        if theirs:
            total = total + options.prior_weight * errors[len(ours) :].mean()
        return total

    return loss
