"""DreamVideo: its adapter against NumPy, what each stage trains, what a fit leaves behind."""

from math import erf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from customstudio.baselines import dreamvideo, fitting
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.tiny_stable_diffusion import tiny_animatediff
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.bottlenecks import Bottleneck, bottlenecks
from customstudio.baselines.dreamvideo import DreamVideoOptions
from customstudio.baselines.examples import Example
from customstudio.baselines.options import override
from customstudio.baselines.reconstruction import reconstruction_loss
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.training import train, trainable
from customstudio.baselines.trial import base_state, quick, try_method
from customstudio.baselines.tuned import Tuned, applied, load
from customstudio.errors import UserError
from customstudio.generation.grid import PairWork
from customstudio.generation.plan import make_plan
from customstudio.suites.load import load_suite
from tests.baselines.conftest import jobs, names_that_train

RNG = np.random.default_rng(8)


def test_class_images_are_counted_once(model: VideoModel, task: Task) -> None:
    """Both stages have them."""
    options = override(quick(dreamvideo.DEFAULTS), ["prior_weight=1"])
    steps: list[None] = []
    dreamvideo.fit(Bases(model), task, options, lambda: steps.append(None))
    assert len(steps) == options.fit_steps + len(task.subjects) * options.prior_steps


def test_an_adapter_is_the_papers_equation() -> None:
    """h + GELU(h W_down) W_up, with GELU(x) = x Phi(x) written out."""
    h = RNG.normal(size=(2, 5, 6))
    adapter = Bottleneck(6, 3, generator("start"))
    assert not adapter.up.any()
    assert float(adapter.down.detach().abs().max()) <= 6**-0.5
    assert torch.equal(adapter(torch.from_numpy(h).float()), torch.from_numpy(h).float())
    with torch.no_grad():
        adapter.up.copy_(torch.from_numpy(RNG.normal(size=(6, 3))))
    down, up = adapter.down.detach().numpy().astype(float), adapter.up.detach().numpy()
    before = h @ down.T
    after = before * np.vectorize(lambda x: 0.5 * (1 + erf(x / 2**0.5)))(before)
    expected = h + after @ up.T
    ours = adapter(torch.from_numpy(h).float()).detach().numpy()
    assert np.allclose(ours, expected, atol=1e-5)


def test_adapters_begin_as_nothing_and_leave_no_trace(model: VideoModel) -> None:
    noisy, t, text = torch.randn(1, 4, 2, 8, 8), torch.tensor([9]), model.encode_text(["a cat"])
    plain, before = model.predict(noisy, t, text), base_state(model)
    with bottlenecks(model.unet, seed=1) as adapters, torch.no_grad():
        assert len(adapters) == 2 * 16
        assert not any("temp_attentions" in name for name in adapters)
        assert torch.equal(model.predict(noisy, t, text), plain)
        for name, value in adapters.items():
            value += 0.1 * name.endswith(".up")
        changed = model.predict(noisy, t, text)
        values = {name: value.detach().clone() for name, value in adapters.items()}
    assert not torch.equal(changed, plain)
    with applied(model, Tuned(bottlenecks=values)):
        assert torch.equal(model.predict(noisy, t, text), changed)
    assert torch.equal(model.predict(noisy, t, text), plain)
    after = base_state(model)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(module._forward_hooks for module in model.unet.modules())
    strange = {"elsewhere.down": torch.zeros(2, 2)}
    with (
        pytest.raises(ValueError, match="another base"),
        applied(model, Tuned(bottlenecks=strange)),
    ):
        pass  # pragma: no cover
    assert not any(module._forward_hooks for module in model.unet.modules())


