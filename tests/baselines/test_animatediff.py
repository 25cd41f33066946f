"""AnimateDiff: motion for videos, Stable Diffusion for single frames; equal to diffusers' own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines import catalog
from customstudio.baselines.adapters import lora
from customstudio.baselines.bases.animatediff import SPECS
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.tiny_stable_diffusion import (
    save_animatediff,
    stable_diffusion,
    tiny_animatediff,
)
from customstudio.baselines.parameters import projections
from customstudio.baselines.trial import try_method
from customstudio.errors import UserError
from tests.baselines.conftest import off

PROMPTS = ["a cat on a beach", "a dog"]
FITTED = ("dreambooth", "lora", "custom_diffusion", "textual_inversion", "untuned")


@pytest.fixture(scope="module")
def model() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


def noise(model: AnimateDiff, frames: int = 3) -> torch.Tensor:
    shape = (2, *model.latent_shape(frames, 32, 48))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.filterwarnings("ignore")
def test_sampling_is_that_of_the_pipeline(model: AnimateDiff) -> None:
    """On the linear schedule, as the adapter's card has it."""
    import diffusers

    linear = {**model.schedule, "beta_schedule": "linear"}
    pipeline = diffusers.AnimateDiffPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        motion_adapter=None,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(linear),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        PROMPTS, num_inference_steps=4, guidance_scale=7.5, num_frames=3, height=32, width=48,
        latents=noise(model), output_type="np",
    ).frames  # fmt: skip
    ours = model.decode(text_to_video(model, PROMPTS, noise(model), steps=4, guidance=7.5))
    assert ours.shape == (2, 3, 32, 48, 3)
    assert off(ours, theirs) <= 0.01


@pytest.mark.filterwarnings("ignore")
def test_a_single_frame_is_stable_diffusion(model: AnimateDiff) -> None:
    """Bit for bit: the prediction, and an image made by diffusers' own pipeline."""
    import diffusers

    plain, t = stable_diffusion(model), torch.tensor([10, 900])
    latents, text = noise(model, frames=1), model.encode_text(PROMPTS)
    with torch.no_grad():
        theirs = plain(latents[:, :, 0], t, text).sample
    assert torch.equal(model.predict(latents, t, text)[:, :, 0], theirs)
    assert not any("forward" in vars(module) for module in model.unet.modules())
    pipeline = diffusers.StableDiffusionPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=plain,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(model.schedule),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        PROMPTS, num_inference_steps=3, guidance_scale=7.5, height=32, width=48,
        latents=latents[:, :, 0], output_type="latent",
    ).images  # fmt: skip
    ours = text_to_video(model, PROMPTS, latents, steps=3, guidance=7.5)
    assert torch.equal(ours[:, :, 0], made)


def test_frames_of_a_video_depend_on_one_another(model: AnimateDiff) -> None:
    start = noise(model)
    other = start.clone()
    other[:, :, 0] += 1
    once, twice = (
        text_to_video(model, PROMPTS, given, steps=1, guidance=1) for given in (start, other)
    )
    assert (once - twice)[:, :, 2].abs().max() > 1e-6


def test_videos_and_single_frames_are_noised_on_their_own_schedules(model: AnimateDiff) -> None:
    linear = np.cumprod(1 - np.linspace(0.00085, 0.012, 1000))
    scaled = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    for frames, alphas in ((1, scaled), (3, linear)):
        assert np.allclose(model.noising_of(frames).alphas_cumprod.numpy(), alphas, atol=1e-5)


def test_the_order_of_a_batch_changes_nothing(model: AnimateDiff) -> None:
    given = noise(model)
    one = text_to_video(model, PROMPTS, given, steps=3, guidance=7.5)
    two = text_to_video(model, PROMPTS[::-1], given.flip(0), steps=3, guidance=7.5).flip(0)
    assert torch.equal(one, two)


@pytest.mark.parametrize("name", FITTED)
def test_methods_work_on_it(name: str, model: AnimateDiff, tmp_path: Path) -> None:
    """The base is as before, a fit reloads bit for bit, videos do not depend on the order."""
    tuned = try_method(name, tmp_path, model)
    assert not any("motion_modules" in key for key in (*tuned.weights, *tuned.lora))
    assert len(tuned.weights) == (32 if name == "custom_diffusion" else 0)
    assert len(tuned.lora) == (256 if name in ("dreambooth", "lora") else 0)


def test_parameters_count_at_full_size() -> None:
    """Keys and values of 12,480 channels from 768 numbers of text; LoRA as for Stable Diffusion."""
    from diffusers import UNetMotionModel

    with torch.device("meta"):
        unet = UNetMotionModel(cross_attention_dim=768)
    spatial = projections(unet, "kv", "spatial")
    assert len(spatial) == 32
    assert sum(weight.numel() for weight in spatial.values()) == 2 * 12_480 * 768 == 19_169_280
    both = projections(unet, "kv", "spatial+temporal").keys() - spatial.keys()
    assert len(both) == 2 * 21
    assert all(".motion_modules." in name for name in both)
    with lora(unet, rank=4) as adapters:
        assert sum(parameter.numel() for parameter in adapters.values()) == 797_184
    motion = sum(p.numel() for name, p in unet.named_parameters() if ".motion_modules." in name)
    whole = sum(parameter.numel() for parameter in unet.parameters())
    assert (whole - motion, motion) == (859_520_964, 453_209_280)


@pytest.mark.filterwarnings("ignore")
def test_the_published_layout_loads_to_the_same_bits(model: AnimateDiff, tmp_path: Path) -> None:
    save_animatediff(model, tmp_path)
    (found,) = locate([SPECS[0]], tmp_path)
    again = load_base(found)
    assert isinstance(again, AnimateDiff)
    assert again.provenance.status == "random"
    assert len(again.provenance.sha256) == 4
    ours, theirs = model.unet.state_dict(), again.unet.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    one, two = (
        text_to_video(base, PROMPTS, noise(model), steps=1, guidance=2) for base in (model, again)
    )
    assert torch.equal(one, two)


def test_missing_files_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        locate(SPECS, tmp_path)
    text = str(caught.value)
    assert "3 model(s)" in text
    for spec in SPECS:
        at = f" --revision {spec.revision}" if spec.revision else ""
        include = "--include 'scheduler/scheduler_config.json'"
        assert f"hf download {spec.repository}{at} {include}" in text
    assert "hf download guoyww/animatediff-motion-adapter-v1-5-2 --revision 6167b88f" in text
    assert f"--local-dir {tmp_path / 'motion_adapter'}" in text
    assert "'motion_adapter/" not in text
    assert "6.1 GB" in text
    assert "RAIL-M" in text


def test_longer_videos_than_the_motion_modules_know_are_refused(model: AnimateDiff) -> None:
    with pytest.raises(UserError, match="33 frames"):
        model.latent_shape(33, 32, 48)
    assert catalog.base("animatediff").video.frames <= 32
