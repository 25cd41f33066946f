"""AnimateDiff on SDXL: two text encoders and sizes; equal to diffusers' own pipelines."""

from pathlib import Path
from typing import Any

import pytest
import torch

from customstudio.baselines import catalog
from customstudio.baselines.adapters import lora
from customstudio.baselines.bases.animatediff_xl import SPECS
from customstudio.baselines.bases.animatediff_xl_model import AnimateDiffXL
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.tiny_stable_diffusion import (
    save_animatediff,
    stable_diffusion,
    tiny_animatediff,
    tiny_animatediff_xl,
)
from customstudio.baselines.bases.tiny_svd import tiny_svd
from customstudio.baselines.parameters import motion, projections
from customstudio.baselines.tokens import initial_rows, token_rows
from customstudio.baselines.trial import base_state, try_method
from customstudio.errors import UserError
from tests.baselines.conftest import off

PROMPTS = ["a cat on a beach", "a dog"]
METHODS = (
    "untuned", "lora", "dreambooth", "custom_diffusion", "textual_inversion", "customvideo",
    "customcrafter", "svdiff", "vcd", "dreamvideo", "videodreamer", "disendiff_svd",
)  # fmt: skip
CHANGES = {"videodreamer": ("visual=false",), "disendiff_svd": ("level=2",)}


@pytest.fixture(scope="module")
def model() -> AnimateDiffXL:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff_xl()


