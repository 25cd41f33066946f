"""VideoDreamer: its three losses against NumPy, what trains and what is kept, picks, motion."""

import dataclasses
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from customstudio.baselines import catalog, fitting, motion, videodreamer
from customstudio.baselines.adapters import TEXT_PROJECTIONS, TEXT_TARGETS, lora
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.text2video_zero_model import Motion, Text2VideoZero
from customstudio.baselines.bases.tiny_stable_diffusion import (
    tiny_animatediff,
    tiny_text2video_zero,
)
from customstudio.baselines.examples import Example
from customstudio.baselines.image_encoder import ImageEncoder, load_image_encoder, without_values
from customstudio.baselines.options import override
from customstudio.baselines.parameters import is_temporal
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases, Task, TaskSubject
from customstudio.baselines.tokens import initial_rows, token_rows
from customstudio.baselines.training import noised, recomputing, trainable
from customstudio.baselines.trial import base_state, quick, same, try_method
from customstudio.baselines.tuned import Tuned, applied, load, save
from customstudio.baselines.visual import VisualAdapter, VisualEmbeddings
from customstudio.errors import UserError
from customstudio.media.video import Video, write_video
from customstudio.suites.schema import VideoSpec
from customstudio.weights.store import Located
from tests.baselines.conftest import jobs, names_that_train
from tests.baselines.image_networks import located, tiny_clip
from tests.baselines.test_vcd import full  # noqa: F401

RNG = np.random.default_rng(11)
DEFAULTS, ENCODER = videodreamer.DEFAULTS, "clip-vit-l14-openai"


def nothing() -> None:
    """A progress that nobody watches."""


@pytest.fixture(scope="module")
def base() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Located]:
    """An image encoder as wide as the tiny bases' text."""
    root = tmp_path_factory.mktemp("weights")
    tiny_clip(root / ENCODER)
    return located(root, ENCODER)


@pytest.fixture(scope="module")
def encoder(networks: dict[str, Located]) -> ImageEncoder:
    return load_image_encoder(networks[ENCODER], torch.device("cpu"))


@pytest.fixture(scope="module")
def bases(base: AnimateDiff, networks: dict[str, Located]) -> Bases:
    """With an image encoder."""
    return Bases(base, networks=networks)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of twelve frames at 16 Hz: a square that goes to the right."""
    frames = np.full((12, 48, 64, 3), 30, np.uint8)
    for index in range(12):
        frames[index, 10:30, 4 * index : 4 * index + 16] = (240, 200, 20)
    path = tmp_path_factory.mktemp("clip") / "square.mp4"
    write_video(path, frames, 16.0)
    return path


def examples(prompt: str, count: int, subject: int | None) -> list[Example]:
    masks = np.zeros((2, 32, 48), np.bool_)
    masks[slice(None) if subject is None else subject] = True
    images = RNG.integers(0, 256, (count, 32, 48, 3)).astype(np.uint8)
    return [Example(image, masks, prompt) for image in images]


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("weak=0",),
        ("visual=false",),
        ("weak=0.5", "subjects=sum", "prior_weight=0.3"),
        ("data=separate",),
        ("data=mixed",),
    ],
)
def test_the_loss_is_l1_plus_l2_plus_l3(
    changes: tuple[str, ...],
    base: AnimateDiff,
    encoder: ImageEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise, times, embeddings and means worked out in NumPy; the UNet is a line of both inputs."""

    def output(noisy: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        tilt = torch.linspace(-1, 1, text.shape[1])[None, :, None]
        return noisy * 0.5 + (text * (1 + tilt)).mean((1, 2))[:, None, None, None, None]

    monkeypatch.setattr(base, "output", output)
    options = override(DEFAULTS, list(changes))
    ours = examples("a <new1> cat", 2, 0) if options.data != "mixed" else []
    both = "a <new1> cat and a <new2> dog, stitched together"
    mixed = examples(both, 3, None) if options.data != "separate" else []
    theirs = examples("a cat in a garden", 1, 0) if options.prior_weight else []
    adapter = VisualAdapter(16, seed=3)
    sees = options.needs_image_encoder
    seen = VisualEmbeddings(encoder, adapter) if sees else None
    with token_rows(base, initial_rows(base, ["cat", "dog"], "rare")), torch.no_grad():
        found = videodreamer.step_loss(base, ours, mixed, theirs, seen, options, generator("loss"))
        shown = [*mixed, *ours, *theirs]
        text = base.encode_text([example.prompt for example in shown]).numpy()

    images, noise = np.stack([example.image for example in shown]), generator("loss")
    z = base.encode_images(images, noise).numpy()[:, :, 0]
    t = torch.randint(1000, (len(shown),), generator=noise).numpy()
    eps = torch.randn((len(shown), 4, 1, 4, 6), generator=noise).numpy()[:, :, 0]
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)[t][:, None, None, None]
    noisy = np.sqrt(kept) * z + np.sqrt(1 - kept) * eps
    tilt = np.linspace(-1, 1, 77)[:, None]

    def error(place: int, embedding: np.ndarray) -> float:
        said = noisy[place] * 0.5 + (embedding * (1 + tilt)).mean()
        return float(((said - eps[place]) ** 2).mean())

    count, expected = len(mixed), 0.0
    if ours:
        l1 = np.mean([error(count + i, text[count + i]) for i in range(2)])
        expected += l1 * (2 if options.subjects == "sum" else 1)
    if mixed and sees:
        (w1, b1), (w2, b2) = (
            (layer.weight.detach().numpy(), layer.bias.detach().numpy())
            for layer in (adapter.first, adapter.second)
        )
        v = encoder.embed(encoder.pixels(images[:count], whole=True)).numpy()
        f = np.maximum(v @ w1.T + b1, 0) @ w2.T + b2 + v
        expected += np.mean([error(j, text[j] + f[j]) for j in range(count)])
        expected += options.weak * np.mean([error(j, text[j]) for j in range(count)])
    elif mixed:
        expected += np.mean([error(j, text[j]) for j in range(count)])
    if theirs:
        expected += 0.3 * error(count + 2, text[count + 2])
    assert float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("whole", [False, True])
