"""DisenDiff + SVD-XT: its loss against NumPy, what trains, and how pictures become videos."""

import dataclasses
import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from customstudio.baselines import animated, catalog, disendiff_svd
from customstudio.baselines.animated import kept, size_of
from customstudio.baselines.attention import recording
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.image_to_video import ImageToVideo
from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff, tiny_animatediff
from customstudio.baselines.bases.tiny_svd import save_svd, tiny_svd
from customstudio.baselines.calibration import calibration_loss
from customstudio.baselines.collage import read_pictures
from customstudio.baselines.disendiff_svd import DisenDiffOptions, step_loss
from customstudio.baselines.examples import Example, instance
from customstudio.baselines.options import override
from customstudio.baselines.parameters import projections
from customstudio.baselines.reconstruction import reconstruction_loss
from customstudio.baselines.sampling import enlarge
from customstudio.baselines.seeds import choices, generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import columns, initial_rows, token_rows
from customstudio.baselines.training import trainable
from customstudio.baselines.trial import quick, try_method
from customstudio.baselines.tuned import Tuned, applied
from customstudio.errors import UserError
from customstudio.generation import runner
from customstudio.generation.grid import PairWork
from customstudio.generation.plan import make_plan
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.records import LATER, Settings
from customstudio.media.video import read_video
from customstudio.records import digest
from customstudio.suites.load import load_suite
from customstudio.suites.schema import VideoSpec
from tests.baselines.conftest import jobs, names_that_train
from tests.baselines.test_vcd import full  # noqa: F401
from tests.generation.test_generate import Silent

RNG = np.random.default_rng(9)
SIZE = (3, 4)
TOKENS = (1, 4, 6)
"""Where the tokens of three subjects stand; their nouns stand after them."""


@pytest.fixture(scope="module")
def base() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def animator() -> ImageToVideo:
    """A tiny SVD; nothing changes it."""
    return tiny_svd()


def attention() -> list[NDArray[np.float64]]:
    """Maps of two layers, with another number of heads each."""
    raw = [np.exp(RNG.normal(size=(2, heads, 12, 9))) for heads in (2, 3)]
    return [layer / layer.sum(-1, keepdims=True) for layer in raw]