def test_it_trains_what_its_card_says(
    model: VideoModel, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the rows alone, at one rate; then the adapters alone, at the other."""
    stages = []

    def watch(rated: Any, options: Any, loss: Any, on_step: Any) -> list[float]:
        ((rate, parameters),) = rated.items()
        stages.append(([tuple(p.shape) for p in parameters], options.steps, rate))
        return train(rated, options, loss, on_step)

    monkeypatch.setattr(fitting, "train", watch)
    options = override(quick(dreamvideo.DEFAULTS), ["steps=3"])
    steps: list[int] = []
    tuned = dreamvideo.fit(Bases(model), task, options, lambda: steps.append(1))
    assert len(steps) == options.fit_steps == 5
    (rows, first, rate), (shapes, second, slower) = stages
    assert rows == [(2, 16)]
    assert (first, rate, second, slower) == (3, 1e-4, 2, 1e-5)
    assert shapes == [tuple(value.shape) for value in tuned.bottlenecks.values()]
    assert tuned == Tuned(rows=tuned.rows, bottlenecks=tuned.bottlenecks)

    # What the first stage made of the rows is what the second kept.
    alone = override(options, ["adapter_steps=1"])
    assert all(
        torch.equal(value, tuned.rows[name])
        for name, value in dreamvideo.fit(Bases(model), task, alone, lambda: None).rows.items()
    )
    ups = {name: value for name, value in tuned.bottlenecks.items() if name.endswith(".up")}
    assert len(ups) == 16
    assert all(value.any() for value in ups.values())


def test_nothing_of_the_base_trains(
    model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted twice it is the same, and so is its video once reloaded; the base is as before."""
    needs = names_that_train(model, monkeypatch)
    tuned = try_method("dreamvideo", tmp_path, model)
    assert [name.rpartition(".")[2] for name in needs] == ["rows"]
    again, _ = load(tmp_path / "fit.safetensors")
    assert again.bottlenecks.keys() == tuned.bottlenecks.keys()
    assert len(again.bottlenecks) == 32


def test_the_adapters_change_the_video(model: VideoModel, task: Task) -> None:
    options = override(quick(dreamvideo.DEFAULTS), ["adapter_rate=0.1"])
    tuned = dreamvideo.fit(Bases(model), task, options, lambda: None)
    made = [
        dreamvideo.generate(Bases(model), fit, task, jobs(task, 1), options, lambda: None)
        for fit in (tuned, Tuned(rows=tuned.rows))
    ]
    assert not np.array_equal(*made)


def test_it_works_on_animatediff(tmp_path: Path) -> None:
    tuned = try_method("dreamvideo", tmp_path, tiny_animatediff())
    assert len(tuned.bottlenecks) == 32
    assert not any("motion_modules" in name for name in tuned.bottlenecks)


def test_a_step_at_full_size() -> None:
    """On the meta device: 16 pairs of matrices, as many numbers as the squares of the widths."""
    full = full_base("zeroscope-576w", "meta")
    image, masks = np.zeros((320, 576, 3), np.uint8), np.zeros((1, 320, 576), np.bool_)
    shown = [Example(image, masks, "a cat")] * 2
    with bottlenecks(full.unet) as adapters, trainable(list(adapters.values())):
        count = sum(value.numel() for value in adapters.values())
        assert count == 5 * 320**2 + 5 * 640**2 + 6 * 1280**2 == 12_390_400
        loss = reconstruction_loss(full, shown, [], DreamVideoOptions(), generator("full"))
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(
            value.grad is not None and value.grad.device.type == "meta"
            for value in adapters.values()
        )


def test_a_plan_counts_both_stages() -> None:
    suite = load_suite("mini")
    job = suite.jobs[0]
    video = suite.video
    assert video is not None
    longer = override(dreamvideo.DEFAULTS, ["adapter_steps=1600"])
    plan, other = (
        make_plan(suite, [PairWork(job.pair, (job,), (job,))], options, video, "zeroscope-576w")
        for options in (dreamvideo.DEFAULTS, longer)
    )
    assert (plan.training_steps, other.training_steps) == (3800, 4600)
    assert plan.gpu_hours is not None
    assert other.gpu_hours is not None
    assert other.gpu_hours > plan.gpu_hours


def test_a_bottleneck_is_no_wider_than_its_layer() -> None:
    with pytest.raises(UserError, match="bottleneck"):
        override(dreamvideo.DEFAULTS, ["bottleneck=1.5"])