def test_images_are_seen_whole_or_their_middle(whole: bool, encoder: ImageEncoder) -> None:
    """Pillow's bicubic resize to 32 pixels across, and CLIP's normalisation, written out."""
    image = RNG.integers(0, 256, (48, 96, 3)).astype(np.uint8)
    size = (32, 32) if whole else (64, 32)
    pixels = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)) / 255.0
    pixels = pixels if whole else pixels[:, 16:48]
    mean, deviation = (
        np.array([0.48145466, 0.4578275, 0.40821073]),
        np.array([0.26862954, 0.26130258, 0.27577711]),
    )
    found = encoder.pixels([image], whole=whole)
    expected = ((pixels - mean) / deviation).transpose(2, 0, 1)
    # Two resizes of bytes: some pixels are rounded to the next of 255 levels.
    assert np.abs(found[0].numpy() - expected).max() < 2.1 / 255 / 0.26
    assert encoder.embed(found).shape == (1, encoder.width)


def test_steps_see_one_subject_and_all_of_them_stitched(bases: Bases, task: Task) -> None:
    options = override(DEFAULTS, ["batch=8"])
    ours, mixed, theirs = videodreamer.drawing_both(bases, task, options, nothing)()
    assert {e.prompt for e in ours} == {"a <new1> cat", "a <new2> dog"}
    assert {e.prompt for e in mixed} == {"a <new1> cat and a <new2> dog, stitched together"}
    assert all(e.masks.any((1, 2)).sum() == 1 for e in ours)
    assert all(e.masks[0, :, :32].any() and not e.masks[0, :, 32:].any() for e in mixed)
    assert theirs == []
    plain = override(options, ['stitch=""'])
    assert videodreamer.drawing_both(bases, task, plain, nothing)()[1][0].prompt.endswith(
        "<new2> dog"
    )
    for data, sizes in (("separate", (8, 0)), ("mixed", (0, 8))):
        drawn = videodreamer.drawing_both(
            bases, task, override(options, [f"data={data}"]), nothing
        )()
        assert (len(drawn[0]), len(drawn[1])) == sizes
    alone = dataclasses.replace(task, subjects=task.subjects[:1])
    drawn = videodreamer.drawing_both(bases, alone, options, nothing)()
    assert (len(drawn[0]), len(drawn[1])) == (8, 0)


