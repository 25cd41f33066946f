"""A few steps go the right way: the loss falls, and attention moves into the masks."""

import numpy as np
import pytest
import torch

from customstudio.baselines import customvideo
from customstudio.baselines.attention import AttentionLoss, attention_loss, recording
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.collage import read_pictures
from customstudio.baselines.customvideo import CustomVideoOptions
from customstudio.baselines.examples import instance
from customstudio.baselines.seeds import choices, generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import columns, initial_rows
from customstudio.baselines.training import denoising_errors
from customstudio.baselines.tuned import Tuned, applied

OPTIONS = CustomVideoOptions(steps=25, rate=2e-2, prior_weight=0, augment=False, levels=(1, 2))


@torch.no_grad()
def losses(model: VideoModel, task: Task, tuned: Tuned) -> tuple[float, float]:
    """L_recon and L_attn on fixed noise."""
    pictures = read_pictures(task.subjects, masks=True, remove_background=True)
    rng = choices("held out")
    shown = [instance(task, pictures, (0, 1), rng, augment=False, framing="whole")] * 8
    prompts = [example.prompt for example in shown]
    images = np.stack([example.image for example in shown])
    masks = torch.from_numpy(np.stack([example.masks for example in shown])).float()
    with applied(model, tuned), recording(model.unet, OPTIONS.levels) as maps:
        errors = denoising_errors(model, images, prompts, generator("held out"))
        at = columns(model.token_ids(prompts), model, 2)
        attention = attention_loss(maps, at, masks, (8, 8), AttentionLoss())
    return float(errors.mean()), float(attention)


@pytest.mark.parametrize("alpha", [0.0, 20.0])
def test_losses_fall(model: VideoModel, task: Task, alpha: float) -> None:
    start = Tuned(rows=initial_rows(model, ["cat", "dog"], "rare"))
    options = OPTIONS.model_copy(update={"alpha": alpha})
    tuned = customvideo.fit(Bases(model), task, options, lambda: None)
    before, after = losses(model, task, start), losses(model, task, tuned)
    if alpha:
        assert after[1] < 0.8 * before[1]
    else:
        assert after[1] > 0.95 * before[1], "without its loss, attention stays where it was"
    assert after[0] < before[0]
