"""CustomCrafter: what trains, its loss, its sampler, the weight of its adapters in each step."""

from pathlib import Path

import numpy as np
import pytest
import torch
from peft.tuners.lora import LoraLayer

from customstudio.baselines import customcrafter
from customstudio.baselines.adapters import lora, weigh
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.customcrafter import CustomCrafterOptions
from customstudio.baselines.examples import Example
from customstudio.baselines.reconstruction import reconstruction_loss
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.trial import try_method
from customstudio.baselines.tuned import Tuned
from tests.baselines.conftest import jobs, names_that_train

RNG = np.random.default_rng(5)
KEPT = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
"""The products of alphas of the tiny base's schedule."""


def test_it_trains_what_its_card_says(
    model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adapters of 16 layers, two attentions, three projections, and two tokens; nothing else."""
    needs = names_that_train(model, monkeypatch)
    tuned = try_method("customcrafter", tmp_path, model)
    assert tuned.lora.keys() < needs
    assert [n.rpartition(".")[2] for n in needs - tuned.lora.keys()] == ["rows"]
    assert len(tuned.lora) == 16 * 2 * 3 * 2
    assert not any("to_out" in name or "temp" in name for name in tuned.lora)
    assert set(tuned.rows) == {"<new1>", "<new2>"}
    assert not tuned.weights
    assert (tmp_path / "fit.safetensors").stat().st_size < 200_000


def test_adapters_count_at_full_size() -> None:
    from diffusers import UNet3DConditionModel

    with torch.device("meta"):
        unet = UNet3DConditionModel()
    with lora(unet, rank=4, projections=("q", "k", "v")) as adapters:
        count = sum(p.numel() for p in adapters.values())
        assert {n for n, p in unet.named_parameters() if p.requires_grad} == adapters.keys()
    # r * (in + out) each, as in `test_methods`, without the outputs.
    channels = 5 * 320 + 5 * 640 + 6 * 1280
    assert count == 4 * (4 * 2 * channels + 2 * (channels + 16 * 1024)) == 630_272


def test_the_loss_is_equation_4(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is the same latents in each frame, each under its own noise; alpha is 0.7.

    Of the second picture, the left half counts: of three columns of latents one and a half.
    """
    seen = {}

    def output(noisy: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        seen.update(noisy=noisy.numpy(), t=t.numpy())
        return noisy * 0.5

    monkeypatch.setattr(model, "output", output)
    options = CustomCrafterOptions(prior_weight=0.7)
    masks = np.zeros((2, 16, 24), np.bool_)
    images = RNG.integers(0, 256, (4, 16, 24, 3)).astype(np.uint8)
    left = np.tile(np.arange(24) < 12, (16, 1))
    shown = [Example(image, masks, "a", left if i == 1 else None) for i, image in enumerate(images)]
    given = torch.Generator().manual_seed(5)
    loss = reconstruction_loss(model, shown[:2], shown[2:], options, given, 3)

    again = torch.Generator().manual_seed(5)
    z = np.tile(model.encode_images(images, again).numpy(), (1, 1, 3, 1, 1))
    t = torch.randint(1000, (4,), generator=again).numpy()
    eps = torch.randn(z.shape, generator=again).numpy()
    kept = KEPT[t][:, None, None, None, None]
    noisy = np.sqrt(kept) * z + np.sqrt(1 - kept) * eps
    assert noisy.shape[:3] == (4, 4, 3)
    assert np.allclose(seen["noisy"], noisy, atol=1e-5)
    squares = (0.5 * noisy - eps) ** 2
    errors = squares.reshape(4, -1).mean(1)
    first, second = squares[1, ..., 0].mean(), squares[1, ..., 1].mean()
    errors[1] = (first + 0.5 * second) / 1.5
    expected = errors[:2].mean() + 0.7 * errors[2:].mean()
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_ddim_is_its_equation_12(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "predict", lambda noisy, t, text: 0.3 * noisy + t[0] / 1000)
    noise = torch.randn(1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    ours = text_to_video(model, ["a"], noise, steps=5, guidance=1, solver="ddim")
    x = noise.numpy().astype(float)
    for t in (800, 600, 400, 200, 0):
        eps = 0.3 * x + t / 1000
        before = KEPT[t - 200] if t else 1.0
        start = (x - np.sqrt(1 - KEPT[t]) * eps) / np.sqrt(KEPT[t])
        x = np.sqrt(before) * start + np.sqrt(1 - before) * eps
    assert np.allclose(ours.numpy(), x, atol=1e-4)


def test_a_weight_scales_the_adapters(model: VideoModel) -> None:
    """W0 + lambda * B A: half of it is B halved, none of it the base."""
    noisy, t, text = torch.randn(1, 4, 2, 8, 8), torch.tensor([9]), model.encode_text(["a cat"])
    plain = model.predict(noisy, t, text)
    with lora(model.unet, projections=("q", "k", "v")) as adapters, torch.no_grad():
        for parameter in adapters.values():
            parameter += 0.1
        weigh(model.unet, 0.0)
        assert torch.equal(model.predict(noisy, t, text), plain)
        weigh(model.unet, 0.5)
        half = model.predict(noisy, t, text)
        weigh(model.unet, 1.0)
        for name, parameter in adapters.items():
            parameter *= 0.5 if "lora_B" in name else 1
        assert torch.allclose(model.predict(noisy, t, text), half, atol=1e-5)
        assert not torch.allclose(half, plain, atol=1e-5)


def test_the_weight_is_low_for_the_first_steps(
    model: VideoModel, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[float]] = []
    plain = model.predict

    def predict(*given: torch.Tensor) -> torch.Tensor:
        seen.append({x for m in model.unet.modules() if isinstance(m, LoraLayer)
                     for x in m.scaling.values()})  # fmt: skip
        return plain(*given)

    with lora(model.unet, projections=("q", "k", "v")) as adapters:
        tuned = Tuned(lora={name: p.detach().clone() for name, p in adapters.items()})
    tuned.rows.update({f"<new{n}>": torch.zeros(16) for n in (1, 2)})
    monkeypatch.setattr(model, "predict", predict)
    options = CustomCrafterOptions(sampling_steps=5, early_steps=2)
    for _ in range(2):  # a second video starts low again
        customcrafter.generate(Bases(model), tuned, task, jobs(task, 1), options, lambda: None)
    assert seen == [{0.4}, {0.4}, {0.8}, {0.8}, {0.8}] * 2
