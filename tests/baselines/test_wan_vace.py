"""Wan VACE: diffusers' own pipeline, its references, and its frames as the suite has them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from customstudio.baselines import catalog, wan_vace
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.native import brought, native
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.tiny_wan_vace import save_wan_vace, tiny_wan_vace
from customstudio.baselines.bases.wan_vace import SPECS
from customstudio.baselines.bases.wan_vace_model import WanVace
from customstudio.baselines.options import override
from customstudio.baselines.sampling import job_noise
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.trial import base_state, drawn_jobs, try_method
from customstudio.baselines.wan_vace import NEGATIVE, WanVaceOptions
from customstudio.errors import UserError
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.records import Settings
from customstudio.generation.runner import run
from customstudio.media.masks import load_mask
from customstudio.media.video import read_video
from customstudio.suites.load import load_suite
from customstudio.suites.schema import VideoSpec
from tests.baselines.conftest import off
from tests.generation.test_generate import Silent

QUICK = ("sampling_steps=2",)
SUITE = VideoSpec(frames=24, fps=8, width=576, height=320)
WAN = SPECS[0].video


@pytest.fixture(scope="module")
def model() -> WanVace:
    """The tiny base: nothing changes it."""
    return tiny_wan_vace()


def made(model: WanVace, task: Task, *changes: str) -> Any:
    options = override(WanVaceOptions(), [*QUICK, *changes])
    return wan_vace.generate(
        Bases(model), wan_vace.fit(Bases(model), task, options, print), task, drawn_jobs(task),
        options, lambda: None,
    )  # fmt: skip


def apart(one: Any, two: Any) -> int:
    """The largest difference, of 255."""
    return int(np.abs(one.astype(int) - two.astype(int)).max())


@pytest.mark.filterwarnings("ignore")
def test_it_is_the_pipeline(model: WanVace, task: Task) -> None:
    """Called directly, on pictures cut out by hand: the first of each subject, on white.

    8 frames a second from 16: of 5 frames, the first, third and fifth. The latents of two reference
    images come before the two of 5 frames.
    """
    import diffusers

    pipeline = diffusers.WanVACEPipeline(
        tokenizer=model.tokenizer, text_encoder=model.text_encoder, vae=model.vae,
        transformer=model.transformer,
        scheduler=diffusers.UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=16.0
        ),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    pictures = []
    for subject in task.subjects:
        reference = subject.references[0]
        image = np.asarray(Image.open(reference.path).convert("RGB")).copy()
        assert reference.mask is not None
        inside = load_mask(reference.mask, (40, 48))
        image[~inside] = 255
        y, x = np.nonzero(inside)
        pictures.append(Image.fromarray(image[y.min() : y.max() + 1, x.min() : x.max() + 1]))
    videos = made(model, task)
    assert videos.shape == (2, 3, 64, 64, 3)
    for video, job in zip(videos, drawn_jobs(task), strict=True):
        noise = job_noise("mini", job, (16, 4, 8, 8))
        theirs = pipeline(
            prompt="a cat and a dog", negative_prompt=NEGATIVE, reference_images=pictures[::-1],
            height=64, width=64, num_frames=5, num_inference_steps=2, guidance_scale=5.0,
            latents=noise[None], output_type="np",
        ).frames[0]  # fmt: skip
        assert off(video, theirs[::2]) <= 0.01


def test_references_are_encoded_in_the_order_of_the_pair(
    model: WanVace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black and a white picture: the black one's latents come first."""
    seen: list[torch.Tensor] = []
    forward = model.transformer.forward

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["control_hidden_states"])
        return forward(*args, **kwargs)

    monkeypatch.setattr(model.transformer, "forward", spy)
    video = VideoSpec(frames=5, fps=16, width=32, height=32)
    how = wan_vace_denoising(steps=1)
    pictures = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    noise = torch.randn(model.latent_shape(video, 2), generator=torch.Generator().manual_seed(0))
    model.sample("a cat", pictures, noise, video, how)
    mean, std = (torch.tensor(getattr(model.vae.config, f"latents_{n}")) for n in ("mean", "std"))
    for place, value in enumerate((-1.0, 1.0)):
        pixels = torch.full((1, 3, 1, 32, 32), value)
        own = model.vae.encode(pixels).latent_dist.mode()[0, :, 0]
        own = (own - mean[:, None, None]) / std[:, None, None]
        assert torch.allclose(seen[0][0, :16, place], own, atol=1e-5)


def wan_vace_denoising(**changes: Any) -> Any:
    from customstudio.baselines.bases.wan_vace_model import Denoising

    plain: dict[str, Any] = {
        "steps": 2, "guidance": 5.0, "flow_shift": 3.0, "context": 1.0, "negative": "",
    }  # fmt: skip
    return Denoising(**{**plain, **changes})


@pytest.mark.parametrize(
    "changes",
    [("remove_background=false",), ("crop=false",), ("context_weight=0",), ("flow_shift=3",),
     ("negative_prompt=red",), ("guidance=1",), ("length=base",),
     ("size=base",)],
)  # fmt: skip
def test_each_option_shows(model: WanVace, task: Task, changes: tuple[str, ...]) -> None:
    assert apart(made(model, task), made(model, task, *changes)) > 0