@pytest.mark.parametrize("name", ["animatediff", "text2video-zero"])
def test_a_fit_is_adapters_of_unet_and_text_encoder(
    name: str,
    base: AnimateDiff,
    networks: dict[str, Located],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fitted twice it is the same, and so is its video once reloaded; the base is as before."""
    model = base if name == "animatediff" else tiny_text2video_zero()
    needs = names_that_train(model, monkeypatch)
    tuned = try_method("videodreamer", tmp_path, model, networks=networks)
    assert needs == tuned.lora.keys() | tuned.text_lora.keys()
    assert len(tuned.lora) == 16 * 2 * 4 * 2
    assert len(tuned.text_lora) == 2 * 4 * 2
    assert not tuned.weights
    assert not any("motion_modules" in key for key in tuned.lora)
    rows = initial_rows(model, ["cat", "dog"], "rare")
    assert all(torch.equal(tuned.rows[token], rows[token]) for token in rows)
    still = {key for key, value in (tuned.lora | tuned.text_lora).items() if not value.any()}
    # The middle of a 64-pixel picture is one position, which attends to itself alone.
    assert all("mid_block" in key and "attn1" in key and "lora_B" in key for key in still)
    assert not any(p.requires_grad for p in model.text_encoder.parameters())
    assert not any("lora" in key for key in model.text_encoder.state_dict())


def test_text_adapters_matter_when_a_video_is_made(
    bases: Bases, task: Task, tmp_path: Path
) -> None:
    options = override(quick(DEFAULTS), ["text_rate=0.1", "rate=0.01"])
    tuned = videodreamer.fit(bases, task, options, nothing)
    without = dataclasses.replace(tuned, text_lora={})
    one, two = (
        videodreamer.generate(bases, fit, task, jobs(task, 1), options, nothing)
        for fit in (tuned, without)
    )
    assert not np.array_equal(one, two)
    save(tuned, tmp_path / "fit.safetensors", {})
    assert same(load(tmp_path / "fit.safetensors")[0], tuned)


@pytest.mark.parametrize(("count", "rate"), [(1, 5e-5), (2, 5e-5), (3, 1e-4)])
def test_learning_rates_are_the_papers(
    count: int, rate: float, bases: Bases, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text encoder's adapters have theirs; the visual adapter has that of the rest."""
    seen: dict[float, int] = {}

    def watch(rated: Mapping[float, Any], options: Any, loss: Any, on_step: Any) -> list[float]:
        seen.update({rate: sum(p.numel() for p in many) for rate, many in rated.items()})
        return []

    monkeypatch.setattr(fitting, "train", watch)
    third = TaskSubject("toy", "toy", task.subjects[0].references)
    several = dataclasses.replace(task, subjects=(*task.subjects, third)[:count])
    tuned = videodreamer.fit(bases, several, DEFAULTS, nothing)
    text = sum(value.numel() for value in tuned.text_lora.values())
    rest = sum(value.numel() for value in tuned.lora.values())
    assert seen == {rate: rest + 2 * (16 * 16 + 16), 1e-5: text}


def test_parameters_count_at_full_size() -> None:
    """r * (in + out) of four projections in each layer of text; an MLP of one hidden layer."""
    from transformers import CLIPTextConfig, CLIPTextModel

    for width, layers, expected in ((768, 12, 294_912), (1024, 23, 753_664)):
        with torch.device("meta"):
            text = CLIPTextModel(
                CLIPTextConfig(
                    hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
                    num_attention_heads=width // 64,
                )
            )  # fmt: skip
        with lora(text, targets=TEXT_TARGETS, projections=TEXT_PROJECTIONS, rank=4) as adapters:
            assert len(adapters) == layers * 4 * 2
            assert sum(p.numel() for p in adapters.values()) == expected
            assert expected == layers * 4 * 4 * 2 * width
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in VisualAdapter(w).parameters()) for w in (768, 1024)]
    assert sizes == [1_181_184, 2_099_200]


