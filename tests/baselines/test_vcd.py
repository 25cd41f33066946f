"""VCD: its noise prior, its tokens and its loss against NumPy, and what a fit changes."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from customstudio.baselines import sampling, vcd
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.tiny_stable_diffusion import tiny_animatediff
from customstudio.baselines.examples import Example
from customstudio.baselines.options import override
from customstudio.baselines.sampling import across_frames, job_noise
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import extended, initial_rows, token_rows
from customstudio.baselines.training import mean_inside, trainable
from customstudio.baselines.trial import try_method
from customstudio.baselines.tuned import Tuned
from customstudio.errors import UserError
from tests.baselines.conftest import jobs

GAMMA = 0.15
RNG = np.random.default_rng(4)


@pytest.fixture(scope="module")
def base() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def full() -> AnimateDiff:
    """Stable Diffusion 1.5 with motion modules at full size, without values."""
    model: AnimateDiff = full_base("animatediff", "meta")
    return model


def test_noise_covaries_between_frames_as_equation_4() -> None:
    """The matrix written out: 1, g, g^2, ... from the diagonal; the factor in NumPy."""
    frames = 5
    sigma = np.array([[GAMMA ** abs(m - n) for n in range(frames)] for m in range(frames)])
    white = torch.randn((2, frames, 3, 4), generator=torch.Generator().manual_seed(0))
    expected = np.einsum("mn,cnhw->cmhw", np.linalg.cholesky(sigma), white.double().numpy())
    assert np.allclose(across_frames(white, GAMMA).numpy(), expected, atol=1e-6)
    steps = np.eye(frames, dtype=np.float32).reshape(1, frames, 1, frames)
    factor = across_frames(torch.from_numpy(steps), GAMMA).numpy()[0, :, 0]
    assert np.allclose(factor @ factor.T, sigma, atol=1e-6)


def test_noise_has_unit_variance_and_the_stated_correlation() -> None:
    white = torch.randn((4, 16, 64, 64), generator=torch.Generator().manual_seed(1))
    found = np.cov(across_frames(white, GAMMA).transpose(0, 1).flatten(1).numpy())
    expected = GAMMA ** np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    assert np.abs(found - expected).max() < 0.04  # five standard errors of 16,384 numbers


def test_a_jobs_noise_has_the_prior_where_it_is_asked_for(task: Task) -> None:
    job, shape = jobs(task)[0], (4, 3, 8, 8)
    plain, prior = job_noise("mini", job, shape), job_noise("mini", job, shape, gamma=GAMMA)
    assert torch.equal(plain, job_noise("mini", job, shape, gamma=0.0))
    assert torch.equal(prior, across_frames(plain, GAMMA))
    assert torch.equal(prior[:, 0], plain[:, 0])
    assert not torch.equal(prior[:, 1], plain[:, 1])
    options = sampling.SamplingOptions(noise_gamma=GAMMA)
    many = sampling.noises(task, jobs(task), shape, options)
    again = job_noise(task.suite, job, shape, gamma=GAMMA)
    assert torch.equal(many[0], again)
    with pytest.raises(ValueError, match="noise_gamma"):
        sampling.SamplingOptions(noise_gamma=1.0)


def test_the_loss_is_the_mean_inside_the_mask(base: AnimateDiff, monkeypatch: Any) -> None:
    """Noise, times, masks and means worked out in NumPy, latent by latent."""
    monkeypatch.setattr(base, "output", lambda noisy, t, text: noisy * 0.5)
    images = RNG.integers(0, 256, (2, 32, 48, 3)).astype(np.uint8)
    masks = np.zeros((2, 2, 32, 48), np.bool_)
    masks[0, 0, 4:20, 10:30] = True
    masks[1, 1, 16:, :8] = True
    ours = [Example(i, m, "a <new1> cat") for i, m in zip(images, masks, strict=True)]
    with token_rows(base, initial_rows(base, ["cat"] * 4, "rare")):
        found = vcd.step_loss(Bases(base), ours, [], vcd.DEFAULTS, generator("loss"))
        open_ = override(vcd.DEFAULTS, ["masked=false"])
        unmasked = vcd.step_loss(Bases(base), ours, [], open_, generator("loss"))

    noise = generator("loss")
    z = base.encode_images(images, noise).numpy()[:, :, 0]
    t = torch.randint(1000, (2,), generator=noise).numpy()
    eps = torch.randn((2, 4, 1, 4, 6), generator=noise).numpy()[:, :, 0]
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)[t].reshape(2, 1, 1, 1)
    squares = (0.5 * (np.sqrt(kept) * z + np.sqrt(1 - kept) * eps) - eps) ** 2
    means = []
    for picture in range(2):
        above, below = 0.0, 0.0
        for y in range(4):
            for x in range(6):
                part = masks[picture].any(0)[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean()
                above += part * squares[picture, :, y, x].sum()
                below += part * 4
        means.append(above / below)
    assert float(found) == pytest.approx(np.mean(means), rel=1e-4)
    assert float(unmasked) == pytest.approx(squares.mean(), rel=1e-4)


def test_what_is_outside_a_mask_has_no_gradient() -> None:
    squares = torch.rand((2, 4, 1, 4, 6), generator=generator("squares"), requires_grad=True)
    masks = np.zeros((2, 32, 48), np.bool_)
    masks[0, 8:16, 8:24] = True
    found = mean_inside(squares, masks)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert squares.grad is not None
    inside = torch.zeros((2, 4, 1, 4, 6))
    inside[0, :, :, 1, 1:3] = 1 / 8
    assert torch.allclose(squares.grad, inside)
    assert found[1] == 0  # an empty mask


def test_prompts_name_all_tokens_of_a_subject(base: AnimateDiff) -> None:
    prompt = extended("a <new1> cat and a <new2> dog", 4)
    assert prompt == "a <new1> <new2> <new3> <new4> cat and a <new5> <new6> <new7> <new8> dog"
    assert extended("a cat", 4) == "a cat"
    with token_rows(base, initial_rows(base, ["cat"] * 4 + ["dog"] * 4, "rare")):
        ids = base.token_ids([prompt])[0]
        learnt = ids[ids >= base.vocabulary] - base.vocabulary
        assert learnt.tolist() == list(range(8))


def test_a_fit_is_four_rows_a_subject(base: AnimateDiff, tmp_path: Path) -> None:
    """Fitted twice it is the same, and so is its video once reloaded; the base is as before."""
    tuned = try_method("vcd", tmp_path, base)
    assert tuned == Tuned(rows=tuned.rows)
    assert set(tuned.rows) == {f"<new{n}>" for n in range(1, 9)}
    starts = initial_rows(base, ["cat"] * 4 + ["dog"] * 4, "rare")
    moved = [not torch.equal(tuned.rows[name], starts[name]) for name in starts]
    assert all(moved)
    with safe_open(tmp_path / "fit.safetensors", framework="pt") as file:
        assert len(file.keys()) == 8
    assert (tmp_path / "fit.safetensors").stat().st_size < 4096


def test_only_rows_train_at_full_size(full: AnimateDiff) -> None:
    """A step on the meta device: every row has a gradient, 3,072 numbers a subject."""
    image, masks = np.zeros((512, 512, 3), np.uint8), np.ones((2, 512, 512), np.bool_)
    ours = [Example(image, masks, "a <new1> cat"), Example(image, masks, "a <new2> dog")]
    rows = {f"<new{n}>": torch.zeros(768) for n in range(1, 9)}
    with token_rows(full, rows) as embedding, trainable([embedding.rows]):
        loss = vcd.step_loss(Bases(full), ours, [], vcd.DEFAULTS, generator("full"))
        loss.backward()  # type: ignore[no-untyped-call]
        assert loss.shape == ()
        assert embedding.rows.grad is not None
        parts = (full.unet, full.vae, full.text_encoder)
        training = [p for part in parts for p in part.parameters() if p.requires_grad]
        assert [p.shape for p in training] == [(8, 768)]
    assert embedding.rows.numel() == 2 * 3072


def test_the_prior_changes_the_video(base: AnimateDiff, task: Task) -> None:
    """On any method that samples; the first frame's noise is the same, the others' is not."""
    from customstudio.baselines import untuned

    options = override(untuned.DEFAULTS, ["sampling_steps=2"])
    prior = override(options, [f"noise_gamma={GAMMA}"])
    plain, other = (
        untuned.generate(Bases(base), Tuned(), task, jobs(task, 1), given, lambda: None)
        for given in (options, prior)
    )
    assert plain.shape == other.shape
    assert not np.array_equal(plain, other)


def test_missing_masks_are_an_error(base: AnimateDiff, task: Task) -> None:
    bare = [
        dataclasses.replace(
            s, references=tuple(r.model_copy(update={"mask": None}) for r in s.references)
        )
        for s in task.subjects
    ]
    without = dataclasses.replace(task, subjects=tuple(bare))
    options = override(vcd.DEFAULTS, ["steps=1"])
    assert options.needs_masks
    with pytest.raises(UserError, match="no mask"):
        vcd.fit(Bases(base), without, options, lambda: None)
    unmasked = override(options, ["masked=false"])
    assert not unmasked.needs_masks
    assert len(vcd.fit(Bases(base), without, unmasked, lambda: None).rows) == 8
