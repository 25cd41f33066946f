"""VideoMaker's reference frame: attention, losses and guidance against NumPy computations."""

import re
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.animatediff_model import AnimateDiff, without_motion
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.tiny_stable_diffusion import tiny_animatediff
from customstudio.baselines.parameters import motion, self_attention
from customstudio.baselines.reference_frame import injecting, losses, predictor
from customstudio.baselines.seeds import generator

FRAMES = 3
LINEAR = np.cumprod(1 - np.linspace(0.00085, 0.012, 1000))
"""The share of signal left at each time, on AnimateDiff's schedule."""


@pytest.fixture(scope="module")
def base() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


def drawn(*shape: int, name: str) -> Tensor:
    return torch.randn(shape, generator=generator(name))


def attention(module: Any, tokens: NDArray[Any]) -> NDArray[Any]:
    """Softmax(Q K^T / sqrt(d)) V of one sequence of tokens, head by head, and the output's map."""
    weights = {n: p.detach().double().numpy() for n, p in module.named_parameters()}
    query, key, value = (tokens @ weights[f"to_{n}.weight"].T for n in "qkv")
    mixed = []
    for q, k, v in zip(
        *(np.split(a, module.heads, axis=1) for a in (query, key, value)), strict=True
    ):
        scores = np.exp(q @ k.T / np.sqrt(q.shape[1]))
        mixed.append(scores / scores.sum(1, keepdims=True) @ v)
    return np.concatenate(mixed, 1) @ weights["to_out.0.weight"].T + weights["to_out.0.bias"]


@pytest.mark.parametrize("place", [0, 7, -1])
def test_attention_is_equation_2(base: AnimateDiff, place: int) -> None:
    """Frame by frame: 2 h w tokens, halves taken apart, the reference's mean over its copies."""
    module = list(self_attention(base.unet).values())[place]
    positions, channels = 6, module.to_q.in_features
    x = drawn(2, FRAMES + 1, positions, channels, name="x")
    with injecting(base.unet, FRAMES):
        found = module(x.flatten(0, 1)).detach().unflatten(0, (2, FRAMES + 1))
    for video in range(2):
        frames = x[video].double().numpy()
        mixed = [attention(module, np.concatenate([frames[n], frames[-1]])) for n in range(FRAMES)]
        own = [part[:positions] for part in mixed]
        reference = sum(part[positions:] for part in mixed) / FRAMES
        assert np.allclose(found[video].numpy(), np.stack([*own, reference]), atol=1e-5)


def test_all_spatial_self_attention_is_injected_and_no_other(base: AnimateDiff) -> None:
    before = dict(base.unet.attn_processors)
    with injecting(base.unet, FRAMES):
        after = dict(base.unet.attn_processors)
    changed = {name for name in before if before[name] is not after[name]}
    assert len(changed) == 16
    assert all(re.search(r"\.attentions\.\d+\..*\.attn1\.processor$", name) for name in changed)
    assert all(before[name] is base.unet.attn_processors[name] for name in before)


def test_the_losses_are_those_of_the_paper(base: AnimateDiff, monkeypatch: Any) -> None:
    """Times, noises, equations 1, 3 and 4 in NumPy; the second reference is dropped."""
    seen: list[Tensor] = []

    def half(noisy: Tensor, t: Tensor, text: Tensor) -> Tensor:
        seen.append(noisy)
        return noisy * 0.5

    monkeypatch.setattr(base, "output", half)
    clean, reference = drawn(2, 4, FRAMES, 4, 5, name="z"), drawn(2, 4, 1, 4, 5, name="r")
    text = base.encode_text(["a cat", "a dog"])
    kept = torch.tensor([True, False])
    found = losses(base, clean, reference, text, kept, generator("losses"), alpha=0.01)

    noise = generator("losses")
    t = torch.randint(1000, (2,), generator=noise).numpy()
    eps, reminder = (
        torch.randn(shape, generator=noise).double().numpy()
        for shape in (clean.shape, reference.shape)
    )
    kept_at = LINEAR[t].reshape(2, 1, 1, 1, 1)
    z_t = np.sqrt(kept_at) * clean.numpy() + np.sqrt(1 - kept_at) * eps
    early = int(0.01 * t[0])
    r_t = np.sqrt(LINEAR[early]) * reference.numpy() + np.sqrt(1 - LINEAR[early]) * reminder
    r_t[1] = 0
    assert np.allclose(seen[0].numpy(), np.concatenate([z_t, r_t], 2), atol=1e-4)
    assert float(found[0]) == pytest.approx(np.mean((0.5 * z_t - eps) ** 2), rel=1e-4)
    assert float(found[1]) == pytest.approx(np.mean((0.5 * r_t[0] - reminder[0]) ** 2), rel=1e-4)
    none = losses(base, clean, reference, text, ~kept & ~kept.flip(0), generator("losses"))
    assert float(none[1]) == 0


