"""Training VideoMaker on the embedded world: what it shows, what changes, that it goes on."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.autograd.graph import saved_tensors_hooks

from customstudio.baselines import train_videomaker, videomaker
from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.full import full_base
from customstudio.baselines.bases.mini.data import scene
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff, tiny_animatediff
from customstudio.baselines.reference_frame import injecting
from customstudio.baselines.seeds import choices
from customstudio.baselines.task import Bases
from customstudio.baselines.train_videomaker import Training, examples, step_losses, train
from customstudio.baselines.training import trainable
from customstudio.baselines.trial import base_state, drawn_task
from customstudio.baselines.tuned import Tuned
from customstudio.baselines.videomaker_weights import OURS, SPECS, read_weights, trained
from customstudio.errors import UserError
from tests.baselines.conftest import jobs

FRAMES = 2


def short(model: AnimateDiff, **changes: Any) -> Training:
    """Small videos at a high rate; no example lacks its reference."""
    given = {"frames": FRAMES, "size": 32, "batch": 2, "rate": 5e-3, "drop_reference": 0.0}
    given |= {"drop_both": 0.0}
    return Training(base=model.provenance, **{**given, **changes})


def loss_on(model: AnimateDiff, options: Training, step: int = 99) -> dict[str, float]:
    """Both losses, on the videos, the times and the noise of one step."""
    with torch.no_grad(), injecting(model.unet, options.frames):
        return {name: float(value) for name, value in step_losses(model, options, step).items()}


def test_an_example_is_a_video_and_its_subject_on_white() -> None:
    """Of one subject each; the reference is a frame of the video, white outside the subject."""
    options = short(tiny_animatediff(), size=64, frames=4, batch=6)
    shown = examples(3, options)
    rng = choices("videomaker", 3)
    while len((told := scene(int(rng.integers(train_videomaker.SCENES)))).subjects) > 1:
        pass
    assert shown[0].prompt == told.caption
    for example in shown:
        assert example.video.shape == (4, 64, 64, 3)
        assert "and a" not in example.prompt
        subject = (example.reference != 255).any(-1)
        assert 0.01 < subject.mean() < 0.7
        assert any(
            np.array_equal(frame[subject], example.reference[subject]) for frame in example.video
        )
    again = examples(3, options)
    assert all(np.array_equal(a.video, b.video) for a, b in zip(shown, again, strict=True))
    assert not np.array_equal(shown[0].video, examples(4, options)[0].video)


def test_references_and_prompts_are_dropped_as_often_as_stated(monkeypatch: Any) -> None:
    still = train_videomaker.render(scene(0), 16)
    monkeypatch.setattr(train_videomaker, "render", lambda *_: still)
    options = short(
        tiny_animatediff(), batch=4000, drop_reference=0.2, drop_prompt=0.1, drop_both=0.3
    )
    kinds = [(e.keep_reference, bool(e.prompt)) for e in examples(0, options)]
    for kind, part in (((False, True), 0.2), ((True, False), 0.1), ((False, False), 0.3)):
        assert abs(kinds.count(kind) / 4000 - part) < 0.03  # four standard errors


def test_the_sum_is_equation_5(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = tiny_animatediff(), []

    def known(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(given)
        return torch.tensor(0.7), torch.tensor(0.4)

    monkeypatch.setattr(train_videomaker, "losses", known)
    found = step_losses(model, short(model, beta=0.1), 5)
    assert float(sum(found.values())) == pytest.approx(0.7 + 0.1 * 0.4)
    _, video, reference, text, kept, _, alpha = seen[0]
    assert video.shape == (2, 4, FRAMES, 4, 4)
    assert reference.shape == (2, 4, 1, 4, 4)
    assert (text.shape, kept.tolist(), alpha) == ((2, 77, 16), [True, True], 0.01)


def test_a_few_steps_lower_both_losses_and_change_what_is_stated(tmp_path: Path) -> None:
    model = tiny_animatediff()
    options, before = short(model), base_state(model)
    losses = loss_on(model, options)
    path = train(model, tmp_path, 14, options, every=7)
    after = loss_on(model, options)
    assert after["video"] < losses["video"] - 0.01
    assert after["reference"] < losses["reference"] - 0.001
    changed = {n for n, value in base_state(model).items() if not torch.equal(value, before[n])}
    assert changed == {f"unet.{name}" for name in trained(model.unet)}
    assert len(changed) == 626
    assert not any(p.requires_grad for p in model.unet.parameters())
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
    (folder,) = locate([SPECS[0]], tmp_path)
    assert folder.provenance().status == "random", "its base is"
    found, fresh = read_weights(folder, model.unet), trained(model.unet)
    assert path == tmp_path / OURS
    assert all(torch.equal(found[name], fresh[name]) for name in fresh)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the training be killed in a step."""

    def at(step: int) -> None:
        def killed(model: Any, options: Any, number: int) -> Any:
            if number == step:
                raise KeyboardInterrupt
            return step_losses(model, options, number)

        monkeypatch.setattr(train_videomaker, "step_losses", killed)

    return at


