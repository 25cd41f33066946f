"""Base models: shapes, loading, sampling equal to diffusers' own pipelines, missing weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines.bases.reading import load
from customstudio.baselines.bases.sampler import text_to_video, video_to_video
from customstudio.baselines.bases.spec import BaseFile, Repository
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.bases.zeroscope import SPECS
from customstudio.errors import UserError
from tests.baselines.conftest import having, off

PROMPTS = ["a cat on a beach", "a dog"]


def noise(model: VideoModel, batch: int = 2, frames: int = 3) -> torch.Tensor:
    shape = (batch, *model.latent_shape(frames, 32, 48))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_the_tiny_base_has_the_full_topology(model: VideoModel) -> None:
    from diffusers import UNet3DConditionModel

    with torch.device("meta"):
        full = UNet3DConditionModel()
    assert sorted(full.attn_processors) == sorted(model.unet.attn_processors)
    assert len(full.attn_processors) == 66
    assert model.provenance.status == "random"


def test_frames_of_a_video_depend_on_one_another(model: VideoModel) -> None:
    start = noise(model)
    other = start.clone()
    other[:, :, 0] += 1
    once = text_to_video(model, PROMPTS, start, steps=1, guidance=1)
    twice = text_to_video(model, PROMPTS, other, steps=1, guidance=1)
    assert (once - twice)[:, :, 2].abs().max() > 1e-6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_sampling_is_that_of_the_pipeline(
    model: VideoModel, predicts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte is the pipeline's value rounded; velocity goes by way of the noise."""
    monkeypatch.setitem(model.schedule, "prediction_type", predicts)
    diffusers = having("TextToVideoSDPipeline")
    pipeline = diffusers.TextToVideoSDPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(model.schedule),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        PROMPTS, num_inference_steps=4, guidance_scale=9.0, num_frames=3, height=32, width=48,
        latents=noise(model), output_type="np",
    ).frames  # fmt: skip
    ours = model.decode(text_to_video(model, PROMPTS, noise(model), steps=4, guidance=9.0))
    assert ours.shape == (2, 3, 32, 48, 3)
    assert off(ours, theirs) <= 0.01