WHOLE = ("remove_background=false", "crop=false")
"""The two pictures of a subject differ in their backgrounds alone."""


def test_the_reference_images_show(model: WanVace, task: Task) -> None:
    """Another picture of one subject; the other order; without the weight of VACE, neither."""
    first, second = task.subjects
    other = replace(task, subjects=(first, replace(second, references=second.references[::-1])))
    turned = replace(task, subjects=(second, first))
    plain = made(model, task, *WHOLE)
    assert apart(plain, made(model, other, *WHOLE)) > 0
    assert apart(plain, made(model, turned, *WHOLE)) > 0
    without = [made(model, t, *WHOLE, "context_weight=0") for t in (task, other)]
    assert apart(*without) == 0


def test_several_references_of_a_subject(model: WanVace, task: Task) -> None:
    """Each is a frame of latents of its own; of too many for the video, it is said."""
    longer = replace(task, video=VideoSpec(frames=8, fps=8, width=32, height=32))
    assert apart(*(made(model, longer, *WHOLE, f"references={n}") for n in (1, 2))) > 0
    assert apart(*(made(model, longer, *WHOLE, f"references={n}") for n in (2, 9))) == 0
    with pytest.raises(UserError, match="4 reference images for a video of 2 frames of latents"):
        made(model, task, "references=2")
    spec, short = SPECS[0], VideoSpec(frames=8, fps=8, width=576, height=320)
    for references, counts, refused in ((2, [9, 9], False), (3, [3, 3], True), (9, [2, 2], False)):
        options = override(WanVaceOptions(), [f"references={references}"])
        found = options.problems(spec, short, {"a+b": counts})
        # 8 frames are 17 of Wan's, 5 of its latents; no subject has more than all its references.
        assert [("than the 5 that" in problem.what) for problem in found] == [True] * refused


def test_references_are_the_first_or_drawn_by_the_job(task: Task) -> None:
    pictures = [[f"{subject.id} {n}" for n in range(5)] for subject in task.subjects]

    def shown(*changes: str) -> list[list[str]]:
        options = override(WanVaceOptions(), ["crop=false", *changes])
        jobs = drawn_jobs(task, 6)
        own: Any = [[SimpleNamespace(image=text) for text in texts] for texts in pictures]
        return [wan_vace.references(own, task, job, options) for job in jobs]  # type: ignore[misc]

    assert shown() == [["pet_cat 0", "pet_dog 0"]] * 6
    assert shown("references=2")[0] == ["pet_cat 0", "pet_cat 1", "pet_dog 0", "pet_dog 1"]
    drawn = shown("pick=job")
    assert len({tuple(images) for images in drawn}) > 1
    assert drawn == shown("pick=job")
    assert all(cat.startswith("pet_cat") and dog.startswith("pet_dog") for cat, dog in drawn)


def test_it_does_what_a_method_must(model: WanVace, tmp_path: Path) -> None:
    """The base stays as it is; videos do not depend on the order of jobs."""
    tuned = try_method("wan_vace", tmp_path, model)
    assert not tuned.rows
    assert not tuned.weights


def test_the_base_makes_what_lasts_as_long(model: WanVace) -> None:
    both: dict[str, Any] = {"size": "suite", "length": "suite"}
    mini = VideoSpec(frames=8, fps=8, width=64, height=64)
    assert native(mini, WAN, **both).frames == 17
    assert native(WAN, WAN, **both) == WAN
    same = native(WAN, WAN, size="base", length="base")
    assert same == WAN
    numbered = (
        np.zeros((49, 4, 6, 3), np.uint8) + np.arange(49, dtype=np.uint8)[:, None, None, None]
    )
    kept = brought(numbered, 16, replace_size(SUITE, 6, 4))
    assert kept[:, 0, 0, 0].tolist() == list(range(0, 48, 2))
    # 12 a second of 16: the frames at 0, 1.33, 2.67 and 4.
    four = VideoSpec(frames=4, fps=12, width=6, height=4)
    assert brought(numbered, 16, four)[:, 0, 0, 0].tolist() == [0, 1, 3, 4]


def replace_size(video: VideoSpec, width: int, height: int) -> VideoSpec:
    return video.model_copy(update={"width": width, "height": height})


def test_a_frame_is_scaled_and_cut_not_stretched() -> None:
    """A square on a wider frame stays one."""
    frame = np.zeros((1, 40, 80, 3), np.uint8)
    frame[:, 10:30, 30:50] = 255
    (small,) = brought(frame, 1, VideoSpec(frames=1, fps=1, width=20, height=20))
    inside = small[..., 0] > 127
    assert (inside.any(0).sum(), inside.any(1).sum()) == (10, 10)


@pytest.mark.parametrize(
    ("video", "words"),
    [(VideoSpec(frames=49, fps=8, width=64, height=64), "49 frames at 8"),
     (VideoSpec(frames=8, fps=8, width=64, height=72), "multiples of 16")],
)  # fmt: skip
def test_videos_that_do_not_fit_are_refused(video: VideoSpec, words: str) -> None:
    with pytest.raises(UserError, match=words):
        native(video, WAN, size="suite", length="suite")
    assert native(VideoSpec(frames=8, fps=8, width=64, height=72), WAN, size="base", length="suite")


