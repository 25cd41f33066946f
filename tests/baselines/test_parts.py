"""The parts that methods share: collage, class prompts and images, tokens, adapters."""

from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines.adapters import lora
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.collage import Picture, collage, read_pictures
from customstudio.baselines.examples import counted, instance
from customstudio.baselines.option_sets import Framing
from customstudio.baselines.prior import class_images, class_prompts
from customstudio.baselines.sampling import job_noise
from customstudio.baselines.seeds import choices
from customstudio.baselines.task import Task, TaskSubject
from customstudio.baselines.tokens import columns, initial_rows, token_rows
from customstudio.baselines.training import TrainingOptions
from customstudio.errors import UserError
from customstudio.suites.schema import VideoSpec
from tests.baselines.conftest import jobs, state


def task_of(side: int) -> Task:
    """One subject without pictures of its own, in square videos."""
    video = VideoSpec(frames=1, fps=8.0, width=side, height=side)
    return Task("mini", "cat", (TaskSubject("cat", "cat", ()),), video)


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.3])
@pytest.mark.parametrize("size", [(64, 96), (90, 121)])
def test_masks_go_with_their_pictures(task: Task, scale: float, size: tuple[int, int]) -> None:
    """Blue is the first subject, red the second: their masks cover them, and little else."""
    (cats, dogs) = read_pictures(task.subjects, masks=True, remove_background=True)
    image, masks, _ = collage([cats[0], dogs[0]], size, scale)
    assert image.shape == (*size, 3)
    blue = (image[..., 2] > 150) & (image[..., 0] < 100)
    red = (image[..., 0] > 150) & (image[..., 2] < 100)
    for colour, mask in ((blue, masks[0]), (red, masks[1])):
        assert (colour & mask).sum() / (colour | mask).sum() > 0.85
    assert not (masks[0] & masks[1]).any()
    assert (image[~masks.any(0)] > 90).mean() > 0.9  # the grey background is gone


def test_a_picture_that_fills_its_frame_leaves_no_margin() -> None:
    grey = Picture(np.full((10, 30, 3), 90, np.uint8), np.ones((10, 30), np.bool_))
    filled, masks, covered = collage([grey, grey], (40, 40), framing="fill")
    assert (filled == 90).all()
    assert masks.any(0).all()
    assert covered.all()
    whole, masks, covered = collage([grey, grey], (40, 40), framing="whole")
    assert (whole == 255).any()
    assert np.array_equal(masks.any(0), whole[..., 0] == 90)
    assert np.array_equal(covered, whole[..., 0] == 90)


@pytest.mark.parametrize("framing", ["whole", "fill"])
def test_augmentations_move_masks_too(framing: Framing) -> None:
    """What is 200 is the subject, in one corner of its picture: flipped, shrunk, or enlarged."""
    picture = Picture(np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96), np.bool_))
    picture.mask[:40, :24] = True
    picture.image[picture.mask] = 200
    rng = choices("masks")
    left = []
    for _ in range(40):
        example = instance(task_of(96), [[picture]], (0,), rng, augment=True, framing=framing)
        subject = np.abs(example.image[..., 0].astype(int) - 200) < 40
        (mask,) = example.masks
        if mask.any():  # it may lie beyond the edge of a picture that came closer
            assert (subject & mask).sum() / (subject | mask).sum() > 0.75
            left.append(float(np.flatnonzero(mask.any(0)).mean()) < 48)
    assert 8 < sum(left) < len(left) - 8


def test_prompts_say_the_scale(task: Task) -> None:
    pictures = read_pictures(task.subjects, masks=True, remove_background=True)
    rng = choices("scales")
    seen = {}
    for _ in range(60):
        example = instance(task, pictures, (0, 1), rng, augment=True, framing="whole")
        word = example.prompt.split("a <new1>")[0]
        seen.setdefault(word, []).append(int(example.masks.sum()))
    assert set(seen) == {"", "very small ", "close up "}
    assert max(seen["very small "]) < min(seen["close up "])
    assert example.prompt.endswith("a <new1> cat and a <new2> dog")


def test_a_prompt_names_subjects_in_the_order_of_the_panels(task: Task) -> None:
    colours = [
        [Picture(np.full((10, 30, 3), grey, np.uint8), np.ones((10, 30), np.bool_))]
        for grey in (90, 200)
    ]
    for who, words, greys in (
        ((0, 1), "a <new1> cat and a <new2> dog", (90, 200)),
        ((1, 0), "a <new2> dog and a <new1> cat", (200, 90)),
    ):
        shown = instance(task, colours, who, choices("order"), augment=False, framing="fill")
        assert shown.prompt == words
        middle, half = shown.image.shape[0] // 2, shown.image.shape[1] // 2
        row = shown.image[middle, :, 0]
        assert (set(row[: half - 1]), set(row[half + 1 :])) == ({greys[0]}, {greys[1]})
        # The first mask is the first subject's, wherever its panel is.
        left = shown.masks[who[0]]
        assert left[:, : half - 1].all()
        assert not left[:, half + 1 :].any()