def test_noise_and_velocity_are_one_estimate(
    model: VideoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that knows the velocity knows the noise: v = sqrt(a) eps - sqrt(1 - a) z."""
    monkeypatch.setitem(model.schedule, "prediction_type", "v_prediction")
    rng = np.random.default_rng(0)
    clean, eps = rng.standard_normal((2, 2, 4, 1, 4, 6))
    t = torch.tensor([10, 990])
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    a = np.cumprod(1 - betas)[t.numpy()].reshape(2, 1, 1, 1, 1)
    noisy, v = a**0.5 * clean + (1 - a) ** 0.5 * eps, a**0.5 * eps - (1 - a) ** 0.5 * clean
    as_tensor = [torch.from_numpy(x).float() for x in (clean, eps, noisy, v)]
    assert torch.allclose(model.target(as_tensor[0], as_tensor[1], t), as_tensor[3], atol=1e-4)
    monkeypatch.setattr(VideoModel, "output", lambda *_: as_tensor[3])
    assert torch.allclose(model.predict(as_tensor[2], t, eps), as_tensor[1], atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_video_to_video_is_that_of_the_pipeline(
    model: VideoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    diffusers = having("VideoToVideoSDPipeline")
    pipeline = diffusers.VideoToVideoSDPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        scheduler=diffusers.DPMSolverMultistepScheduler.from_config(model.schedule),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(0)
    videos = rng.integers(0, 256, (2, 3, 32, 48, 3)).astype(np.uint8)
    # The pipeline takes latents as they are: hand it ours, and the same noise.
    start = torch.cat([model.encode_images(v).permute(2, 1, 0, 3, 4) for v in videos])
    given = noise(model)
    flat = given.permute(0, 2, 1, 3, 4).flatten(0, 1)
    module = __import__(diffusers.VideoToVideoSDPipeline.__module__, fromlist=["randn_tensor"])
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: flat)
    monkeypatch.setattr(pipeline.video_processor, "preprocess_video", lambda video: video)
    monkeypatch.setattr(
        pipeline.scheduler, "add_noise",
        lambda x, n, t: diffusers.DPMSolverMultistepScheduler.add_noise(
            pipeline.scheduler, x, n, t[:1].repeat(len(x))
        ),
    )  # fmt: skip
    theirs = pipeline(
        PROMPTS, video=start, strength=0.6, num_inference_steps=5, guidance_scale=9.0,
        output_type="latent",
    ).frames  # fmt: skip
    ours = video_to_video(model, PROMPTS, videos, given, steps=5, strength=0.6, guidance=9.0)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_video_to_video_by_ddim_is_its_equation(model: VideoModel) -> None:
    """Song et al., equation 12 with sigma 0, in NumPy, for the last two steps of four."""
    rng = np.random.default_rng(0)
    videos, given = rng.integers(0, 256, (1, 3, 32, 48, 3)).astype(np.uint8), noise(model)[:1]
    ours = video_to_video(
        model, PROMPTS[:1], videos, given, steps=4, strength=0.5, guidance=1.0, solver="ddim"
    )
    signals = model.noising.alphas_cumprod.double().numpy()
    text = model.encode_text(PROMPTS[:1])
    start = model.encode_images(videos[0]).permute(2, 1, 0, 3, 4).double().numpy()
    x = signals[250] ** 0.5 * start + (1 - signals[250]) ** 0.5 * given.double().numpy()
    with torch.no_grad():
        for t, after in ((250, signals[0]), (0, 1.0)):
            noisy = torch.from_numpy(x).float()
            eps = model.predict(noisy, torch.tensor([t]), text).double().numpy()
            clean = (x - (1 - signals[t]) ** 0.5 * eps) / signals[t] ** 0.5
            x = after**0.5 * clean + (1 - after) ** 0.5 * eps
    assert np.allclose(ours.numpy(), x, atol=1e-4)


def test_every_repository_must_be_at_its_revision(tmp_path: Path) -> None:
    """As `hf download` notes it, in each folder that it fetched into."""
    adapter = Repository(name="x/y", revision="b" * 40, folder="motion", include=(), licence="none")
    files = tuple(BaseFile(names=(name,), weights=True) for name in ("unet/a", "motion/b"))
    spec = SPECS[0].model_copy(update={"files": files, "revision": "a" * 40, "others": (adapter,)})
    for root, name, commit in ((tmp_path, "unet/a", "a"), (tmp_path / "motion", "b", "b")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"values")
        note = root / ".cache/huggingface/download" / f"{name}.metadata"
        note.parent.mkdir(parents=True)
        note.write_text(commit * 40 + "\n")
    assert locate([spec], tmp_path)[0].provenance().status == "published revision"
    note.write_text("c" * 40 + "\n")
    assert locate([spec], tmp_path)[0].provenance().status == "unrecorded"
    note.unlink()
    assert locate([spec], tmp_path)[0].provenance().status == "unrecorded"


def test_a_saved_base_loads_to_the_same_bits(model: VideoModel, tiny_folder: Path) -> None:
    (found,) = locate([SPECS[0]], tiny_folder)
    again = load(found)
    assert again.provenance.status == "random"
    assert len(again.provenance.sha256) == 3
    for part in ("unet", "vae", "text_encoder"):
        ours, theirs = getattr(model, part).state_dict(), getattr(again, part).state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    one = text_to_video(model, PROMPTS, noise(model), steps=2, guidance=2)
    two = text_to_video(again, PROMPTS, noise(model), steps=2, guidance=2)
    assert torch.equal(one, two)


def test_a_base_of_bin_files_loads_without_a_warning(
    model: VideoModel, tiny_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As the published one: `.bin` weights, and the schedule's keys are those of another class."""
    from safetensors.torch import load_file

    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    for name, old in (
        ("unet/diffusion_pytorch_model", "unet/diffusion_pytorch_model"),
        ("vae/diffusion_pytorch_model", "vae/diffusion_pytorch_model"),
        ("text_encoder/model", "text_encoder/pytorch_model"),
    ):
        file = tmp_path / f"{name}.safetensors"
        torch.save(load_file(file), tmp_path / f"{old}.bin")
        file.unlink()
    config = tmp_path / "scheduler" / "scheduler_config.json"
    given = json.loads(config.read_text())
    config.write_text(json.dumps({**given, "set_alpha_to_one": False, "skip_prk_steps": True}))
    (found,) = locate([SPECS[0]], tmp_path)
    again = load(found)
    for part in ("unet", "vae", "text_encoder"):
        ours, theirs = getattr(model, part).state_dict(), getattr(again, part).state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    one = text_to_video(again, PROMPTS, noise(model), steps=1, guidance=2)
    assert torch.equal(one, text_to_video(model, PROMPTS, noise(model), steps=1, guidance=2))
    assert len(again.noising.alphas_cumprod) == 1000
    assert "not expected" not in caplog.text


def test_missing_bases_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        locate(SPECS)
    text = str(caught.value)
    assert "2 model(s)" in text
    for spec in SPECS:
        assert f"hf download {spec.repository}" in text
        assert spec.id in text
    assert text.count("CC BY-NC 4.0") == 2
    assert "3.7 GB" in text
    assert f"--revision {SPECS[0].revision}" in text


def test_sides_that_do_not_fit_are_refused(model: VideoModel) -> None:
    with pytest.raises(UserError, match="multiples of 8"):
        model.latent_shape(1, 30, 48)