def test_steps_at_full_size(full: AnimateDiff) -> None:  # noqa: F811
    """On the meta device: all that trains has a gradient, and nothing else; 453 M for a motion."""
    encoder = ImageEncoder(without_values("clip-vit-l-14-image"), torch.device("meta"))
    adapter = VisualAdapter(encoder.width).to("meta")
    seen = VisualEmbeddings(encoder, adapter)
    image, masks = np.zeros((512, 512, 3), np.uint8), np.ones((2, 512, 512), np.bool_)
    ours = [Example(image, masks, "a <new1> cat")] * 2
    mixed = [Example(image, masks, "a <new1> cat and a <new2> dog, stitched together")] * 2
    rows = {f"<new{n}>": torch.zeros(768) for n in (1, 2)}
    with fitting.fitting(full, rows, rank=4, text_rank=4) as state:
        parameters = [*state.adapters.values(), *state.text_adapters.values()]
        with trainable([*parameters, *adapter.parameters()]):
            given = (full, ours, mixed, [], seen, DEFAULTS, generator("full"))
            videodreamer.step_loss(*given).backward()  # type: ignore[no-untyped-call]
            assert all(p.grad is not None for p in (*parameters, *adapter.parameters()))
            training = {p for part in (full.unet, full.text_encoder) for p in part.parameters()}
            assert {p for p in training if p.requires_grad} == set(parameters)
        assert sum(p.numel() for p in parameters) == 797_184 + 294_912
    kept = [p for name, p in full.unet.named_parameters() if is_temporal(name)]
    assert sum(p.numel() for p in kept) == 453_209_280


def test_recomputing_changes_no_gradient(base: AnimateDiff) -> None:
    noisy = torch.randn((1, 4, 3, 8, 8), generator=torch.Generator().manual_seed(5))
    text, t = base.encode_text(["a cat"]), torch.tensor([400])
    found, kept = [], []
    parameters = list(base.unet.parameters())

    def keep(tensor: Tensor) -> Tensor:
        kept[-1] += tensor.numel()
        return tensor

    for context in (nullcontext(), recomputing(base.unet)):
        kept.append(0)
        with trainable(parameters), context, saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = base.output(noisy, t, text).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            found.append([None if p.grad is None else p.grad.clone() for p in parameters])
    pairs = zip(*found, strict=True)
    assert all(a is b is None or torch.equal(a, b) for a, b in pairs)
    assert kept[1] < kept[0] / 5
    assert not any("forward" in vars(module) for module in base.unet.modules())


@pytest.mark.parametrize(
    ("changes", "idle"),
    [
        (["data=separate", "picked=picks", "weak=0.5"], {"picked", "weak"}),
        (["picked=picks", "stitch=side by side"], {"stitch"}),
        (["visual=false", "weak=0.5"], {"weak"}),
        (["motion_steps=7", "motion_rate=0.1"], {"motion_steps", "motion_rate"}),
        (["visual=false", "data=separate"], set()),
    ],
)
def test_options_that_do_nothing_are_refused(
    changes: list[str], idle: set[str], task: Task, tmp_path: Path
) -> None:
    picks = tmp_path / "picks" / task.pair
    picks.mkdir(parents=True)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(picks / "0.png")
    own = [change.replace("=picks", f"={picks.parent}") for change in changes]
    options = override(DEFAULTS, own)
    found = options.problems(catalog.base("animatediff"), task.video, {task.pair: [2, 2]})
    assert {problem.what.split()[0] for problem in found} == idle
    assert all("does nothing with" in problem.what for problem in found)


