"""A training step at the full size of zeroscope, on the meta device: shapes and devices, no values.

Tensors that are left on another device than the model's make it fail, as they would on a GPU.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from customstudio.baselines import catalog, customvideo
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.customvideo import CustomVideoOptions
from customstudio.baselines.examples import Example
from customstudio.baselines.parameters import cross_attention, level, projections
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases
from customstudio.baselines.tokens import token_rows
from customstudio.baselines.training import trainable


@pytest.fixture(scope="module")
def full() -> VideoModel:
    """Zeroscope's networks at full size without values."""
    model: VideoModel = full_base("zeroscope-576w", "meta")
    return model


def test_the_networks_have_the_published_size(full: VideoModel) -> None:
    counts = [sum(p.numel() for p in part.parameters()) / 1e6 for part in (full.unet, full.vae)]
    assert counts == pytest.approx([1411.2, 83.65], abs=0.05)


@pytest.mark.parametrize(
    "name", ["zeroscope-576w", "animatediff", "animatediff-sdxl", "text2video-zero"]
)
def test_a_base_attends_to_text_where_it_says(name: str) -> None:
    unet = full_base(name, "meta").unet
    blocks = len(unet.config.block_out_channels)
    found = {level(layer, blocks) for layer in cross_attention(unet, "spatial")}
    assert found == set(catalog.base(name).levels)


def test_a_step_at_full_size(full: VideoModel) -> None:
    options = CustomVideoOptions()
    weights = projections(full.unet, options.train, options.layers)
    image = np.zeros((320, 576, 3), np.uint8)
    masks = np.zeros((2, 320, 576), np.bool_)
    ours = [Example(image, masks, "a <new1> cat and a <new2> dog")] * 2
    theirs = [Example(image, masks, "a cat in a garden and a dog")] * 2
    rows = {f"<new{n}>": torch.zeros(1024) for n in (1, 2)}
    with token_rows(full, rows) as embedding:
        parameters: list[Tensor] = [*weights.values(), embedding.rows]
        with trainable(parameters):  # type: ignore[arg-type]
            loss = customvideo.step_loss(Bases(full), ours, theirs, options, generator("full"))
            loss.backward()  # type: ignore[no-untyped-call]
            assert loss.shape == ()
            assert all(p.grad is not None and p.grad.device.type == "meta" for p in parameters)