def expected(
    layers: list[NDArray[np.float64]],
    subjects: int,
    *,
    bind: bool = True,
    separate: bool = True,
    strengthen: bool = True,
) -> float:
    """Position by position."""
    kernel = np.array([[np.exp(-(y**2 + x**2)) for x in (-1, 0, 1)] for y in (-1, 0, 1)])
    kernel /= kernel.sum()

    def prepared(sample: int, at: int) -> NDArray[np.float64]:
        heads = [layer[sample, head, :, at] for layer in layers for head in range(layer.shape[1])]
        plain = np.mean(heads, axis=0).reshape(SIZE)
        plain = (plain - plain.min()) / (plain.max() - plain.min() + 1e-8)
        around = np.pad(plain, 1, mode="reflect")
        smooth = np.zeros(SIZE)
        for y, x in product(range(SIZE[0]), range(SIZE[1])):
            smooth[y, x] = (around[y : y + 3, x : x + 3] * kernel).sum()
        return smooth

    def overlap(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
        shared = sum(a * b for a, b in zip(one.flat, two.flat, strict=True))
        return float((shared + 1) / (one.sum() + two.sum() - shared + 1))

    totals = []
    for sample in range(2):
        own = [prepared(sample, at) for at in TOKENS[:subjects]]
        nouns = [prepared(sample, at + 1) for at in TOKENS[:subjects]]
        nouns = [noun * noun if strengthen else noun for noun in nouns]
        total = sum(1 - overlap(n, o) for n, o in zip(nouns, own, strict=True)) if bind else 0.0
        apart = [overlap(one, two) for one, two in combinations(nouns, 2)]
        totals.append(total + (float(np.mean(apart)) if separate and apart else 0.0))
    return float(np.mean(totals))


def places(subjects: int) -> torch.Tensor:
    at = torch.zeros((2, subjects, 9), dtype=torch.int32)
    for subject, place in enumerate(TOKENS[:subjects]):
        at[:, subject, place] = 1
    return at


@pytest.mark.parametrize("subjects", [1, 2, 3])
@pytest.mark.parametrize("without", [None, "bind", "separate", "strengthen"])
def test_the_loss_on_maps_is_as_stated(subjects: int, without: str | None) -> None:
    layers = attention()
    parts = {without: False} if without else {}
    given = [torch.from_numpy(layer) for layer in layers]
    ours = calibration_loss(given, places(subjects), SIZE, **parts)
    assert float(ours) == pytest.approx(expected(layers, subjects, **parts), rel=1e-6)


def test_nouns_draw_their_tokens_and_are_not_drawn_by_them() -> None:
    given = [torch.from_numpy(layer).requires_grad_() for layer in attention()]

    def reached(**parts: bool) -> set[int]:
        loss = calibration_loss(given, places(2), SIZE, **parts)
        slopes = torch.autograd.grad(loss, given)
        return {at for at in range(9) for slope in slopes if slope[..., at].any()}

    assert reached(separate=False) == {1, 4}
    assert reached(bind=False) == {2, 5}
    assert reached() == {1, 2, 4, 5}


def test_a_map_of_one_row_is_smoothed_along_it() -> None:
    layers = [torch.rand((1, 2, 4, 9), generator=generator("row"))]
    assert torch.isfinite(calibration_loss(layers, places(2)[:1], (1, 4)))


def test_the_loss_is_recon_and_prior_and_alpha_times_that(base: AnimateDiff) -> None:
    """Class images are in the reconstruction, and their maps in nothing."""
    images = RNG.integers(0, 256, (4, 64, 96, 3)).astype(np.uint8)
    masks = np.zeros((2, 64, 96), np.bool_)
    ours = [Example(image, masks, "a <new1> cat and a <new2> dog") for image in images[:2]]
    theirs = [Example(image, masks, "a cat and a dog") for image in images[2:]]
    options = DisenDiffOptions(alpha=0.3)
    with torch.no_grad(), token_rows(base, initial_rows(base, ["cat", "dog"], "rare")):
        found = step_loss(Bases(base), ours, theirs, options, generator("loss"))
        with recording(base.unet, (3,)) as maps:
            plain = reconstruction_loss(base, ours, theirs, options, generator("loss"))
        at = columns(base.token_ids([e.prompt for e in ours]), base, 2)
        calibration = calibration_loss([kept[:2] for kept in maps[3]], at, (2, 3))
        none = override(options, ["alpha=0"])
        zero = step_loss(Bases(base), ours, theirs, none, generator("loss"))
        finer = step_loss(
            Bases(base), ours, theirs, override(options, ["level=2"]), generator("loss")
        )
        with recording(base.unet, (2,)) as maps_2:
            reconstruction_loss(base, ours, theirs, options, generator("loss"))
        calibration_2 = calibration_loss([kept[:2] for kept in maps_2[2]], at, (4, 6))
    assert float(finer) == pytest.approx(float(plain + 0.3 * calibration_2), rel=1e-6)
    assert len(maps[3]) == 5
    assert float(calibration) > 0
    assert float(found) == pytest.approx(float(plain + 0.3 * calibration), rel=1e-6)
    assert float(zero) == pytest.approx(float(plain), rel=1e-4)


def test_a_few_steps_calibrate_attention(base: AnimateDiff, task: Task) -> None:
    """On other noise than the fit's, for the picture that it saw."""
    changes = ["steps=15", "rate=0.01", "prior_weight=0", "augment=false"]
    options = override(quick(disendiff_svd.DEFAULTS), changes)
    video = task.video.model_copy(update={"width": 128, "height": 128})
    task = disendiff_svd.learnt_from(dataclasses.replace(task, video=video), options)
    pictures = read_pictures(task.subjects, masks=False, remove_background=False)
    rng = choices("held out")
    shown = [instance(task, pictures, (0, 1), rng, augment=False, framing="fill")] * 4

    @torch.no_grad()
    def calibration(tuned: Tuned) -> float:
        with applied(base, tuned), recording(base.unet, (3,)) as maps:
            reconstruction_loss(base, shown, [], options, generator("held out"))
            at = columns(base.token_ids([e.prompt for e in shown]), base, 2)
            return float(calibration_loss(maps[3], at, (4, 4)))

    before = calibration(Tuned(rows=initial_rows(base, ["cat", "dog"], "rare")))
    with_it, without = (
        calibration(disendiff_svd.fit(Bases(base), task, override(options, [alpha]), lambda: None))
        for alpha in ("alpha=5", "alpha=0")
    )
    assert with_it < 0.9 * before
    assert without > 0.9 * before


def test_it_trains_what_its_card_says(
    base: AnimateDiff, animator: ImageToVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and values of 16 layers and two tokens; the rest is `try_method`'s."""
    before = {name: value.clone() for name, value in animator.unet.state_dict().items()}
    needs = names_that_train(base, monkeypatch)
    tuned = try_method("disendiff_svd", tmp_path, base, animator=animator)
    assert tuned == Tuned(weights=tuned.weights, rows=tuned.rows)
    assert len(tuned.weights) == 32
    assert all(name.endswith(("to_k.weight", "to_v.weight")) for name in tuned.weights)
    assert not any("motion_modules" in name for name in tuned.weights)
    assert tuned.weights.keys() < needs
    assert [n.rpartition(".")[2] for n in needs - tuned.weights.keys()] == ["rows"]
    assert set(tuned.rows) == {"<new1>", "<new2>"}
    after = animator.unet.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_step_at_full_size(full: AnimateDiff) -> None:  # noqa: F811
    """On the meta device, at 512x512 as the paper and at the suite's size."""
    weights = projections(full.unet, "kv", "spatial")
    assert sum(weight.numel() for weight in weights.values()) == 19_169_280
    rows = {f"<new{n}>": torch.zeros(768) for n in (1, 2)}
    for size in ((512, 512), (320, 576)):
        image, masks = np.zeros((*size, 3), np.uint8), np.zeros((2, *size), np.bool_)
        ours = [Example(image, masks, "a <new1> cat and a <new2> dog")]
        with token_rows(full, rows) as embedding:
            parameters = [*weights.values(), embedding.rows]
            with trainable(parameters):
                loss = step_loss(Bases(full), ours, ours, DisenDiffOptions(), generator("full"))
                loss.backward()  # type: ignore[no-untyped-call]
                assert loss.shape == ()
                assert all(p.grad is not None for p in parameters)


def test_a_fit_sees_one_picture_of_each_subject(task: Task) -> None:
    one = disendiff_svd.learnt_from(task, disendiff_svd.DEFAULTS)
    assert [s.references for s in one.subjects] == [s.references[:1] for s in task.subjects]
    every = override(disendiff_svd.DEFAULTS, ["one_picture=false"])
    assert disendiff_svd.learnt_from(task, every) == task


def test_a_video_begins_with_a_picture_of_the_base(
    base: AnimateDiff, animator: ImageToVideo, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SVD is given the picture at its size, the suite's frame rate, and noise of the job's own."""
    seen: list[dict[str, Any]] = []
    real = animated.animate

    def animate(model: Any, images: Any, noise: Any, grain: Any, **more: Any) -> Any:
        seen.append({"images": images, "noise": noise, "grain": grain, **more})
        return real(model, images, noise, grain, **more)

    monkeypatch.setattr(animated, "animate", animate)
    options = override(quick(disendiff_svd.DEFAULTS), ["svd_pixels=16384"])
    rows = initial_rows(base, ["cat", "dog"], "rare")
    steps: list[int] = []
    videos = disendiff_svd.generate(
        Bases(base, animator=animator), Tuned(rows=rows), task, jobs(task), options,
        lambda: steps.append(1),
    )  # fmt: skip
    assert len(steps) == options.sampling_steps + options.second_steps == 4
    assert videos.shape == (2, 3, 64, 64, 3)
    (given,) = seen
    assert given["images"].shape == (2, 128, 128, 3)
    assert given["noise"].shape == (2, 4, 4, 16, 16)
    assert given["grain"].shape == (2, 3, 128, 128)
    assert (given["fps"], given["steps"], given["motion"]) == (8.0, 2, 127)
    assert not torch.equal(given["noise"][0], given["noise"][1])
    assert not torch.equal(given["grain"][0], given["grain"][1])
    model_frames = animator.decode(real(
        animator, given["images"], given["noise"], given["grain"], steps=2, fps=8.0
    ))  # fmt: skip
    assert np.array_equal(videos, enlarge(model_frames[:, :3], (64, 64)))


@pytest.mark.parametrize(
    ("video", "expected"),
    [((576, 320), (1024, 576)), ((512, 512), (768, 768)), ((320, 576), (576, 1024))],
)
def test_animations_have_the_suites_proportions(
    video: tuple[int, int], expected: tuple[int, int]
) -> None:
    spec = VideoSpec(frames=24, fps=8.0, width=video[0], height=video[1])
    assert size_of(spec, 1024 * 576) == expected


def test_frames_are_cut_or_spread() -> None:
    assert kept(25, 24, "first") == list(range(24))
    assert kept(25, 25, "first") == kept(25, 25, "spread") == list(range(25))
    spread = kept(25, 16, "spread")
    assert (spread[0], spread[-1], len(set(spread))) == (0, 24, 16)
    assert sorted(spread) == spread


def test_what_a_base_cannot_do_is_refused_before_anything_starts() -> None:
    video = VideoSpec(frames=3, fps=8, width=64, height=64)
    options = override(disendiff_svd.DEFAULTS, ["svd_frames=2", "level=4"])
    found = options.problems(catalog.base("animatediff-sdxl"), video, {})
    assert "level 4, only at 2, 3" in found[0].what
    assert "the animation has 2" in found[1].what
    enough = override(disendiff_svd.DEFAULTS, ["svd_frames=3", "level=4"])
    assert enough.problems(catalog.base("animatediff"), video, {}) == []
    with pytest.raises(UserError, match="high_resolution"):
        override(disendiff_svd.DEFAULTS, ["high_resolution=true"])


def test_both_bases_are_looked_for_and_recorded(
    base: AnimateDiff, animator: ImageToVideo, tmp_path: Path
) -> None:
    """A whole generation from folders; what is missing is one error."""
    suite = load_suite("mini")
    pair = next(iter(suite.pairs))
    pairs = {pair: suite.pairs[pair]}
    video = suite.video.model_copy(update={"frames": 2}) if suite.video else None
    prompts = {n: p for n, p in suite.prompts.items() if p.template_set == pairs[pair].template_set}
    suite = suite.model_copy(
        update={"pairs": pairs, "prompts": dict(list(prompts.items())[:1]), "video": video}
    )
    with pytest.raises(UserError) as caught:
        prepare(Request(suite, "disendiff_svd", tmp_path / "out", base="animatediff"))
    for name in ("animatediff", "svd-xt"):
        spec = catalog.base(name)
        wanted = f"hf download {spec.repository} --revision {spec.revision} --include"
        assert wanted in str(caught.value)

    for folder, saved, model in (
        ("main", save_animatediff, base), ("svd", save_svd, animator),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        saved(model, tmp_path / folder)
    request = Request(
        suite, "disendiff_svd", tmp_path / "out",
        changes=(
            "steps=1", "class_images=1", "sampling_steps=1", "svd_steps=1", "svd_frames=2",
            "svd_pixels=4096",
        ),
        base_folder=tmp_path / "main", second_folder=tmp_path / "svd", device="cpu",
    )  # fmt: skip
    prepared, progress = prepare(request), Silent()
    assert prepared.parts.upscaler is None
    outcome = runner.run(prepared, progress)
    assert not outcome.failures
    assert outcome.made == len(suite.jobs) == 2
    assert progress.steps == progress.total
    settings = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert settings.animator is not None
    assert settings.animator.base == "svd-xt"
    assert len(settings.animator.sha256) == 3
    assert settings.upscaler is None
    frames = read_video(request.out / f"{suite.jobs[0].id}.mp4").frames
    assert frames.shape == (2, 64, 64, 3)


def test_records_without_an_animator_keep_their_digest() -> None:
    """Folders of videos that were made before there was one are still the same settings'."""
    plain = Settings(
        name="untuned", method="untuned", options={}, suite="mini", suite_version="v1",
        suite_digest="0", prompt_set="p", base=None, upscaler=None, arithmetic="float32",
        video=VideoSpec(frames=1, fps=8.0, width=64, height=64),
    )  # fmt: skip
    without = json.loads(plain.model_dump_json())
    for later in LATER:
        del without[later]
    assert plain.digest == digest(without)
    assert Settings.model_validate(without) == plain


def test_a_plan_counts_the_animation() -> None:
    suite = load_suite("mini")
    assert suite.video is not None
    job = suite.jobs[0]
    work = [PairWork(job.pair, (job,), (job,))]
    plan = make_plan(suite, work, disendiff_svd.DEFAULTS, suite.video, "mini-animatediff")
    assert plan.sampling_steps == 50 + 30
    assert plan.training_steps == 250