def test_a_generation_records_what_was_made(model: WanVace, tmp_path: Path) -> None:
    save_wan_vace(model, tmp_path / "base")
    mini = load_suite("mini")
    pair = next(iter(mini.pairs))
    template = mini.pairs[pair].template_set
    prompts = [p for p in mini.prompts.values() if p.template_set == template][:1]
    small = mini.model_copy(update={
        "pairs": {pair: mini.pairs[pair]}, "prompts": {p.id: p for p in prompts},
    })  # fmt: skip
    request = Request(
        small, "wan_vace", tmp_path / "out", ("sampling_steps=1", "negative_prompt=bad"),
        base_folder=tmp_path / "base", device="cpu", batch=2,
    )  # fmt: skip
    progress = Silent()
    outcome = run(prepare(request), progress)
    assert (outcome.made, outcome.failures) == (len(small.jobs), [])
    assert progress.steps == progress.total
    settings = Settings.model_validate_json((tmp_path / "out/generation.json").read_bytes())
    assert settings.native == VideoSpec(frames=17, fps=16, width=64, height=64)
    assert settings.base is not None
    assert settings.base.base == "wan-vace-1.3b"
    assert settings.base.status == "random"
    assert sorted(settings.base.sha256) == [
        "text_encoder/model.safetensors", "transformer/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]  # fmt: skip
    video = read_video(tmp_path / "out" / f"{small.jobs[0].id}.mp4")
    assert video.frames.shape == (8, 64, 64, 3)
    assert video.fps == pytest.approx(8)


@pytest.mark.filterwarnings("ignore")
def test_a_saved_base_loads_to_the_same_bits(model: WanVace, tmp_path: Path) -> None:
    """Also the embedding of the text encoder, which some versions of transformers leave at zero."""
    save_wan_vace(model, tmp_path)
    (found,) = locate([SPECS[0]], tmp_path)
    again = load_base(found)
    assert isinstance(again, WanVace)
    assert again.video == WAN
    ours, theirs = base_state(model), base_state(again)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert again.text_encoder.encoder.embed_tokens is again.text_encoder.shared
    half = load_base(found, autocast=True)
    kinds = {name: part.dtype for name, part in half.networks.items()}
    assert kinds == {
        "transformer": torch.bfloat16, "vae": torch.float32, "text_encoder": torch.bfloat16,
    }  # fmt: skip
    video, picture = VideoSpec(frames=5, fps=16, width=32, height=32), np.zeros((32, 32, 3), "u1")
    noise = torch.randn(model.latent_shape(video, 1), generator=torch.Generator().manual_seed(0))
    one, two, three = (
        base.sample("a cat", [picture], noise, video, wan_vace_denoising())
        for base in (model, again, half)
    )
    assert np.array_equal(one, two)
    assert 0 < np.abs(one.astype(int) - three).mean() < 5


def test_missing_files_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        locate(SPECS)
    text = str(caught.value)
    assert "2 model(s)" in text
    assert f"hf download Wan-AI/Wan2.1-VACE-1.3B-diffusers --revision {SPECS[0].revision}" in text
    assert "19.0 GB" in text
    assert "Apache-2.0" in text


def test_sizes_at_full_width() -> None:
    """Parameters, and the bytes that they are in the files of the listing."""
    from diffusers import WanVACETransformer3DModel

    full = full_base("wan-vace-1.3b", "meta")
    small, vae, text = full.transformer, full.vae, full.text_encoder
    with torch.device("meta"):
        large = WanVACETransformer3DModel()
    counts = [sum(p.numel() for p in part.parameters()) for part in (small, large, vae, text)]
    assert counts == [2_153_972_032, 17_337_592_896, 126_892_531, 5_680_910_336]
    vace = [sum(p.numel() for n, p in m.named_parameters() if "vace" in n) for m in (small, large)]
    assert vace == [734_975_232, 3_049_101_312]
    sizes = [4 * (whole - own) + 2 * own for whole, own in zip(counts, vace, strict=False)]
    files = [sum(f.megabytes or 0 for f in s.files if "transformer/" in f.names[0]) for s in SPECS]
    assert [size / 1e6 for size in sizes] == pytest.approx(files, rel=1e-3)
    texts = sum(f.megabytes or 0 for f in SPECS[0].files if "text_encoder/" in f.names[0])
    assert 2 * counts[3] / 1e6 == pytest.approx(texts, rel=1e-3)
    assert 4 * counts[2] / 1e6 == pytest.approx(508, rel=1e-2)


def test_methods_and_bases_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    for method, base in (("lora", "wan-vace-1.3b"), ("wan_vace", "animatediff")):
        with pytest.raises(UserError, match=f"{method} cannot use base {base}") as caught:
            prepare(Request(load_suite("mini"), method, tmp_path, base=base))
        assert base not in caught.value.fix
    catalog.require_fit("wan_vace", "wan-vace-14b")
    catalog.require_fit("static_reference", "none")
