"""VideoMaker: its weights and their layouts, its references, and whole generations at toy size."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from customstudio.baselines import catalog, untuned, videomaker
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.store import BaseFolder, locate
from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff, tiny_animatediff
from customstudio.baselines.options import override
from customstudio.baselines.reference_frame import injecting
from customstudio.baselines.sampling import job_noise
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.trial import base_state, drawn_task, try_method
from customstudio.baselines.tuned import Tuned
from customstudio.baselines.videomaker_weights import SPECS, read_weights, trained, write_weights
from customstudio.errors import UserError
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.runner import run
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Suite, VideoSpec
from customstudio.weights.store import RANDOM_MARK
from tests.baselines.conftest import jobs
from tests.generation.test_generate import Silent, videos

QUICK, RELEASED = ("sampling_steps=2",), "human_pytorch_model.bin"


@pytest.fixture(scope="module")
def base() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> BaseFolder:
    """All that trains, moved, as a training of one's own writes it."""
    folder, moved = tmp_path_factory.mktemp("weights"), tiny_animatediff()
    noise = generator("trained")
    with torch.no_grad():
        for parameter in trained(moved.unet).values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=noise))
    write_weights(folder / "videomaker.safetensors", moved.unet, "random: for tests")
    (folder / RANDOM_MARK).write_text("Random values.\n")
    return locate([SPECS[0]], folder)[0]


@pytest.fixture
def one(tmp_path: Path) -> Task:
    """One subject, with two references."""
    two = drawn_task(tmp_path)
    return replace(two, pair="pet_cat", subjects=two.subjects[:1])


def nothing() -> None:
    """A progress that nobody watches."""


def test_it_is_what_a_method_must_be(
    base: AnimateDiff, weights: BaseFolder, tmp_path: Path
) -> None:
    """The base is as before, and a video depends neither on the order of jobs nor on a fit."""
    own = {"videomaker-human": weights}
    tuned = try_method("videomaker", tmp_path, base, ("subjects=collage",), weights=own)
    assert tuned == Tuned()
    assert catalog.own_weights("videomaker", videomaker.DEFAULTS) == (SPECS[0],)
    objects = override(videomaker.DEFAULTS, ["weights=object"])
    assert catalog.own_weights("videomaker", objects) == (SPECS[1],)
    assert catalog.own_weights("untuned", untuned.DEFAULTS) == ()