def test_white_around_a_picture_that_shrank_does_not_count(task: Task) -> None:
    grey = [[Picture(np.full((10, 30, 3), 90, np.uint8), np.ones((10, 30), np.bool_))]] * 2
    rng = choices("white")
    drawn = [
        (instance(task, grey, who, rng, augment=True, framing="fill"), who)
        for who in [(0,), (1, 0)] * 30
    ]
    white = [example for example, _ in drawn if (example.image == 255).any()]
    assert len(white) > 20
    assert all(np.array_equal(e.counted, e.image[..., 0] == 90) for e in white)
    full = [example for example, _ in drawn if not (example.image == 255).any()]
    assert len(full) > 10
    assert all(example.counted is None for example in full)
    assert counted(full) is None
    masks = counted([full[0], white[0]])
    assert masks is not None
    assert masks[0].all()
    assert np.array_equal(masks[1], white[0].counted)
    # A collage on white is meant to be one: all of it counts.
    whole = [instance(task, grey, (0, 1), rng, augment=True, framing="whole") for _ in range(9)]
    assert all(example.counted is None for example in whole)


def test_class_prompts_are_two_hundred() -> None:
    prompts = class_prompts("orange cat")
    assert len(set(prompts)) == 200
    assert all(prompt.startswith("an orange cat ") for prompt in prompts)


def test_class_images_are_made_once(
    model: VideoModel, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    options = TrainingOptions(class_images=3, sampling_steps=2)
    first = class_images(model, task.subjects[0], (64, 64), options, lambda: steps.append(1))
    assert len(steps) == options.prior_steps == 2
    with monkeypatch.context() as patch:
        patch.setattr(model, "output", lambda *a: pytest.fail("sampled again"))
        second = class_images(model, task.subjects[0], (64, 64), options, lambda: steps.append(1))
    assert len(steps) == 4  # what the cache spares is progress too
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))
    more = options.model_copy(update={"class_images": 5})
    again = class_images(model, task.subjects[0], (64, 64), more)
    assert np.array_equal(again[0].image, first[0].image)
    assert len(again) == 5


def test_class_images_do_not_depend_on_what_was_there(
    model: VideoModel, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed among them, or wanted fewer, leaves the same ones to the next."""
    options = TrainingOptions(class_images=10, sampling_steps=2)
    monkeypatch.setenv("CUSTOMSTUDIO_CACHE", str(tmp_path / "whole"))
    class_images(model, task.subjects[0], (64, 64), options)
    monkeypatch.setenv("CUSTOMSTUDIO_CACHE", str(tmp_path / "parts"))
    few = options.model_copy(update={"class_images": 3})
    class_images(model, task.subjects[0], (64, 64), few)
    for path in sorted((tmp_path / "parts").rglob("00[2-6].png")):
        path.unlink()
    class_images(model, task.subjects[0], (64, 64), options)
    whole, parts = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.png")}
        for name in ("whole", "parts")
    )
    assert len(whole) == 16
    assert whole == parts


def test_tokens_have_rows_of_their_own(model: VideoModel) -> None:
    before = state(model)
    rows = initial_rows(model, ["cat", "dog"], "noun")
    plain = model.encode_text(["a cat"])
    with token_rows(model, rows) as embedding:
        prompts = ["a <new1> cat and a <new2>dog", "a <NEW2> dog"]
        at = columns(model.token_ids(prompts), model, 2)
        assert at.sum(-1).tolist() == [[1, 1], [0, 1]]
        # "a", token, then the noun's three letters
        assert columns(model.token_ids(prompts), model, 2, nouns=True).sum(-1).tolist() == [
            [2, 2],
            [0, 2],
        ]
        assert torch.equal(model.encode_text(["a cat"]), plain)
        one = model.encode_text(prompts)
        with torch.no_grad():
            embedding.rows[1] += 1
        two = model.encode_text(prompts)
        assert not torch.equal(one[1], two[1])
        with pytest.raises(UserError, match="cut"):
            model.token_ids(["a" * 90 + " <new1> cat"])
    after = state(model)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_adapters_start_as_nothing_and_leave_no_trace(model: VideoModel) -> None:
    before, names = state(model), [n for n, _ in model.unet.named_modules()]
    noisy, t = torch.randn(1, 4, 2, 8, 8), torch.tensor([9])
    text = model.encode_text(["a cat"])
    plain = model.predict(noisy, t, text)
    with lora(model.unet, rank=4) as adapters:
        assert torch.equal(model.predict(noisy, t, text), plain)
        assert {name for name, p in model.unet.named_parameters() if p.requires_grad} == set(
            adapters
        )
        assert not any("temp" in name or "transformer_in" in name for name in adapters)
        with torch.no_grad():
            for parameter in adapters.values():
                parameter += 0.1
        changed = model.predict(noisy, t, text)
        values = {name: p.detach().clone() for name, p in adapters.items()}
    assert not torch.equal(changed, plain)
    with lora(model.unet, values=values):
        assert torch.equal(model.predict(noisy, t, text), changed)
    assert torch.equal(model.predict(noisy, t, text), plain)
    assert names == [n for n, _ in model.unet.named_modules()]
    after = state(model)
    assert before.keys() == after.keys()
    assert not any(p.requires_grad for p in model.unet.parameters())


def test_noise_is_of_the_job_alone(task: Task) -> None:
    first, second = jobs(task)
    shape = (4, 3, 8, 8)
    assert torch.equal(job_noise("mini", first, shape), job_noise("mini", first, shape))
    assert not torch.equal(job_noise("mini", first, shape), job_noise("mini", second, shape))
    assert not torch.equal(job_noise("mini", first, shape), job_noise("other", first, shape))