def test_picked_pictures_take_the_place_of_stitched_ones(
    bases: Bases, task: Task, tmp_path: Path
) -> None:
    """Without the words for a stitch; each file is named for its pair, none other is."""
    folder = tmp_path / "picks" / task.pair
    folder.mkdir(parents=True)
    for index in range(3):
        Image.fromarray(np.full((40, 60, 3), 60 * index, np.uint8)).save(folder / f"{index}.png")
    (folder / "notes.txt").write_text("the third is best")
    options = override(quick(DEFAULTS), [f"picked={folder.parent}", "batch=6"])
    files = options.files(task.pair)
    assert [path.name for path in files["picked"]] == ["0.png", "1.png", "2.png"]
    again = dataclasses.replace(task, files=files)
    mixed = videodreamer.drawing_both(bases, again, options, nothing)()[1]
    assert {e.prompt for e in mixed} == {"a <new1> cat and a <new2> dog"}
    assert {int(e.image.max()) for e in mixed} <= {0, 60, 120}
    assert len({int(e.image.max()) for e in mixed}) > 1
    assert mixed[0].image.shape == (64, 64, 3)
    fitted = videodreamer.fit(bases, again, options, nothing)
    stitched = videodreamer.fit(bases, task, options, nothing)
    assert not same(fitted, stitched)
    (folder / "1.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match="not an image"):
        videodreamer.fit(bases, again, options, nothing)


def test_a_motion_is_what_works_across_frames_and_nothing_else(
    bases: Bases, task: Task, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = bases.main
    before, needs = base_state(model), names_that_train(model, monkeypatch)
    changes = [f"motion_video={clip}", "motion_prompt=a square", "motion_steps=2"]
    options = override(quick(DEFAULTS), [*changes, "motion_rate=0.001"])
    assert options.fit_steps == 4
    moving = dataclasses.replace(task, files=options.files(task.pair))
    steps: list[int] = []
    tuned = videodreamer.fit(bases, moving, options, lambda: steps.append(1))
    assert len(steps) == 4
    everything = {name for name, _ in model.unet.named_parameters()}
    kept = {name for name in everything if ".motion_modules." in name}
    assert tuned.weights.keys() == kept == {name for name in everything if is_temporal(name)}
    assert everything <= needs
    after = base_state(model)
    assert all(torch.equal(after[key], before[key]) for key in before)
    changed = [
        name for name in kept if not torch.equal(tuned.weights[name], before[f"unet.{name}"])
    ]
    assert len(changed) > 0.9 * len(kept)

    plain = videodreamer.fit(bases, task, quick(DEFAULTS), nothing)
    assert same(dataclasses.replace(tuned, weights={}), plain), "the subjects' fit is untouched"
    other = dataclasses.replace(moving, pair="pet_cat+pet_cow")
    again = motion.motion_weights(bases, other, clip, "a square", _alone(options), nothing)
    assert same(Tuned(weights=again), Tuned(weights=tuned.weights)), "the same for all pairs"

    save(tuned, tmp_path / "fit.safetensors", {})
    fits = (tuned, load(tmp_path / "fit.safetensors")[0], plain)
    one, two, still = (
        videodreamer.generate(bases, fit, task, jobs(task, 1), options, nothing) for fit in fits
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, still)


def _alone(options: Any) -> Any:
    update = {"steps": options.motion_steps, "rate": options.motion_rate}
    return options.model_copy(update=update)


@torch.no_grad()
def held_out(bases: Bases, task: Task, tuned: Tuned, clip: Path) -> tuple[float, float]:
    """The errors of pictures under text alone, and of the reference video, on fixed noise."""
    base, noise = bases.main, generator("held out")
    options = override(DEFAULTS, ["batch=6", "visual=false"])
    ours, mixed, _ = videodreamer.drawing_both(bases, task, options, nothing)()
    given = (base, ours, mixed, [], None, options, noise)
    frames = motion.stretch(motion.read_clip(clip), task.video, np.random.default_rng(0))
    latents = base.encode_images(frames, noise).permute(2, 1, 0, 3, 4).repeat(6, 1, 1, 1, 1)
    noisy, t, target = noised(base, latents, noise)
    with applied(base, tuned):
        pictures = videodreamer.step_loss(*given)
        found = base.output(noisy, t, base.encode_text(["a square"] * 6))
    return float(pictures), float((found - target).square().mean())


def test_losses_fall(bases: Bases, task: Task, clip: Path) -> None:
    """What is learnt without a picture's own embedding too; and the motion, by motion modules."""
    changes = ["steps=12", "rate=0.03", "text_rate=0.03", "motion_steps=10", "motion_rate=0.01"]
    options = override(DEFAULTS, [*changes, f"motion_video={clip}", "motion_prompt=a square"])
    moving = dataclasses.replace(task, files=options.files(task.pair))
    tuned = videodreamer.fit(bases, moving, options, nothing)
    start = held_out(bases, task, Tuned(rows=tuned.rows), clip)
    subjects = held_out(bases, task, dataclasses.replace(tuned, weights={}), clip)
    moved = held_out(bases, task, Tuned(rows=tuned.rows, weights=tuned.weights), clip)
    assert subjects[0] < 0.95 * start[0]
    assert moved[1] < 0.95 * start[1]
    assert moved[0] == start[0], "pictures never meet motion modules"


def test_a_step_sees_a_stretch_at_the_suites_rate() -> None:
    spec = VideoSpec(frames=3, fps=8.0, width=32, height=32)
    frames = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 48, 3), np.uint8)
    rng, starts = np.random.default_rng(0), set()
    for _ in range(60):
        seen = motion.stretch(Video(frames, 16.0), spec, rng)[:, 0, 0, 0]
        assert np.diff(seen).tolist() == [2, 2]
        starts.add(int(seen[0]))
    assert starts == set(range(6))
    assert motion.moments(spec, 5, 16.0) == [0, 2, 4]
    assert motion.moments(spec, 4, 16.0) is None
    assert motion.moments(spec, 100, 2.0) is None
    with pytest.raises(UserError, match="too short"):
        motion.stretch(Video(frames[:4], 16.0), spec, rng)