def noise(model: AnimateDiffXL, frames: int = 3) -> torch.Tensor:
    shape = (2, *model.latent_shape(frames, 32, 48))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def parts(model: AnimateDiffXL) -> dict[str, Any]:
    return {
        "vae": model.vae, "text_encoder": model.text_encoder, "tokenizer": model.tokenizer,
        "text_encoder_2": model.text_encoder_2, "tokenizer_2": model.tokenizer_2,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("negative", [None, "ugly"])
def test_sampling_is_that_of_the_pipeline(model: AnimateDiffXL, negative: str | None) -> None:
    """Its schedule as the adapter's page has it; without a negative prompt, it takes zeros."""
    import diffusers

    linear = {**model.schedule, "beta_schedule": "linear", "timestep_spacing": "linspace"}
    pipeline = diffusers.AnimateDiffSDXLPipeline(
        **parts(model), unet=model.unet, motion_adapter=None,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(linear),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    given: dict[str, Any] = {
        "negative_prompt": negative and [negative] * 2, "num_inference_steps": 4,
        "guidance_scale": 5.0, "num_frames": 3, "height": 32, "width": 48,
    }  # fmt: skip
    theirs = pipeline(PROMPTS, latents=noise(model), output_type="latent", **given).frames
    ours = text_to_video(
        model, PROMPTS, noise(model), steps=4, guidance=5.0, negative=negative or ""
    )
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-5 * float(theirs.abs().max()))
    frames = pipeline(PROMPTS, latents=noise(model), output_type="np", **given).frames
    assert off(model.decode(ours), frames) <= 0.01


@pytest.mark.filterwarnings("ignore")
def test_a_single_frame_is_stable_diffusion_xl(model: AnimateDiffXL) -> None:
    """Bit for bit: the prediction, and an image made by diffusers' own pipeline."""
    import diffusers

    plain, t = stable_diffusion(model), torch.tensor([10, 900])
    latents = noise(model, frames=1)
    pipeline = diffusers.StableDiffusionXLPipeline(
        **parts(model), unet=plain, add_watermarker=False,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(model.schedule),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    text, _, pooled, _ = pipeline.encode_prompt(PROMPTS, do_classifier_free_guidance=False)
    sizes = torch.tensor([[32.0, 48.0, 0.0, 0.0, 32.0, 48.0]] * 2)
    with torch.no_grad():
        theirs = plain(
            latents[:, :, 0], t, text, added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes}
        ).sample
    assert torch.equal(model.predict(latents, t, model.encode_text(PROMPTS))[:, :, 0], theirs)
    made = pipeline(
        PROMPTS, num_inference_steps=3, guidance_scale=5.0, height=32, width=48,
        latents=latents[:, :, 0], output_type="latent",
    ).images  # fmt: skip
    ours = text_to_video(model, PROMPTS, latents, steps=3, guidance=5.0)
    assert torch.equal(ours[:, :, 0], made)


def test_each_condition_shows(model: AnimateDiffXL) -> None:
    """The first encoder's states, the second's, and the pooled text."""
    text, t = model.encode_text(PROMPTS), torch.tensor([500, 500])
    assert text.shape == (2, 78, 32)
    plain = model.predict(noise(model), t, text)
    for rows, columns in (
        (slice(77), slice(16)), (slice(77), slice(16, 32)), (slice(77, 78), slice(16)),
    ):  # fmt: skip
        other = text.clone()
        other[:, rows, columns] = 0
        assert (model.predict(noise(model), t, other) - plain).abs().max() > 1e-6
    other = text.clone()
    other[:, 77, 16:] = 1
    assert torch.equal(model.predict(noise(model), t, other), plain), (
        "what is filled up is not used"
    )


def test_a_token_is_a_word_of_both_encoders(model: AnimateDiffXL) -> None:
    """With the rows of a word's embeddings, it is that word: also where the text is pooled."""
    rows = initial_rows(model, ["x"], "noun")
    first, second = (encoder.get_input_embeddings().weight for _, encoder in model.encoders)
    ids = model.tokenizer("x", add_special_tokens=False).input_ids
    assert rows["<new1>"].shape == (32,)
    assert torch.equal(rows["<new1>"], torch.cat([first[ids[0]], second[ids[0]]]))
    plain = model.encode_text(["a x cat", "a dog"])
    with token_rows(model, rows) as embedding:
        found = model.encode_text(["a <new1> cat", "a dog"])
        assert torch.allclose(found, plain, atol=1e-6)
        embedding.rows.requires_grad_(True)
        text = model.encode_text(["a <new1> cat"])
        for part, which in (
            (text[:, :77, :16], [True, False]), (text[:, :77, 16:], [False, True]),
            (text[:, 77], [False, True]),
        ):  # fmt: skip
            (slope,) = torch.autograd.grad(part.square().sum(), embedding.rows, retain_graph=True)
            assert [bool(slope[:, :16].any()), bool(slope[:, 16:].any())] == which
    assert [e.get_input_embeddings().weight.shape[1] for _, e in model.encoders] == [16, 16]


def test_rows_of_another_base_are_refused(model: AnimateDiffXL) -> None:
    rows = initial_rows(tiny_animatediff(), ["x"], "noun")
    with pytest.raises(ValueError, match="rows of 16 numbers, not 32"), token_rows(model, rows):
        pass


@pytest.mark.parametrize("name", METHODS)
def test_methods_work_on_it(name: str, model: AnimateDiffXL, tmp_path: Path) -> None:
    """The base is as before, a fit reloads bit for bit, videos do not depend on the order."""
    animator = tiny_svd() if name == "disendiff_svd" else None
    tuned = try_method(name, tmp_path, model, CHANGES.get(name, ()), animator=animator)
    keys = (*tuned.weights, *tuned.lora, *tuned.shifts)
    assert name == "customvideo" or not any("motion_modules" in key for key in keys)
    assert all(row.shape == (32,) for row in tuned.rows.values())
    # 2 x 2 + 2 x 3 transformer blocks on the way down, 3 x 3 + 3 x 2 on the way up, 3 between.
    blocks = 4 + 6 + 9 + 6 + 3
    if name in ("dreambooth", "lora"):
        assert len(tuned.lora) == blocks * 2 * 4 * 2
    if name == "custom_diffusion":
        assert len(tuned.weights) == blocks * 2


def test_videos_and_single_frames_are_noised_on_their_own_schedules(model: AnimateDiffXL) -> None:
    assert model.schedule_of(1) == model.schedule
    assert model.schedule["timestep_spacing"] == "leading"
    video = model.schedule_of(3)
    assert (video["beta_schedule"], video["timestep_spacing"]) == ("linear", "linspace")


def test_parameters_count_at_full_size() -> None:
    """Keys and values of 70 blocks from 2,048 numbers of text: 10 of 640 channels, 60 of 1,280."""
    full = full_base("animatediff-sdxl", "meta")
    unet, text = full.unet, full.text_encoder_2
    moving = sum(p.numel() for p in motion(unet).values())
    # Its own vocabulary in the place of ours.
    words = (49_408 - full.vocabulary) * 1280
    counts = [sum(p.numel() for p in unet.parameters()) - moving, moving]
    counts += [sum(p.numel() for p in text.parameters()) + words]
    assert counts == [2_567_463_684, 236_779_200, 694_659_840]
    spatial = projections(unet, "kv", "spatial")
    assert len(spatial) == 140
    channels = 10 * 640 + 60 * 1280
    assert sum(weight.numel() for weight in spatial.values()) == 2 * channels * 2048 == 340_787_200
    with lora(unet, rank=4) as adapters:
        # r * (in + out): eight times both sides, but keys and values of attn2 read 2,048 numbers.
        assert sum(p.numel() for p in adapters.values()) == 4 * (14 * channels + 2 * 70 * 2048)
        assert sum(p.numel() for p in adapters.values()) == 5_806_080
    sizes = {f.names[0].split("/")[0]: f.megabytes for f in SPECS[0].files if f.weights}
    assert sizes["unet"] == pytest.approx(4 * counts[0] / 1e6, rel=1e-3)
    assert sizes["motion_adapter"] == pytest.approx(4 * counts[1] / 1e6, rel=3e-3)
    assert sizes["text_encoder_2"] == pytest.approx(4 * counts[2] / 1e6, rel=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_the_published_layout_loads_to_the_same_bits(model: AnimateDiffXL, tmp_path: Path) -> None:
    save_animatediff(model, tmp_path)
    (found,) = locate(SPECS, tmp_path)
    again = load_base(found)
    assert isinstance(again, AnimateDiffXL)
    assert again.provenance.status == "random"
    assert len(again.provenance.sha256) == 5
    ours, theirs = base_state(model), base_state(again)
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
    assert "'text_encoder_2/model.safetensors'" in text
    assert "'unet/diffusion_pytorch_model.safetensors'" in text
    assert f"hf download {SPECS[0].repository} --revision {SPECS[0].revision}" in text
    assert "hf download guoyww/animatediff-motion-adapter-sdxl-beta --include" in text
    assert "14.8 GB" in text


def test_guidance_is_the_pipelines() -> None:
    assert catalog.defaults("lora", "animatediff-sdxl").model_dump()["guidance"] == 5.0