@pytest.fixture
def decoded(base: AnimateDiff, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The latents that the base decodes, as they come."""
    seen: list[torch.Tensor] = []
    decode = base.decode
    monkeypatch.setattr(base, "decode", lambda latents: seen.append(latents) or decode(latents))
    return seen


def test_sampling_is_ddim_with_a_clean_reference(
    base: AnimateDiff, weights: BaseFolder, one: Task, decoded: list[torch.Tensor]
) -> None:
    """Written out, step by step, with diffusers' own UNet and scheduler."""
    from diffusers import DDIMScheduler

    options = override(videomaker.DEFAULTS, ["sampling_steps=3"])
    (job,) = jobs(one, 1)
    own = {"videomaker-human": weights}
    videomaker.generate(Bases(base, weights=own), Tuned(), one, [job], options, nothing)

    moved = tiny_animatediff()
    moved.unet.load_state_dict(load_file(weights.folder / "videomaker.safetensors"), strict=False)
    scheduler = DDIMScheduler(
        beta_schedule="linear", beta_start=0.00085, beta_end=0.012, clip_sample=False,
        timestep_spacing="linspace",
    )  # fmt: skip
    scheduler.set_timesteps(3)
    reference = moved.encode_images(videomaker.references(one, [job], options))
    text = moved.encode_text(["", job.prompt]).repeat_interleave(one.video.frames + 1, dim=0)
    latents = job_noise(one.suite, job, moved.latent_shape(3, 64, 64))[None]
    with torch.no_grad(), injecting(moved.unet, 3):
        for t in scheduler.timesteps:
            without = torch.cat([latents, torch.zeros_like(reference)], 2)
            both = torch.cat([without, torch.cat([latents, reference], 2)])
            plain, full = moved.unet(both, t, text).sample[:, :, :3].chunk(2)
            guided = 8.0 * full + (1 - 8.0) * plain
            latents = scheduler.step(guided, t, latents).prev_sample
    assert torch.allclose(decoded[0], latents, rtol=1e-4, atol=1e-4)


def test_the_reference_shows(
    base: AnimateDiff, weights: BaseFolder, one: Task, decoded: list[torch.Tensor]
) -> None:
    """Another reference, another video; and neither is the untuned base's."""
    options = override(videomaker.DEFAULTS, [*QUICK, "highlight=false"])  # they differ around it
    (job,) = jobs(one, 1)
    bases = Bases(base, weights={"videomaker-human": weights})
    subject = one.subjects[0]
    turned = replace(one, subjects=(replace(subject, references=subject.references[::-1]),))
    for task in (one, one, turned):
        videomaker.generate(bases, Tuned(), task, [job], options, nothing)
    untuned.generate(bases, Tuned(), one, [job], override(untuned.DEFAULTS, QUICK), nothing)
    first, again, second, plain = decoded
    assert torch.equal(first, again)
    assert min((first - other).abs().max() for other in (second, plain)) > 1e-2


def test_the_subject_is_highlighted(one: Task) -> None:
    """White outside the mask; the first reference for every job, or a drawn one."""
    many, options = jobs(one, 8), videomaker.DEFAULTS
    found = videomaker.references(one, many, options)
    assert found.shape == (8, 64, 64, 3)
    assert (found == found[0]).all()
    # 40 x 48 pictures become 53 x 64: the square's right and middle, and what is beside it.
    assert found[0, 32, 40].tolist() == pytest.approx([30, 30, 250], abs=3)
    assert found[0, 32, 5].tolist() == found[0, 12, 40].tolist() == [255, 255, 255]
    bare = videomaker.references(one, many, override(options, ["highlight=false"]))
    assert bare[0, 32, 5].tolist() == pytest.approx([40, 40, 40], abs=3)
    drawn = ["highlight=false", "reference=drawn"]
    assert (
        len({i.tobytes() for i in videomaker.references(one, many, override(options, drawn))}) == 2
    )
    assert not override(options, ["highlight=false"]).needs_masks


def test_several_subjects_are_refused_or_side_by_side(task: Task) -> None:
    with pytest.raises(ValueError, match="several subjects"):
        videomaker.references(task, jobs(task), videomaker.DEFAULTS)
    options = override(videomaker.DEFAULTS, ["subjects=collage"])
    assert options.most_subjects is None
    image = videomaker.references(task, jobs(task), options)[0].astype(int)
    assert (image[:, :32, 2] - image[:, :32, 0] > 150).sum() > 100  # the blue one, left
    assert (image[:, 32:, 0] - image[:, 32:, 2] > 150).sum() > 100  # the red one, right


def folder_of(path: Path, save: Callable[[Path], Any], name: str = RELEASED) -> BaseFolder:
    path.mkdir()
    save(path / name)
    return locate([SPECS[0]], path)[0]


def test_weights_load_in_either_layout(base: AnimateDiff, tmp_path: Path) -> None:
    """The whole UNet, what trains, spatial self-attention alone; single or half precision."""
    whole = tiny_animatediff(seed=1).unet.state_dict()
    names = trained(base.unet)
    attention = {n: whole[n] for n in names if "motion_modules" not in n}
    files: list[tuple[str, dict[str, torch.Tensor], int]] = [
        (RELEASED, whole, len(list(base.unet.parameters()))),
        (RELEASED, {n: v.half() for n, v in whole.items() if n in names}, 626),
        ("videomaker.safetensors", {n: whole[n].contiguous() for n in names}, 626),
        (RELEASED, attention, 80),
    ]
    for number, (name, values, count) in enumerate(files):
        write = save_file if name.endswith("safetensors") else torch.save
        folder = folder_of(tmp_path / str(number), partial(write, values), name)
        found = read_weights(folder, base.unet)
        assert folder.provenance().repository.startswith("none") == (name != RELEASED)
        assert folder.provenance().status == "unrecorded"
        assert len(found) == count
        assert all(value.dtype == torch.float32 for value in found.values())
        assert all(torch.equal(found[n], values[n].float()) for n in found)


def test_weights_of_another_base_are_refused(base: AnimateDiff, tmp_path: Path) -> None:
    whole = tiny_animatediff(seed=1).unet.state_dict()
    third = {n: v for n, v in whole.items() if not n.startswith("mid_block.motion_modules")}
    name = next(iter(trained(base.unet)))
    wrong: dict[str, Any] = {
        "not there": third,
        "unknown": {**whole, "module.conv": torch.zeros(1)},
        "other shapes": {**whole, name: torch.zeros(3, 3)},
        "80 tensors are not there": {
            n: v for n, v in whole.items() if "attn1" not in n or "motion" in n
        },
        "not a table": {"epoch": 3},
    }
    for number, (message, values) in enumerate(wrong.items()):
        folder = folder_of(tmp_path / str(number), partial(torch.save, values))
        with pytest.raises(UserError, match=message):
            read_weights(folder, base.unet)


class Harm:
    """What a pickle may do when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_no_code_of_a_file_is_run(base: AnimateDiff, tmp_path: Path) -> None:
    torch.save({"weight": Harm(tmp_path / "mark")}, tmp_path / "harm")
    harm = (tmp_path / "harm").read_bytes()
    for number, content in enumerate((harm, harm[:200], b"")):
        folder = folder_of(
            tmp_path / str(number), lambda path, data=content: path.write_bytes(data)
        )
        with pytest.raises(UserError, match=r"not loaded|damaged"):
            read_weights(folder, base.unet)
    assert not (tmp_path / "mark").exists()


@pytest.fixture(scope="module")
def base_folder(base: AnimateDiff, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    save_animatediff(base, folder)
    return folder


@pytest.fixture
def people(tmp_path: Path) -> tuple[Suite, Path]:
    """Suite videomaker-human with one person's picture and mask, two prompts, small videos."""
    rng = np.random.default_rng(0)
    for place, content in (
        ("refs", rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)),
        ("masks", np.pad(np.full((20, 20), 255, np.uint8), 10)),
    ):
        file = tmp_path / "own" / place / "ada" / "00.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(content).save(file)
    suite = load_suite("videomaker-human", references=tmp_path / "own" / "refs")
    video = VideoSpec(frames=2, fps=8.0, width=64, height=64)
    prompts = dict(list(suite.prompts.items())[:2])
    return suite.model_copy(update={"video": video, "prompts": prompts}), tmp_path / "own" / "refs"


