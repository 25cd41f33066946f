"""Text2Video-Zero: moved latents and attention to the first frame, equal to diffusers' own."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from customstudio.baselines.adapters import lora
from customstudio.baselines.bases import tiny
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.text2video_zero import SPECS
from customstudio.baselines.bases.text2video_zero_model import Motion, Text2VideoZero, shifted
from customstudio.baselines.bases.tiny_stable_diffusion import tiny_text2video_zero
from customstudio.baselines.parameters import projections
from customstudio.baselines.trial import try_method
from customstudio.errors import UserError
from tests.baselines.conftest import having

PROMPTS = ["a cat on a beach", "a dog"]
FITTED = ("dreambooth", "lora", "custom_diffusion", "textual_inversion", "untuned")


@pytest.fixture(scope="module")
def model() -> Text2VideoZero:
    """The tiny base, which predicts velocity: whatever changes it must put it back."""
    return tiny_text2video_zero()


def noise(model: Text2VideoZero, frames: int = 3) -> torch.Tensor:
    shape = (2, *model.latent_shape(frames, 32, 48))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def published() -> Any:
    """The module of diffusers' own pipeline."""
    diffusers = having("TextToVideoZeroPipeline")
    return import_module(diffusers.TextToVideoZeroPipeline.__module__)


@pytest.mark.parametrize("motion", [Motion(), Motion(t0=38, t1=40)])
def test_the_first_frame_moves_before_all_are_noised_again(motion: Motion) -> None:
    """With any number of steps: else frames after the first have no noise of their own."""
    assert motion.left(50) == (motion.t0 + 1, motion.t1 + 1)
    for steps in range(2, 60):
        t0, t1 = motion.left(steps)
        assert 1 <= t0 < t1 <= steps
        assert abs(t0 - (motion.t0 + 1) * steps / 50) < 1.5
        assert abs(t1 - (motion.t1 + 1) * steps / 50) <= 0.5
    assert motion.left(1) == (1, 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_sampling_is_that_of_the_pipeline(predicts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One prompt at a time, since the pipeline knows no more; relative to the largest latent."""
    import diffusers

    model = tiny_text2video_zero(predicts=predicts)
    model.motion = Motion(t0=3, t1=4, of=6)
    pipeline = diffusers.TextToVideoZeroPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(model.schedule),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    given, counted = noise(model), []
    ours = text_to_video(
        model, PROMPTS, given, steps=6, guidance=7.5, on_step=lambda: counted.append(1)
    )
    assert len(counted) == 6
    for video, prompt, frames in zip(ours, PROMPTS, given, strict=True):
        later = frames[:, 1:].permute(1, 0, 2, 3)
        monkeypatch.setattr(published(), "randn_tensor", lambda *_, later=later, **__: later)
        theirs = pipeline(
            prompt, video_length=3, height=32, width=48, num_inference_steps=6, guidance_scale=7.5,
            latents=frames[None, :, 0], t0=3, t1=4, output_type="latent",
        ).images  # fmt: skip
        far = (video.permute(1, 0, 2, 3) - theirs).abs().max() / theirs.abs().max()
        assert float(far) < 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [(4, 6), (40, 64), (8, 8)])
@pytest.mark.parametrize("strength", [12.0, -30.0, 100.0])
def test_latents_move_as_the_pipeline_moves_them(size: tuple[int, int], strength: float) -> None:
    latents = torch.randn((1, 4, 1, *size), generator=torch.Generator().manual_seed(2))
    frames = [1, 2, 5]
    theirs = published().create_motion_field_and_warp_latents(
        strength, 12.0, frames, latents[:, :, 0].repeat(3, 1, 1, 1)
    )
    ours = [shifted(latents, strength * frame, 12.0 * frame)[0, :, 0] for frame in frames]
    assert torch.equal(torch.stack(ours), theirs)


def test_every_frame_looks_at_the_first_and_at_no_other(model: Text2VideoZero) -> None:
    before = {name: id(p) for name, p in model.unet.attn_processors.items()}
    latents, t, text = noise(model), torch.tensor([10, 900]), model.encode_text(PROMPTS)

    def changed(frame: int) -> list[bool]:
        other = latents.clone()
        other[:, :, frame] += 1
        moved = (model.predict(other, t, text) - model.predict(latents, t, text)).abs()
        return [bool(part > 1e-5) for part in moved.amax(dim=(0, 1, 3, 4))]

    with torch.no_grad():
        assert changed(0) == [True, True, True]
        assert changed(1) == [False, True, False]
    assert {name: id(p) for name, p in model.unet.attn_processors.items()} == before


def test_a_single_frame_is_stable_diffusion(model: Text2VideoZero) -> None:
    latents, t, text = noise(model, frames=1), torch.tensor([10, 900]), model.encode_text(PROMPTS)
    with torch.no_grad():
        theirs = model.unet(latents[:, :, 0], t, text).sample
        assert torch.equal(model.output(latents, t, text)[:, :, 0], theirs)


def test_the_order_of_a_batch_changes_nothing(model: Text2VideoZero) -> None:
    given = noise(model)
    one = text_to_video(model, PROMPTS, given, steps=3, guidance=7.5)
    two = text_to_video(model, PROMPTS[::-1], given.flip(0), steps=3, guidance=7.5).flip(0)
    assert torch.equal(one, two)


@pytest.mark.parametrize("name", FITTED)
def test_methods_work_on_it(name: str, model: Text2VideoZero, tmp_path: Path) -> None:
    """The base is as before, a fit reloads bit for bit, videos do not depend on the order."""
    tuned = try_method(name, tmp_path, model)
    assert len(tuned.weights) == (32 if name == "custom_diffusion" else 0)
    assert len(tuned.lora) == (256 if name in ("dreambooth", "lora") else 0)


def test_parameters_count_at_full_size() -> None:
    """Of Stable Diffusion 2.1: 12,480 channels, 1024 numbers of text."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
        )
    assert sum(parameter.numel() for parameter in unet.parameters()) == 865_910_724
    for layers in ("spatial", "spatial+temporal"):
        weights = projections(unet, "kv", layers)
        assert sum(w.numel() for w in weights.values()) == 2 * 12_480 * 1024 == 25_559_040
    with lora(unet, rank=4) as adapters:
        assert sum(parameter.numel() for parameter in adapters.values()) == 829_952


@pytest.mark.filterwarnings("ignore")
def test_the_published_layout_loads_to_the_same_bits(model: Text2VideoZero, tmp_path: Path) -> None:
    tiny.save(model, tmp_path)
    (found,) = locate(SPECS, tmp_path)
    again = load_base(found)
    assert isinstance(again, Text2VideoZero)
    assert again.schedule["prediction_type"] == "v_prediction"
    assert len(again.provenance.sha256) == 3
    one, two = (
        text_to_video(base, PROMPTS, noise(model), steps=1, guidance=2) for base in (model, again)
    )
    assert torch.equal(one, two)


def test_missing_files_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        locate(SPECS, tmp_path)
    text = str(caught.value)
    assert f"hf download {SPECS[0].repository} --include" in text
    assert "10 of 10 files, about 5.2 GB" in text
