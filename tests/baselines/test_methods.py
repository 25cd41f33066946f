"""The other methods: what each trains, what a fit leaves behind, what it makes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from customstudio.baselines import catalog, fitting
from customstudio.baselines.adapters import lora
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.options import Options, override
from customstudio.baselines.parameters import is_temporal, within_frames
from customstudio.baselines.sampling import SamplingOptions
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.training import TrainingOptions
from customstudio.baselines.tuned import load, save
from tests.baselines.conftest import jobs, names_that_train, state

TRAINED = ("dreambooth", "lora", "custom_diffusion", "textual_inversion")


def nothing() -> None:
    """A progress that nobody watches."""


def fast(name: str) -> Options:
    defaults, changes = catalog.defaults(name), []
    if isinstance(defaults, SamplingOptions):
        changes = ["sampling_steps=2"]
    if isinstance(defaults, TrainingOptions):
        changes += ["steps=2", "rate=0.01", "batch=2", "class_images=2"]
    return override(defaults, changes)


@pytest.mark.parametrize("name", TRAINED)
def test_a_fit_trains_what_its_card_says(
    name: str, model: VideoModel, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, options = catalog.method(name), fast(name)
    before, seen = state(model), {}

    def watch(rated: Any, options: Any, loss: Any, on_step: Any) -> list[float]:
        from customstudio.baselines.training import train

        def spy(step: int) -> torch.Tensor:
            seen["needs"] = {n for n, p in model.unet.named_parameters() if p.requires_grad}
            seen["rows"] = [n for n, p in model.text_encoder.named_parameters() if p.requires_grad]
            value: torch.Tensor = loss(step)
            return value

        return train(rated, options, spy, on_step)

    monkeypatch.setattr(fitting, "train", watch)
    tuned = module.fit(Bases(model), task, options, nothing)
    after = state(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(p.requires_grad for p in model.unet.parameters())

    assert seen["needs"] == tuned.weights.keys() | tuned.lora.keys()
    assert bool(tuned.lora) == (name in ("dreambooth", "lora"))
    assert len(tuned.weights) == (32 if name == "custom_diffusion" else 0)
    assert bool(seen["rows"]) == (name in ("custom_diffusion", "textual_inversion"))
    if tuned.lora:
        # 16 spatial layers, two attentions, four projections, A and B.
        assert len(tuned.lora) == 16 * 2 * 4 * 2
        still = {key for key, value in tuned.lora.items() if not value.any()}
        # The middle of a 64-pixel picture is one position, which attends to itself alone.
        assert all("mid_block" in key and "attn1" in key and "lora_B" in key for key in still)

    save(tuned, tmp_path / "fit.safetensors", {})
    again, _ = load(tmp_path / "fit.safetensors")
    made = [
        module.generate(Bases(model), fit, task, jobs(task), options, nothing)
        for fit in (tuned, again)
    ]
    plain = module.generate(
        Bases(model), type(tuned)(rows=tuned.rows), task, jobs(task), options, nothing
    )
    assert made[0].shape == (2, 3, 64, 64, 3)
    assert np.array_equal(*made)
    assert name == "textual_inversion" or not np.array_equal(made[0], plain)


@pytest.mark.parametrize(
    ("base", "count"),
    [
        ("animatediff", 859_520_964),
        ("text2video-zero", 865_910_724),
        ("zeroscope-576w", 865_910_724),
        ("animatediff-sdxl", 2_567_463_684),
    ],
)
def test_all_within_a_frame_is_stable_diffusion(base: str, count: int) -> None:
    """1.5's, 2.1's and XL's UNets have so many weights."""
    found = within_frames(full_base(base, "meta").unet)
    assert sum(weight.numel() for weight in found.values()) == count


def test_dreambooth_may_train_all_within_a_frame(
    model: VideoModel, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else: temporal layers stay."""
    options = override(fast("dreambooth"), ["train=all", "rate=1e-3"])
    before, needs = state(model), names_that_train(model, monkeypatch)
    tuned = catalog.method("dreambooth").fit(Bases(model), task, options, nothing)
    assert needs == set(tuned.weights) == set(within_frames(model.unet))
    assert not any(is_temporal(name) for name in needs)
    assert {"conv_in.weight", "time_embedding.linear_1.weight", "conv_out.bias"} < needs
    moved = [n for n, w in tuned.weights.items() if not torch.equal(w, before[f"unet.{n}"])]
    assert len(moved) == len(needs)
    assert tuned.lora == {}
    after = state(model)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_adapters_count_at_full_size() -> None:
    from diffusers import UNet3DConditionModel

    with torch.device("meta"):
        unet = UNet3DConditionModel()
    with lora(unet, rank=4) as adapters:
        counted = [
            sum(p.numel() for name, p in adapters.items() if f".{which}." in name)
            for which in ("attn1", "attn2")
        ]
    # r * (in + out) each: 5 layers of 320, 5 of 640, 6 of 1280 channels; keys and values of attn2
    # read 1024 numbers of text.
    channels = 5 * 320 + 5 * 640 + 6 * 1280
    own = 4 * 4 * 2 * channels
    cross = 2 * 4 * 2 * channels + 2 * 4 * (channels + 16 * 1024)
    assert counted == [own, cross]
    assert sum(counted) == 829_952


def test_the_untuned_base_gets_the_plain_prompt(model: VideoModel, task: Task) -> None:
    """It has no tokens: a prompt that held one would not be encoded at all."""
    module = catalog.method("untuned")
    tuned = module.fit(Bases(model), task, fast("untuned"), nothing)
    assert type(tuned)() == tuned
    one = module.generate(Bases(model), tuned, task, jobs(task), fast("untuned"), nothing)
    two = module.generate(Bases(model), tuned, task, jobs(task)[::-1], fast("untuned"), nothing)
    assert np.abs(one.astype(int) - two[::-1].astype(int)).max() <= 1
    assert not np.array_equal(one[0], one[1])


def test_the_still_is_made_of_references(task: Task) -> None:
    module = catalog.method("static_reference")
    options = catalog.defaults("static_reference")
    videos = module.generate(None, None, task, jobs(task, 4), options, nothing)
    assert videos.shape == (4, 3, 64, 64, 3)
    assert (videos == videos[:, :1]).all()
    assert len({video.tobytes() for video in videos}) > 1
    for video in videos:
        frame = video[0].astype(int)
        assert (frame[:, :32, 2] - frame[:, :32, 0] > 150).sum() > 100  # the blue one, left
        assert (frame[:, 32:, 0] - frame[:, 32:, 2] > 150).sum() > 100  # the red one, right