def test_a_suite_of_people(
    people: tuple[Suite, Path], base_folder: Path, weights: BaseFolder, tmp_path: Path
) -> None:
    suite, references = people
    request = Request(
        suite, "videomaker", tmp_path / "out", references=references, base_folder=base_folder,
        method_folder=weights.folder, changes=("sampling_steps=1",), device="cpu",
    )  # fmt: skip
    prepared = prepare(request)
    assert prepared.settings.base is not None
    assert prepared.settings.base.base == "animatediff-v3-realistic-vision"
    (used,) = prepared.settings.weights
    assert used.base == "videomaker-human"
    assert used.repository == "none: weights of one's own"
    assert used.status == "random"
    assert list(used.sha256) == ["videomaker.safetensors"]
    outcome = run(prepared, Silent())
    assert (outcome.made, outcome.failures) == (2, [])
    assert set(videos(request.out)) == {f"{job.id}.mp4" for job in suite.jobs}


def test_what_is_missing_or_too_much_is_one_error(
    people: tuple[Suite, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base, weights and masks together; pairs of several subjects; bases of other networks."""
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(tmp_path / "none"))
    suite, references = people
    next(references.parent.rglob("masks/ada/00.png")).unlink()
    request = Request(suite, "videomaker", tmp_path / "out", references=references)
    with pytest.raises(UserError) as caught:
        prepare(request)
    text = str(caught.value)
    for part in (
        "base weights are missing: 1 model(s)", "weights of videomaker are missing: 1 model(s)",
        "hf download SugerWu/VideoMaker --include 'human_pytorch_model.bin'", "European Union",
        "animatediff-motion-adapter-v1-5-3", "--method-dir DIR", "masks are missing for 1",
    ):  # fmt: skip
        assert part in text
    with pytest.raises(UserError, match="cannot be put on text2video-zero"):
        prepare(replace(request, base="text2video-zero"))
    pairs = replace(request, suite=load_suite("mini"), references=None)
    with pytest.raises(UserError, match="more subjects than the method takes"):
        prepare(pairs)
    with pytest.raises(UserError) as caught:
        prepare(replace(pairs, changes=("subjects=collage",)))
    assert "more subjects" not in str(caught.value)
    assert "do not fit mini-animatediff" in str(caught.value)
    assert "hf download" not in str(caught.value)


def test_exactly_the_stated_parameters_are_its_weights(base: AnimateDiff) -> None:
    before = base_state(base)
    names = set(trained(base.unet))
    assert len(names) == 626
    rest = {key.removeprefix("unet.") for key in before if key.startswith("unet.")} - names
    assert not any("motion_modules" in name and "pos_embed" not in name for name in rest)
    assert not any(".attn1." in name for name in rest)
    assert all(".attn1." in name or ".motion_modules." in name for name in names)
