"""Stable Video Diffusion: equal to diffusers' own pipeline, loading, what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from customstudio.baselines.bases.animation import animate
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.image_to_video import ImageToVideo, reduced
from customstudio.baselines.bases.loading import load_animator
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.svd import SPECS
from customstudio.baselines.bases.tiny_svd import save_svd, tiny_svd
from customstudio.errors import UserError
from tests.baselines.conftest import off

FRAMES, HEIGHT, WIDTH = 3, 64, 128
RNG = np.random.default_rng(6)
IMAGES = RNG.integers(0, 256, (2, HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model() -> ImageToVideo:
    """The tiny base; nothing changes it."""
    return tiny_svd()


def noise(model: ImageToVideo) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (2, *model.latent_shape(FRAMES, HEIGHT, WIDTH))
    return (
        torch.randn(shape, generator=generator),
        torch.randn((2, 3, HEIGHT, WIDTH), generator=generator),
    )


@pytest.mark.filterwarnings("ignore")
def test_sampling_is_that_of_the_pipeline(
    model: ImageToVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents bit for bit, for one picture; each byte is the pipeline's value rounded."""
    import diffusers
    from diffusers.pipelines.stable_video_diffusion import (
        pipeline_stable_video_diffusion as published,
    )
    from transformers import CLIPImageProcessor

    pipeline = diffusers.StableVideoDiffusionPipeline(
        vae=model.vae, image_encoder=model.image_encoder, unet=model.unet,
        scheduler=diffusers.EulerDiscreteScheduler.from_config(model.schedule),
        feature_extractor=CLIPImageProcessor(),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    given, grain = noise(model)
    for index, image in enumerate(IMAGES):
        one = slice(index, index + 1)
        ours = animate(model, IMAGES[one], given[one], grain[one], steps=4, fps=8.0)
        monkeypatch.setattr(published, "randn_tensor", lambda *_, i=one, **__: grain[i])
        latents, frames = (
            pipeline(
                Image.fromarray(image), height=HEIGHT, width=WIDTH, num_frames=FRAMES,
                num_inference_steps=4, fps=8, output_type=kind,
                latents=given[one].permute(0, 2, 1, 3, 4),
            ).frames
            for kind in ("latent", "np")
        )  # fmt: skip
        assert torch.equal(ours.permute(0, 2, 1, 3, 4), latents)
        assert off(model.decode(ours), frames) <= 0.01


@pytest.mark.parametrize("size", [(64, 128), (576, 1024), (300, 250)])
def test_pictures_are_reduced_as_in_the_pipeline(size: tuple[int, int]) -> None:
    from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import (
        _resize_with_antialiasing,
    )

    pixels = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(3)) * 2 - 1
    theirs = _resize_with_antialiasing(pixels, (224, 224))
    assert torch.allclose(reduced(pixels), theirs, atol=1e-5)


ROUNDING = 2e-3
"""Of latents up to 1.6: SVD begins at sigma 700, where another order of a batch may round another
way; another picture moves them by 1.5."""


def test_a_picture_changes_its_own_video_alone(model: ImageToVideo) -> None:
    given, grain = noise(model)
    other = IMAGES.copy()
    other[1] = 255 - other[1]
    one, two = (animate(model, i, given, grain, steps=2, fps=8.0) for i in (IMAGES, other))
    assert torch.allclose(one[0], two[0], atol=1e-5 * float(one.abs().max()))
    assert (one[1] - two[1]).abs().max() > ROUNDING
    turned = animate(model, IMAGES[::-1].copy(), given.flip(0), grain.flip(0), steps=2, fps=8.0)
    assert torch.allclose(turned.flip(0), one, atol=ROUNDING)


def test_frames_depend_on_one_another(model: ImageToVideo) -> None:
    given, grain = noise(model)
    other = given.clone()
    other[:, :, 0] += 1
    one, two = (animate(model, IMAGES, n, grain, steps=1, fps=8.0) for n in (given, other))
    assert (one - two)[:, :, 2].abs().max() > 1e-6


@pytest.mark.parametrize("change", [{"fps": 12.0}, {"motion": 30}, {"guidance": 1.5}])
def test_conditions_change_the_video(model: ImageToVideo, change: dict[str, float]) -> None:
    given, grain = noise(model)
    one = animate(model, IMAGES, given, grain, steps=1, fps=8.0)
    two = animate(model, IMAGES, given, grain, steps=1, **{"fps": 8.0, **change})
    assert not torch.equal(one, two)


@pytest.mark.filterwarnings("ignore")
def test_the_published_layout_loads_to_the_same_bits(model: ImageToVideo, tmp_path: Path) -> None:
    save_svd(model, tmp_path)
    (found,) = locate(SPECS, tmp_path)
    again = load_animator(found)
    assert again.provenance.status == "random"
    assert len(again.provenance.sha256) == 3
    assert (again.mean, again.deviation) == (model.mean, model.deviation)
    given, grain = noise(model)
    one, two = (animate(m, IMAGES, given, grain, steps=2, fps=8.0) for m in (model, again))
    assert torch.equal(one, two)


def test_missing_files_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        locate(SPECS, tmp_path)
    text = str(caught.value)
    assert f"hf download {SPECS[0].repository} --revision {SPECS[0].revision} --include" in text
    assert "8 of 8 files, about 9.0 GB" in text
    assert "Community License" in text


def test_a_step_at_full_size() -> None:
    """On the meta device: the networks' sizes, four bytes each in the files, and the outputs'."""
    full = full_base("svd-xt", "meta")
    parts = {"unet": full.unet, "vae": full.vae, "image_encoder": full.image_encoder}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    assert counts == {"unet": 1_524_623_082, "vae": 97_742_847, "image_encoder": 632_076_800}
    stated = {f.names[0].split("/")[0]: f.megabytes for f in SPECS[0].files if f.weights}
    assert stated == {name: round(count * 4 / 1e6) for name, count in counts.items()}
    video = SPECS[0].video
    picture = np.zeros((1, video.height, video.width, 3), np.uint8)
    embeds = full.embed(picture)
    still = full.encode(picture, torch.zeros(1, 3, video.height, video.width))
    shape = (1, *full.latent_shape(video.frames, video.height, video.width))
    noisy, told = torch.zeros(shape, device="meta"), torch.zeros((1, 3), device="meta")
    with torch.no_grad():
        found = full.output(noisy, still, torch.zeros((), device="meta"), embeds, told)
    assert (embeds.shape, still.shape) == ((1, 1, 1024), (1, 4, 72, 128))
    assert found.shape == shape == (1, 4, 25, 72, 128)
    assert found.device.type == "meta"


def test_bfloat16_is_of_the_unet_alone(model: ImageToVideo) -> None:
    given, grain = noise(model)
    half = dataclasses.replace(model, autocast=True)
    one, two = (animate(m, IMAGES, given, grain, steps=1, fps=8.0) for m in (model, half))
    assert two.dtype == torch.float32
    assert torch.isfinite(two).all()
    assert not torch.equal(one, two)
    assert torch.equal(half.embed(IMAGES), model.embed(IMAGES))


def test_sizes_that_do_not_fit_are_refused(model: ImageToVideo) -> None:
    with pytest.raises(ValueError, match="multiples of 64"):
        model.latent_shape(2, 64, 100)