def test_velocity_is_on_the_schedule_of_videos(
    base: AnimateDiff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that knows both velocities has no loss, though the reference is one frame."""
    monkeypatch.setitem(base.schedule, "prediction_type", "v_prediction")
    clean, reference = drawn(1, 4, FRAMES, 4, 5, name="z"), drawn(1, 4, 1, 4, 5, name="r")
    noise = generator("velocity")
    t = int(torch.randint(1000, (1,), generator=noise))
    both = []
    for latents, time in ((clean, t), (reference, int(0.01 * t))):
        eps = torch.randn(latents.shape, generator=noise)
        both.append(LINEAR[time] ** 0.5 * eps - (1 - LINEAR[time]) ** 0.5 * latents)
    monkeypatch.setattr(base, "output", lambda *_: torch.cat(both, 2).float())
    text = base.encode_text(["a cat"])
    found = losses(base, clean, reference, text, torch.ones(1).bool(), generator("velocity"))
    assert max(map(float, found)) < 1e-6


def test_guidance_is_equation_6(base: AnimateDiff, monkeypatch: Any) -> None:
    """w eps(z, text, r) + (1 - w) eps(z): the other half has neither text nor reference."""
    calls: list[tuple[Tensor, Tensor]] = []

    def known(noisy: Tensor, t: Tensor, text: Tensor) -> Tensor:
        calls.append((noisy, text))
        return noisy + text.mean((1, 2))[:, None, None, None, None] + noisy[:, :, -1:].mean()

    monkeypatch.setattr(base, "predict", known)
    noise, references = drawn(2, 4, FRAMES, 4, 4, name="z"), drawn(2, 4, 1, 4, 4, name="r")
    guided = text_to_video(
        base, ["a cat", "a dog"], noise, steps=1, guidance=8.0, solver="ddim",
        spacing="trailing", predict=predictor(base, references),
    )  # fmt: skip
    ((noisy, text),) = calls
    assert torch.equal(noisy[:, :, :-1], torch.cat([noise, noise]))
    assert torch.equal(noisy[:, :, -1:], torch.cat([torch.zeros_like(references), references]))
    assert torch.equal(text, base.encode_text(["", "", "a cat", "a dog"]))
    said = known(noisy, torch.zeros(4), text)[:, :, :-1].double().numpy()
    eps = 8.0 * said[2:] + (1 - 8.0) * said[:2]
    clean = (noise.numpy() - np.sqrt(1 - LINEAR[999]) * eps) / np.sqrt(LINEAR[999])
    assert np.allclose(guided.numpy(), clean, rtol=1e-3)  # the one step goes to the end


@pytest.mark.filterwarnings("ignore")
def test_ddim_with_linear_spacing_is_that_of_the_pipeline(base: AnimateDiff) -> None:
    import diffusers

    scheduler = diffusers.DDIMScheduler.from_config(
        {**base.schedule, "beta_schedule": "linear", "clip_sample": False,
         "timestep_spacing": "linspace"}
    )  # fmt: skip
    pipeline = diffusers.AnimateDiffPipeline(
        vae=base.vae, text_encoder=base.text_encoder, tokenizer=base.tokenizer, unet=base.unet,
        motion_adapter=None, scheduler=scheduler,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    noise = drawn(1, *base.latent_shape(FRAMES, 32, 32), name="noise")
    theirs = pipeline(
        "a cat", num_inference_steps=3, guidance_scale=8.0, num_frames=FRAMES, height=32, width=32,
        latents=noise, output_type="latent",
    ).frames  # fmt: skip
    ours = text_to_video(
        base, ["a cat"], noise, steps=3, guidance=8.0, solver="ddim", spacing="linspace"
    )
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_frames_and_the_reference_see_each_other(base: AnimateDiff) -> None:
    """Motion modules left out: without injection a frame that moves changes nothing but itself."""
    latents = drawn(1, 4, FRAMES + 1, 8, 8, name="z")
    text = base.encode_text(["a cat"]).repeat_interleave(FRAMES + 1, dim=0)

    def say(given: Tensor, injected: bool) -> Tensor:
        attention = injecting(base.unet, FRAMES) if injected else nullcontext()
        with torch.no_grad(), attention, without_motion(base.unet):
            found: Tensor = base.unet(given, torch.tensor([500]), text).sample
        return found

    for moved in (1, FRAMES):
        other = latents.clone()
        other[:, :, moved] += 1
        for injected in (False, True):
            far = (say(other, injected) - say(latents, injected)).abs().amax((0, 1, 3, 4)) > 1e-5
            assert far.tolist() == [injected or frame == moved for frame in range(FRAMES + 1)]


def test_parameters_count_at_full_size() -> None:
    """Of spatial self-attention 4 c^2 + c a layer: 5 layers of 320, 5 of 640, 6 of 1280.

    The third version of the motion adapter has no module in the middle.
    """
    from diffusers import UNetMotionModel

    with torch.device("meta"):
        second, third = (
            UNetMotionModel(cross_attention_dim=768, use_motion_mid_block=middle)
            for middle in (True, False)
        )
    of_attention = [p for module in self_attention(second).values() for p in module.parameters()]
    layers = (320,) * 5 + (640,) * 5 + (1280,) * 6
    assert len(of_attention) == 5 * 16
    assert sum(p.numel() for p in of_attention) == sum(4 * c * c + c for c in layers) == 49_574_080
    counted = [sum(p.numel() for p in motion(unet).values()) for unet in (second, third)]
    assert counted == [453_209_280, 417_137_600]
    assert [len(motion(unet)) for unet in (second, third)] == [546, 520]
    assert all(".motion_modules." in name for name in motion(second))
