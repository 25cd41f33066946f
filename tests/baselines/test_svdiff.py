"""SVDiff: equation 2 and its gradient, what trains, what a fit leaves, cut and mixed pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines import spectral
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.examples import Example
from customstudio.baselines.reconstruction import reconstruction_loss
from customstudio.baselines.seeds import generator
from customstudio.baselines.svdiff import SvdiffOptions, generate, who
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.training import trainable
from customstudio.baselines.trial import base_state, try_method
from customstudio.baselines.tuned import load
from tests.baselines.conftest import jobs, names_that_train

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 3, 3, 3)])
def test_a_shift_is_equation_2(shape: tuple[int, ...]) -> None:
    """U diag(ReLU(sigma + delta)) V^T; the gradient is that of each singular direction."""
    w = RNG.normal(size=shape).astype(np.float32)
    u, sigma, vt = np.linalg.svd(w.reshape(shape[0], -1).astype(float), full_matrices=False)
    delta = RNG.normal(size=sigma.shape)
    delta[-1] = -2 * sigma[-1]
    expected = (u * np.maximum(sigma + delta, 0)) @ vt
    of = spectral.spectrum(torch.from_numpy(w))
    given = torch.tensor(delta, dtype=torch.float32, requires_grad=True)
    ours = spectral.shifted(torch.from_numpy(w), of, given)
    assert np.allclose(ours.detach().numpy().reshape(shape[0], -1), expected, atol=1e-5)
    g = RNG.normal(size=shape).astype(np.float32)
    ours.backward(torch.from_numpy(g))  # type: ignore[no-untyped-call]
    slope = np.diag(u.T @ g.reshape(shape[0], -1) @ vt.T) * (sigma + delta > 0)
    assert given.grad is not None
    assert np.allclose(given.grad.numpy(), slope, atol=1e-4)


def test_shifts_start_as_nothing_and_leave_no_trace(model: VideoModel) -> None:
    noisy, t, text = torch.randn(1, 4, 2, 8, 8), torch.tensor([9]), model.encode_text(["a cat"])
    plain, before = model.predict(noisy, t, text), base_state(model)
    with spectral.shifting(model.unet, "spatial+temporal") as shifts, torch.no_grad():
        assert torch.equal(model.predict(noisy, t, text), plain)
        for delta in shifts.values():
            delta += 0.1
        changed = model.predict(noisy, t, text)
        values = {name: delta.detach().clone() for name, delta in shifts.items()}
    assert torch.equal(model.predict(noisy, t, text), plain)
    after = base_state(model)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(p.requires_grad for p in model.unet.parameters())
    weights = spectral.moved(model.unet, values)
    assert weights.keys() == values.keys()
    assert not torch.equal(changed, plain)


def test_it_trains_what_its_card_says(
    model: VideoModel, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = names_that_train(model, monkeypatch)
    tuned = try_method("svdiff", tmp_path, model)
    assert needs == {
        f"{place}.parametrizations.{own}.0.delta"
        for place, _, own in (name.rpartition(".") for name in tuned.shifts)
    }
    assert not any("temp" in name or "transformer_in" in name for name in tuned.shifts)
    assert not tuned.weights
    assert not tuned.lora
    moved = sum(bool(delta.any()) for delta in tuned.shifts.values())
    assert moved > 0.9 * len(tuned.shifts)

    # Read from disk, with singular vectors computed anew: the same video, bit for bit.
    again, _ = load(tmp_path / "fit.safetensors")
    options = SvdiffOptions(sampling_steps=1)
    made = []
    for fit in (tuned, again):
        spectral._known.clear()
        made.append(generate(Bases(model), fit, task, jobs(task, 1), options, lambda: None))
    assert np.array_equal(*made)


def test_two_subjects_are_mixed_as_often_as_said() -> None:
    rng = np.random.default_rng(0)
    drawn = [who(3, 0.6, rng) for _ in range(1000)]
    assert 0.55 < np.mean([len(w) == 2 for w in drawn]) < 0.65
    assert all(len(set(w)) == len(w) for w in drawn)
    assert {tuple(w) for w in drawn} == {
        *((a,) for a in range(3)), *((a, b) for a in range(3) for b in range(3) if a != b),
    }  # fmt: skip
    assert {len(who(1, 0.6, rng)) for _ in range(50)} == {1}


def test_a_step_at_full_size() -> None:
    """On the meta device: as many shifts as Stable Diffusion's UNet has singular values."""
    from diffusers import UNet2DConditionModel

    full = full_base("zeroscope-576w", "meta")
    with torch.device("meta"):
        plain = UNet2DConditionModel(cross_attention_dim=1024)
    values = sum(min(len(p), p[0].numel()) for p in plain.parameters() if p.ndim > 1)
    image, masks = np.zeros((320, 576, 3), np.uint8), np.zeros((2, 320, 576), np.bool_)
    shown = [Example(image, masks, "a ktn cat")]
    with spectral.shifting(full.unet, "spatial") as shifts, trainable(list(shifts.values())):
        assert sum(delta.numel() for delta in shifts.values()) == values == 225_768
        loss = reconstruction_loss(full, shown, shown, SvdiffOptions(), generator("full"))
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(d.grad is not None and d.grad.device.type == "meta" for d in shifts.values())