def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path: Path, interrupt: Callable[[int], None]
) -> None:
    model = tiny_animatediff()
    options = short(model, batch=1)
    whole = train(tiny_animatediff(), tmp_path / "whole", 4, options, every=2)
    interrupt(3)
    with pytest.raises(KeyboardInterrupt):
        train(model, tmp_path / "killed", 4, options, every=2)
    assert not any(p.requires_grad for p in model.unet.parameters())
    assert not (tmp_path / "killed" / OURS).exists()
    interrupt(0)  # it begins at step 2
    killed = train(tiny_animatediff(), tmp_path / "killed", 4, options, every=2)
    assert killed.read_bytes() == whole.read_bytes()
    interrupt(3)  # it begins at step 4
    longer = train(tiny_animatediff(), tmp_path / "killed", 5, options, every=2)
    fourth, fifth = load_file(whole), load_file(longer)
    assert not any(torch.equal(fourth[name], fifth[name]) for name in fourth)


@pytest.mark.parametrize(
    ("steps", "done", "says"),
    [(0, None, "nothing to do"), (-3, None, "nothing to do"), (4, 5, "has 5 already")],
)
def test_fewer_steps_than_there_are_to_do_are_refused(
    steps: int, done: int | None, says: str, tmp_path: Path
) -> None:
    model = tiny_animatediff()
    if done:
        torch.save({"module": {}, "optimizer": {}, "step": done}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=says) as caught:
        train(model, tmp_path, steps, short(model))
    assert f"--steps {steps}" in caught.value.where
    assert not (tmp_path / "training.json").exists()
    assert not (tmp_path / OURS).exists()


@pytest.mark.parametrize("text", ["{", '{"base": null}', '{"older": 1}'])
def test_a_damaged_record_is_refused(text: str, tmp_path: Path) -> None:
    model = tiny_animatediff()
    (tmp_path / "training.json").write_text(text)
    with pytest.raises(UserError, match="damaged") as caught:
        train(model, tmp_path, 1, short(model))
    assert "training.json" in caught.value.where
    assert (tmp_path / "training.json").read_text() == text


def test_recomputing_activations_changes_nothing(tmp_path: Path) -> None:
    """The reference is injected again on the way back, and much less is kept until then."""
    files, kept = [], []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[-1] += tensor.numel()
        return tensor

    for recompute in (False, True):
        model = tiny_animatediff()
        kept.append(0)
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            out = tmp_path / str(recompute)
            files.append(train(model, out, 2, short(model), recompute=recompute).read_bytes())
    assert files[0] == files[1]
    assert kept[1] < kept[0] / 2


@pytest.mark.filterwarnings("ignore")
def test_the_command_ends_in_weights_that_generate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny_animatediff()
    save_animatediff(base, tmp_path / "base")
    common = [
        "--out",
        str(tmp_path / "out"),
        "--base-dir",
        str(tmp_path / "base"),
        "--device",
        "cpu",
    ]
    small = ["--steps", "1", "--set", "size=32", "--set", "batch=1"]
    train_videomaker.main([*common, *small, "--set", "frames=2"])
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / OURS)
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["base"]["base"] == "animatediff-v3-realistic-vision"
    assert (record["rate"], record["weight_decay"], record["alpha"], record["beta"]) == (
        1e-5, 1e-2, 0.01, 0.1
    )  # fmt: skip

    two = drawn_task(tmp_path)
    task = dataclasses.replace(two, pair="pet_cat", subjects=two.subjects[:1])
    weights = dict(zip(["videomaker-human"], locate([SPECS[0]], tmp_path / "out"), strict=True))
    options = videomaker.VideoMakerOptions(sampling_steps=1)
    made = videomaker.generate(
        Bases(base, weights=weights), Tuned(), task, jobs(task, 1), options, lambda: None
    )
    assert made.shape == (1, 3, 64, 64, 3)

    for wrong, message in (
        (["--set", "frames=2", "--set", "rate=1"], "another rate\n"),
        (["--set", "frames=0"], "frames: "),
        (["--base", "zeroscope-576w"], "cannot be trained on zeroscope-576w"),
        (["--set", "frames=32"], "33 frames"),
        (["--every", "0"], "--every: 0: at least 1"),
        (["--set", "frames=2"], "this checkpoint cannot be read"),
    ):
        if "checkpoint" in message:
            (tmp_path / "out" / "checkpoint.pt").write_bytes(b"torn")
        with pytest.raises(SystemExit) as caught:
            train_videomaker.main([*common, *small, *wrong])
        assert caught.value.code == 2
        assert message in capsys.readouterr().err


def test_a_step_at_full_size_reaches_what_is_stated() -> None:
    """On the meta device: spatial self-attention and motion modules have gradients, no others."""
    full = full_base("animatediff-v3-realistic-vision", "meta")
    options = Training(base=full.provenance, frames=16, size=512, batch=1)
    names = trained(full.unet)
    with trainable(list(names.values())), injecting(full.unet, 16):
        torch.stack(list(step_losses(full, options, 0).values())).sum().backward()  # type: ignore[no-untyped-call]
        reached = {n: p for n, p in full.unet.named_parameters() if p.grad is not None}
    assert reached.keys() == names.keys()
    assert len(reached) == 600
    assert sum(p.numel() for p in reached.values()) == 466_711_680
