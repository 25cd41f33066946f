"""Face VCD and Tiled VCD: what is found, cut out, noised, pasted back; everything else stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from customstudio.baselines import redrawing, sampling, vcd
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.sampler import video_to_video
from customstudio.baselines.bases.tiny_stable_diffusion import tiny_animatediff
from customstudio.baselines.face_tracks import track_faces
from customstudio.baselines.options import override
from customstudio.baselines.redrawing import feathered, window
from customstudio.baselines.sampling import enlarge, job_noise
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import initial_rows
from customstudio.baselines.tuned import Tuned
from customstudio.generation.plan import make_plan
from customstudio.media.image import load_image
from customstudio.suites.load import load_suite
from tests.baselines.conftest import jobs
from tests.baselines.image_networks import located, mini_task

OPTIONS = override(vcd.DEFAULTS, ["sampling_steps=5", "face=true", "faces=mini-faces"])


@pytest.fixture(scope="module")
def model() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def people() -> Task:
    return mini_task("person_man1", "person_woman1", size=128)


@pytest.fixture(scope="module")
def tuned(model: AnimateDiff) -> Tuned:
    return Tuned(rows=initial_rows(model, ["man"] * 4 + ["woman"] * 4, "rare"))


@pytest.fixture
def bases(model: AnimateDiff, tmp_path: Path) -> Bases:
    return Bases(model, networks=located(tmp_path, "mini-faces"))


@pytest.fixture(scope="module")
def videos(people: Task) -> NDArray[np.uint8]:
    """A woman who moves to the right by two pixels a frame, and a grey wall."""
    woman = load_image(people.subjects[1].references[0].path)
    moving = np.stack([np.roll(woman, 2 * frame, axis=1) for frame in range(3)])
    empty = np.full_like(moving, 120)
    return np.stack([moving, empty])


def redrawn(bases: Bases, tuned: Tuned, task: Task, videos: Any, which: Any, **more: Any) -> Any:
    prompts = ["a <new1> man and a <new2> woman"] * len(videos)
    return which(bases, tuned, task, jobs(task, len(videos)), prompts, videos, OPTIONS, **more)


def test_a_face_is_redrawn_and_nothing_else(
    bases: Bases, tuned: Tuned, people: Task, videos: NDArray[np.uint8]
) -> None:
    """Outside the face and its edge every pixel stays; a video without a face is untouched."""
    made = redrawn(bases, tuned, people, videos, redrawing.redraw_faces)
    again = redrawn(bases, tuned, people, videos, redrawing.redraw_faces)
    assert np.array_equal(made, again)
    assert np.array_equal(made[1], videos[1])
    finder = bases._loaded["mini-faces"]
    (face,) = track_faces([finder.boxes(frame) for frame in videos[0]])
    left, top, right, bottom = (round(side) for side in face)
    changed = (made[0] != videos[0]).any(axis=(0, 3))
    assert changed[top + 2 : bottom - 2, left + 2 : right - 2].mean() > 0.9
    changed[max(top - 7, 0) : bottom + 7, max(left - 7, 0) : right + 7] = False
    assert not changed.any()


def test_a_face_is_noised_four_fifths_of_the_way(
    bases: Bases, tuned: Tuned, people: Task, videos: NDArray[np.uint8], monkeypatch: Any
) -> None:
    """What the network sees first: the enlarged crop's latents under the job's noise, at step 1."""
    model, seen = bases.main, []
    predict, encode = model.predict, model.encode_images
    monkeypatch.setattr(model, "predict", lambda *a: seen.append(a) or predict(*a))
    shown: list[Any] = []
    monkeypatch.setattr(model, "encode_images", lambda *a: shown.append(a[0]) or encode(*a))
    redrawn(bases, tuned, people, videos[:1], redrawing.redraw_faces)
    assert len(seen) == 4  # of 5 steps
    (face,) = track_faces([bases._loaded["mini-faces"].boxes(frame) for frame in videos[0]])
    top, left, high, wide = window(face, (128, 128), 3)
    assert 0 < high < 128
    crop = videos[:1, :, top : top + high, left : left + wide]
    assert np.array_equal(shown[0], enlarge(crop, (128, 128))[0])
    noise = job_noise("mini", jobs(people, 1)[0], model.latent_shape(3, 128, 128), "face0")
    kept = np.cumprod(1 - np.linspace(0.00085, 0.012, 1000))
    t = int(seen[0][1][0])
    assert t == 799  # DPM-Solver's second of five times: 999, 799, ...
    clean = encode(shown[0])[:, :, 0].permute(1, 0, 2, 3).numpy()
    expected = np.sqrt(kept[t]) * clean + np.sqrt(1 - kept[t]) * noise.numpy()
    assert np.allclose(seen[0][0][0].numpy(), expected, atol=1e-4)


def test_tiles_cover_twice_the_sides_and_see_their_neighbours(
    bases: Bases, tuned: Tuned, people: Task, videos: NDArray[np.uint8], monkeypatch: Any
) -> None:
    """With a redrawing that inverts: the blend in NumPy, tile by tile, in their order."""
    seen = []

    def invert(*args: Any, **options: Any) -> Any:
        seen.append((args[5].copy(), options["strength"], options["purpose"]))
        return 255 - args[5]

    monkeypatch.setattr(redrawing, "_redrawn", invert)
    made = redrawn(bases, tuned, people, videos, redrawing.redraw_tiles)
    assert made.shape == (2, 3, 256, 256, 3)
    assert [s[1:] for s in seen] == [(0.2, f"tile{n}") for n in range(4)]
    assert {s[0].shape[2:4] for s in seen} == {(160, 160)}
    canvas = enlarge(videos, (256, 256)).astype(float)
    for number in range(4):
        y0, x0 = 128 * (number // 2), 128 * (number % 2)
        for y in range(max(y0 - 8, 0), min(y0 + 136, 256)):
            for x in range(max(x0 - 8, 0), min(x0 + 136, 256)):
                off = max(y0 - y - 0.5, y + 0.5 - y0 - 128, x0 - x - 0.5, x + 0.5 - x0 - 128, 0)
                share = 1 - off / 8
                old = canvas[:, :, y, x]
                canvas[:, :, y, x] = np.round(share * (255 - old) + (1 - share) * old)
    assert np.array_equal(made, canvas.astype(np.uint8))
    # What the second tile sees of the first: as it is at the end, where no other tile reaches.
    assert np.array_equal(seen[1][0][:, :, :120, :20], made[:, :, :120, 96:116])


def test_tiles_repeat_and_count_their_steps(
    bases: Bases, tuned: Tuned, people: Task, videos: NDArray[np.uint8]
) -> None:
    steps: list[int] = []
    made = redrawn(
        bases, tuned, people, videos[:, :2], redrawing.redraw_tiles, on_step=lambda: steps.append(1)
    )
    again = redrawn(bases, tuned, people, videos[:, :2], redrawing.redraw_tiles)
    assert np.array_equal(made, again)
    assert made.shape == (2, 2, 256, 256, 3)
    tiled = override(OPTIONS, ["tiled=true"])
    assert 5 + len(steps) == tiled.steps_a_video == 5 + 4 * 1
    assert vcd.DEFAULTS.steps_a_video == 25
    mini = load_suite("mini")
    assert mini.video is not None
    assert make_plan(mini, [], tiled, mini.video, "mini-animatediff").sampling_steps == 9
    assert (OPTIONS.enlargement, tiled.enlargement) == (1, 4)


def test_the_stages_follow_sampling(
    bases: Bases, tuned: Tuned, people: Task, videos: NDArray[np.uint8], monkeypatch: Any
) -> None:
    """Faces first, then tiles; neither by default, which then needs no face network."""
    monkeypatch.setattr(sampling, "sample", lambda *_: videos[:1])
    one = jobs(people, 1)

    def made(*changes: str) -> Any:
        return vcd.generate(bases, tuned, people, one, override(OPTIONS, changes), lambda: None)

    plain, face, both = made("face=false"), made(), made("tiled=true")
    assert np.array_equal(plain, videos[:1])
    assert face.shape == plain.shape
    assert not np.array_equal(face, plain)
    prompts = [vcd_prompt(one[0].prompt_with_tokens)]
    tiles = redrawing.redraw_tiles(bases, tuned, people, one, prompts, face, OPTIONS)
    assert np.array_equal(both, tiles)
    assert not vcd.DEFAULTS.face
    assert not vcd.DEFAULTS.tiled
    assert vcd.DEFAULTS.networks(None) == ()
    assert override(vcd.DEFAULTS, ["face=true"]).networks(None) == ("insightface-buffalo-l",)


def vcd_prompt(prompt: str) -> str:
    from customstudio.baselines.tokens import extended

    return extended(prompt, 4)


def test_boxes_that_overlap_are_one_face() -> None:
    """Two people who move; a false one in a single frame; one too small; a gap in between."""

    def frame(*boxes: tuple[float, ...]) -> NDArray[np.float32]:
        return np.array(boxes, np.float32).reshape(-1, 4)

    frames = [
        frame((50, 10, 70, 40), (10, 10, 30, 40)),
        frame((12, 12, 32, 42), (80, 80, 95, 95)),
        frame((14, 14, 34, 44), (48, 8, 68, 38), (0, 0, 5, 5)),
        frame((46, 6, 66, 36)),
    ]
    assert track_faces(frames) == [(10, 10, 34, 44), (46, 6, 70, 40)]
    assert track_faces([frame(), frame()]) == []
    assert track_faces([]) == []


def test_a_crop_has_the_frames_proportions_and_stays_inside() -> None:
    for face in ((0.0, 0.0, 12.0, 20.0), (90.0, 30.0, 110.0, 44.0), (100.0, 60.0, 160.0, 90.0)):
        top, left, high, wide = window(face, (90, 160), 3)
        assert min(top, left) >= 0
        assert top + high <= 90
        assert left + wide <= 160
        assert wide / high == pytest.approx(160 / 90, abs=0.05)
    assert window((70.0, 40.0, 80.0, 50.0), (90, 160), 1)[2:] == (10, 18)


def test_an_edge_falls_in_a_straight_line() -> None:
    weight = feathered((4, 3, 8, 6), (10, 12), 4)
    expected = np.zeros((10, 12))
    for y in range(10):
        for x in range(12):
            off = max(3 - y - 0.5, y + 0.5 - 6, 4 - x - 0.5, x + 0.5 - 8, 0)
            expected[y, x] = max(1 - off / 4, 0)
    assert np.allclose(weight, expected)
    assert torch.equal(torch.from_numpy(weight[3:6, 4:8]), torch.ones(3, 4, dtype=torch.float64))


@pytest.mark.filterwarnings("ignore")
def test_redrawing_is_that_of_diffusers_pipeline(
    model: AnimateDiff, videos: NDArray[np.uint8]
) -> None:
    """`AnimateDiffVideoToVideoPipeline` from the same noisy latents, four steps of five."""
    import diffusers

    scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
        {**model.schedule, "beta_schedule": "linear"}
    )
    pipeline = diffusers.AnimateDiffVideoToVideoPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        motion_adapter=None, scheduler=scheduler,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 4, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    ours = video_to_video(model, ["a man"], videos[:1], noise, steps=5, strength=0.8, guidance=7.5)
    kept = float(np.cumprod(1 - np.linspace(0.00085, 0.012, 1000))[799])
    clean = model.encode_images(videos[0])[:, :, 0].permute(1, 0, 2, 3)[None]
    theirs = pipeline(
        prompt="a man", latents=kept**0.5 * clean + (1 - kept) ** 0.5 * noise, height=128,
        width=128, num_inference_steps=5, strength=0.8, guidance_scale=7.5, output_type="latent",
    ).frames  # fmt: skip
    assert (ours - theirs).abs().max() < 1e-4 * theirs.abs().max()
