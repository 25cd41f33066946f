"""CustomVideo: what trains, what it counts to at full size, what a fit leaves behind."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines import customvideo, reconstruction
from customstudio.baselines.attention import recording
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.collage import read_pictures
from customstudio.baselines.customvideo import CustomVideoOptions
from customstudio.baselines.examples import Example, instance
from customstudio.baselines.fitting import fitting
from customstudio.baselines.options import override
from customstudio.baselines.parameters import projections
from customstudio.baselines.reconstruction import reconstruction_loss
from customstudio.baselines.seeds import choices, generator
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import columns, initial_rows
from customstudio.baselines.training import trainable
from customstudio.baselines.tuned import applied, load, save
from customstudio.errors import UserError
from tests.baselines.conftest import jobs, state
from tests.baselines.test_losses import equation_2

FAST = CustomVideoOptions(steps=2, rate=1e-2, class_images=2, sampling_steps=2)


def nothing() -> None:
    """A progress that nobody watches."""


@pytest.mark.parametrize(
    ("which", "layers", "tensors", "millions"),
    [
        ("kv", "spatial", 32, 25.56),
        ("kv", "spatial+temporal", 66, 50.87),
        ("qv", "spatial", 32, 25.17),
        ("qv", "spatial+temporal", 66, 50.48),
    ],
)
def test_counts_at_full_size(which: str, layers: str, tensors: int, millions: float) -> None:
    from diffusers import UNet3DConditionModel

    with torch.device("meta"):
        unet = UNet3DConditionModel()
    found = projections(unet, which, layers)  # type: ignore[arg-type]
    assert len(found) == tensors
    assert sum(p.numel() for p in found.values()) / 1e6 == pytest.approx(millions, abs=0.011)


def gradients(
    model: VideoModel, task: Task, options: CustomVideoOptions
) -> dict[str, float | None]:
    """The largest gradient of every parameter after one backward pass; None: it has none."""
    weights = projections(model.unet, options.train, options.layers)
    rows = initial_rows(model, ["cat", "dog"], "rare")
    pictures = read_pictures(task.subjects, masks=True, remove_background=True)
    rng = choices("test")
    ours = [instance(task, pictures, (0, 1), rng, augment=True, framing="whole") for _ in range(2)]
    with fitting(model, rows, weights=weights) as fit:
        parameters = [*weights.values(), fit.embedding.rows]
        with trainable(parameters):
            needs = {n for n, p in model.unet.named_parameters() if p.requires_grad}
            assert needs == set(weights)
            assert [n for n, p in model.text_encoder.named_parameters() if p.requires_grad] == [
                "embeddings.token_embedding.rows"
            ]
            loss = customvideo.step_loss(Bases(model), ours, [], options, generator("test"))
            loss.backward()  # type: ignore[no-untyped-call]
            named = {**weights, "rows": fit.embedding.rows}
            return {
                name: None if p.grad is None else float(p.grad.abs().max())
                for name, p in named.items()
            }


@pytest.mark.parametrize(("which", "idle"), [("kv", "to_k"), ("qv", "to_q")])
def test_what_trains(model: VideoModel, task: Task, which: str, idle: str) -> None:
    found = gradients(model, task, override(CustomVideoOptions(), [f"train={which}"]))
    assert len(found) == 67
    for name, value in found.items():
        temporal = "temp_attentions" in name or name.startswith("transformer_in")
        if temporal and name.endswith(f"{idle}.weight"):
            assert value == 0.0, name  # softmax over one frame is 1, whatever the key
        else:
            assert value, name


def test_the_attention_loss_alone_reaches_what_lies_before_it(
    model: VideoModel, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reconstruction.denoising_errors
    monkeypatch.setattr(reconstruction, "denoising_errors", lambda *a, **k: real(*a, **k) * 0)
    found = gradients(model, task, CustomVideoOptions())
    assert found["rows"]
    assert sum(bool(value) for name, value in found.items() if name != "rows") == 29


def test_the_loss_is_recon_and_prior_and_alpha_times_equation_2(model: VideoModel) -> None:
    """Class images are in the reconstruction; the maps of their prompts are in nothing."""
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3)).astype(np.uint8)
    masks = np.zeros((2, 2, 64, 96), np.bool_)
    masks[:, 0, 10:50, 3:40], masks[:, 1, 5:60, 52:90] = True, True
    prompt = "a <new1> cat and a <new2> dog"
    ours = [Example(image, mask, prompt) for image, mask in zip(images[:2], masks, strict=True)]
    theirs = [Example(image, masks[0], "a cat and a dog") for image in images[2:]]
    options = CustomVideoOptions(alpha=0.7, levels=(2, 3), eta=-0.1, prior_weight=0.4)
    with torch.no_grad(), fitting(model, initial_rows(model, ["cat", "dog"], "rare")):
        found = customvideo.step_loss(Bases(model), ours, theirs, options, generator("loss"))
        with recording(model.unet, (2, 3)) as maps:
            plain = reconstruction_loss(model, ours, theirs, options, generator("loss"))
        token = columns(model.token_ids([prompt] * 2), model, 2)
    at = [[np.flatnonzero(of_subject).tolist() for of_subject in sample] for sample in token]
    of_ours = {level: [m[:2].double().numpy() for m in kept] for level, kept in maps.items()}
    expected = float(plain) + 0.7 * equation_2(of_ours, at, masks, options)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert expected - float(plain) > 0.01


def test_a_fit_changes_nothing_else(model: VideoModel, task: Task, tmp_path: Path) -> None:
    before = state(model)
    steps: list[int] = []
    tuned = customvideo.fit(Bases(model), task, FAST, lambda: steps.append(1))
    after = state(model)
    assert len(steps) == FAST.fit_steps + len(task.subjects) * FAST.prior_steps == 6
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(p.requires_grad for p in model.unet.parameters())
    assert len(tuned.weights) == 66
    assert set(tuned.rows) == {"<new1>", "<new2>"}
    moved = {n for n, value in tuned.weights.items() if not torch.equal(value, before[f"unet.{n}"])}
    assert len(moved) == 66  # weight decay moves the temporal keys too
    with applied(model, tuned):
        on_it = state(model)
    changed = {n for n in before if n in on_it and not torch.equal(before[n], on_it[n])}
    assert changed == {f"unet.{name}" for name in tuned.weights}

    save(tuned, tmp_path / "fit.safetensors", {"method": "customvideo"})
    again, notes = load(tmp_path / "fit.safetensors")
    assert notes["method"] == "customvideo"
    for part in ("weights", "rows", "lora"):
        ours, theirs = getattr(tuned, part), getattr(again, part)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    videos = [
        customvideo.generate(Bases(model), fit, task, jobs(task), FAST, nothing)
        for fit in (tuned, again)
    ]
    assert videos[0].shape == (2, 3, 64, 64, 3)
    assert np.array_equal(*videos)


def test_a_fit_is_the_same_twice_and_depends_on_the_pair(model: VideoModel, task: Task) -> None:
    first, second = (customvideo.fit(Bases(model), task, FAST, nothing) for _ in range(2))
    assert all(torch.equal(first.rows[name], second.rows[name]) for name in first.rows)
    elsewhere = Task(task.suite, "another", task.subjects, task.video)
    other = customvideo.fit(Bases(model), elsewhere, FAST, nothing)
    assert not torch.equal(first.rows["<new1>"], other.rows["<new1>"])


@pytest.mark.parametrize(
    "changes",
    [
        ["compose=single", "remove_background=false"],
        ["compose=both", "prior_weight=0"],
        ["train=qv", "layers=spatial", "levels=2+4"],
        ["alpha=0", "augment=false", "start=noun", "class_images_by=class"],
        ["attend=token+noun"],
        ["high_resolution=true", "xl_steps=2"],
    ],
    ids=",".join,
)
def test_every_switch_runs(model: VideoModel, task: Task, changes: list[str]) -> None:
    options = override(FAST.model_copy(update={"steps": 1}), changes)
    bases = Bases(model, model if options.high_resolution else None)
    tuned = customvideo.fit(bases, task, options, nothing)
    video = customvideo.generate(bases, tuned, task, jobs(task, 1), options, nothing)
    assert video.shape == (1, 3, *((112, 112) if options.high_resolution else (64, 64)), 3)


def test_bfloat16_is_near_float32(model: VideoModel, task: Task) -> None:
    plain = customvideo.fit(Bases(model), task, FAST, nothing)
    half = dataclasses.replace(model, autocast=True)
    tuned = customvideo.fit(Bases(half), task, FAST, nothing)
    assert all(value.dtype == torch.float32 for value in tuned.weights.values())
    # AdamW's first steps go by signs: what moved at all moved the same way.
    start = initial_rows(model, ["cat", "dog"], FAST.start)["<new1>"]
    moved, halved = (t.rows["<new1>"] - start for t in (plain, tuned))
    far = moved.abs() > 0.015
    assert far.any()
    assert torch.equal(moved[far].sign(), halved[far].sign())
    video = customvideo.generate(Bases(half), tuned, task, jobs(task, 1), FAST, nothing)
    assert video.shape == (1, 3, 64, 64, 3)


@pytest.mark.parametrize("change", ["steps=0", "levels=5", "alpha=-1", "xl_strength=2", "rate=0"])
def test_senseless_values_are_refused(change: str) -> None:
    with pytest.raises(UserError) as caught:
        override(CustomVideoOptions(), [change])
    assert change.split("=")[0] in str(caught.value)


def test_missing_masks_are_all_named(model: VideoModel, task: Task) -> None:
    bare = [
        s.__class__(s.id, s.noun, tuple(r.model_copy(update={"mask": None}) for r in s.references))
        for s in task.subjects
    ]
    with pytest.raises(UserError) as caught:
        customvideo.fit(Bases(model), Task("mini", "p", tuple(bare), task.video), FAST, nothing)
    assert "pet_cat" in str(caught.value)
    assert "pet_dog" in str(caught.value)