def test_motion_has_no_place_in_text2video_zero(
    task: Task, clip: Path, networks: dict[str, Located]
) -> None:
    options = override(quick(DEFAULTS), [f"motion_video={clip}", "motion_prompt=a square"])
    spec = catalog.base("text2video-zero")
    (problem,) = options.problems(spec, task.video, {task.pair: [2, 2]})
    assert "no layers that work across frames alone" in problem.what
    assert "--base animatediff" in problem.fix
    assert options.problems(catalog.base("animatediff"), task.video, {task.pair: [2, 2]}) == []
    bases = Bases(tiny_text2video_zero(), networks=networks)
    moving = dataclasses.replace(task, files=options.files(task.pair))
    with pytest.raises(UserError, match="across frames"):
        videodreamer.fit(bases, moving, options, nothing)


def test_what_is_wrong_with_files_is_said(task: Task, clip: Path, tmp_path: Path) -> None:
    spec = catalog.base("animatediff")

    def said(*changes: str, video: VideoSpec = task.video) -> list[str]:
        options = override(DEFAULTS, list(changes))
        return [
            problem.what
            for problem in options.problems(spec, video, {task.pair: [2, 2], "a+b": [1, 1]})
        ]

    assert said() == []
    assert said(f"picked={tmp_path / 'none'}") == ["no such folder of picked pictures"]
    (tmp_path / "a+b").mkdir()
    (bare,) = said(f"picked={tmp_path}")
    assert bare == f"no picked pictures of 2 pairs: {task.pair}, a+b"
    (missing,) = said(f"motion_video={clip}")
    assert "one of them is missing" in missing
    assert said("motion_prompt=a square") == [missing]
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    for wrong in ("bad.mp4", "none.mp4"):
        assert len(said(f"motion_video={tmp_path / wrong}", "motion_prompt=a")) == 1
    long = task.video.model_copy(update={"frames": 16})
    (short,) = said(f"motion_video={clip}", "motion_prompt=a", video=long)
    assert short.startswith("12 frames at 16 Hz are too few")
    with pytest.raises(UserError, match="t0 < t1"):
        override(DEFAULTS, ["t0=41"])


def test_text2video_zero_moves_by_the_papers_times(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_text2video_zero()
    seen, start = [], Text2VideoZero.start

    def watch(model: Text2VideoZero, *given: Any) -> Any:
        seen.append(model.motion)
        return start(model, *given)

    monkeypatch.setattr(Text2VideoZero, "start", watch)
    rows = initial_rows(base, ["cat", "dog"], "rare")
    made = videodreamer.generate(
        Bases(base), Tuned(rows=rows), task, jobs(task, 1), quick(DEFAULTS), nothing
    )
    assert made.shape == (1, 3, 64, 64, 3)
    assert seen == [Motion(t0=38, t1=40)]
    assert base.motion == Motion()
