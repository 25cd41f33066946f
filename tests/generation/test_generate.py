"""Whole generations at toy size: resume, refusal, failures, plans, the command line."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from customstudio.baselines import untuned
from customstudio.baselines.options import override
from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.generation import grid, runner
from customstudio.generation.parts import Parts
from customstudio.generation.plan import make_plan
from customstudio.generation.prepare import Request, outline, prepare
from customstudio.generation.records import Settings, Sidecar
from customstudio.media.video import read_video
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Suite
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401

torch.set_num_threads(1)
FAST = ("steps=1", "class_images=2", "sampling_steps=1")


class Silent:
    """A progress that counts."""

    def __init__(self) -> None:
        self.total = self.steps = 0
        self.notes: list[str] = []

    def start(self, total: int) -> None:
        self.total = total

    def advance(self, steps: int) -> None:
        self.steps += steps

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop(self) -> None:
        self.notes.append("stopped")


@pytest.fixture(scope="module")
def suite() -> Suite:
    """Two pairs of suite mini, two prompts, both seeds, small videos."""
    mini = load_suite("mini")
    pairs = {name: mini.pairs[name] for name in list(mini.pairs)[:2]}
    sets = {pair.template_set for pair in pairs.values()}
    prompts = {name: p for name, p in mini.prompts.items() if p.template_set in sets}
    video = mini.video.model_copy(update={"frames": 2}) if mini.video else None
    return mini.model_copy(
        update={"pairs": pairs, "prompts": dict(list(prompts.items())[:2]), "video": video}
    )


@pytest.fixture
def request_of(suite: Suite, tiny_folder: Path, tmp_path: Path) -> Any:  # noqa: F811
    def make(method: str = "untuned", **changes: Any) -> Request:
        given: dict[str, Any] = {"changes": ("sampling_steps=1",), "device": "cpu", **changes}
        return Request(suite, method, tmp_path / "out", base_folder=tiny_folder, **given)

    return make


def videos(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.mp4"))}


def test_the_tree_is_the_suites(request_of: Any, suite: Suite) -> None:
    request, progress = request_of("customvideo", changes=FAST, batch=3), Silent()
    outcome = runner.run(prepare(request), progress)
    assert outcome.made == len(suite.jobs) == 8
    assert not outcome.failures
    assert progress.steps == progress.total
    assert set(videos(request.out)) == {f"{job.id}.mp4" for job in suite.jobs}
    assert not list(request.out.rglob("*.safetensors"))
    job = suite.jobs[0]
    video = read_video(request.out / f"{job.id}.mp4")
    assert video.frames.shape == (2, 64, 64, 3)
    assert video.fps == pytest.approx(8)
    settings = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    sidecar = Sidecar.model_validate_json((request.out / f"{job.id}.json").read_bytes())
    assert sidecar.settings == settings.digest
    assert settings.name.startswith("customvideo[")
    assert all(change in settings.name for change in FAST)
    assert settings.base is not None
    assert settings.base.status == sidecar.base_status == "random"
    assert list(sidecar.tokens) == ["<new1>", "<new2>"]


def test_the_evaluation_finds_what_was_made(request_of: Any, suite: Suite) -> None:
    from customstudio.evaluation.discover import discover

    request = request_of()
    runner.run(prepare(request), Silent())
    found = discover(request.out, suite=suite)
    assert all(item.path is not None for item in found.items)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_killed_run_goes_on(
    request_of: Any, suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, batch: int
) -> None:
    """Killed in the middle of writing the fourth video: three are there, whole; then the rest."""
    whole = request_of("custom_diffusion", changes=FAST, batch=batch)
    runner.run(prepare(whole), Silent())
    request = Request(**{**whole.__dict__, "out": tmp_path / "killed"})
    fits, written, write = [], [], runner.write_video

    def killed(path: Path, frames: Any, fps: float) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(path, frames, fps)

    module = runner.catalog.method("custom_diffusion")
    fit = module.fit
    monkeypatch.setattr(module, "fit", lambda *a: fits.append(a[1].pair) or fit(*a))
    monkeypatch.setattr(runner, "write_video", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.run(prepare(request), Silent())
    assert len(videos(request.out)) == 3
    assert not list(request.out.rglob("*.tmp"))
    monkeypatch.setattr(runner, "write_video", write)
    progress = Silent()
    outcome = runner.run(prepare(request), progress)
    assert (outcome.made, outcome.there) == (5, 3)
    assert progress.steps == progress.total
    assert fits == list(suite.pairs), "the first pair's fit was kept"
    assert videos(request.out) == videos(whole.out)
    again = runner.run(prepare(request), Silent())
    assert (again.made, again.there) == (0, 8)
    (first, *_) = prepare(whole).left
    left = replace(first, todo=(first.jobs[1],))
    assert left.batches(3) == [first.jobs[:3]], "one is sampled with the neighbours that it had"
    assert left.batches(1) == [(first.jobs[1],)]


def test_shards_and_batches_make_the_same_videos(request_of: Any, tmp_path: Path) -> None:
    one = request_of(batch=1)
    runner.run(prepare(one), Silent())
    for index in (1, 2):
        part = request_of(batch=4, shard=(index, 2))
        part = Request(**{**part.__dict__, "out": tmp_path / "parts"})
        assert runner.run(prepare(part), Silent()).made == 4
    first, second = videos(one.out), videos(tmp_path / "parts")
    assert first.keys() == second.keys()
    for name in first:
        a, b = (
            read_video(root / name).frames.astype(int) for root in (one.out, tmp_path / "parts")
        )
        assert np.abs(a - b).mean() < 0.5


def test_settings_do_not_mix(request_of: Any) -> None:
    runner.run(prepare(request_of(pairs=None)), Silent())
    other = request_of(changes=("sampling_steps=1", "guidance=2"))
    with pytest.raises(UserError, match=r"guidance: 4\.0 there, 2\.0 here"):
        prepare(other)
    (other.out / "generation.json").unlink()
    with pytest.raises(UserError, match="8 videos were not made with these settings"):
        prepare(other)


def test_of_two_that_begin_at_once_one_has_the_folder(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's record comes between the look whether there is one and the writing of another."""
    first = prepare(request_of())
    second = prepare(request_of(changes=("sampling_steps=1", "guidance=2")))
    write = grid.write_text

    def late(path: Path, text: str, **kept: bool) -> None:
        write(path, first.settings.model_dump_json())
        write(path, text, **kept)

    monkeypatch.setattr(grid, "write_text", late)
    with pytest.raises(UserError, match=r"guidance: 4\.0 there, 2\.0 here"):
        runner.run(second, Silent())
    assert not list(first.request.out.rglob("*.mp4"))
    monkeypatch.setattr(grid, "write_text", write)
    assert runner.run(first, Silent()).made == 8


def test_a_pair_that_another_finished_is_not_fitted_again(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of("custom_diffusion", changes=FAST)
    late = prepare(request)
    runner.run(prepare(request), Silent())
    module = runner.catalog.method("custom_diffusion")
    monkeypatch.setattr(module, "fit", lambda *_: pytest.fail("it was fitted again"))
    outcome = runner.run(late, Silent())
    assert (outcome.made, outcome.failures) == (0, [])


def test_a_damaged_base_is_said_in_words(
    request_of: Any,
    tiny_folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    weights = next(path.relative_to(tiny_folder) for path in tiny_folder.glob("unet/*.safetensors"))
    for file in (weights, Path("unet/config.json"), Path("tokenizer/tokenizer.json")):
        shutil.copytree(tiny_folder, tmp_path / "base", dirs_exist_ok=True)
        damaged = tmp_path / "base" / file
        damaged.write_bytes(damaged.read_bytes()[:100])
        out = tmp_path / "out" / file.name
        request = replace(request_of(), base_folder=tmp_path / "base", out=out)
        with pytest.raises(UserError, match="cannot be loaded") as caught:
            runner.run(prepare(request), Silent())
        assert caught.value.where == str(tmp_path / "base")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("fault", ["lacking", "shape"])
def test_a_base_that_is_not_whole_is_refused(
    request_of: Any,
    tiny_folder: Path,  # noqa: F811
    tmp_path: Path,
    part: str,
    fault: str,
) -> None:
    """The libraries would fill in random values, and say so in a warning at most."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_folder, tmp_path / "base")
    (file,) = (tmp_path / "base" / part).glob("*.safetensors")
    state = load_file(file)
    name = sorted(name for name in state if name.endswith("weight"))[0]
    value = state.pop(name)
    if fault == "shape":
        state[name] = value[:1].repeat(3, *[1] * (value.dim() - 1))
    save_file(state, file, {"format": "pt"})
    request = replace(request_of(), base_folder=tmp_path / "base")
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        runner.run(prepare(request), Silent())
    assert fault == "shape" or f"{part} lacks 1 tensors, {name}" in caught.value.what


def test_changed_references_are_refused(request_of: Any, suite: Suite, tmp_path: Path) -> None:

    shutil.copytree(data_dir("mini") / "refs", tmp_path / "data" / "refs")
    request = request_of(references=tmp_path / "data" / "refs")
    job = suite.jobs[0]
    runner.run(prepare(request), Silent())
    (request.out / f"{job.id}.mp4").unlink()
    folder = tmp_path / "data" / "refs" / job.subjects[0]
    first, second = sorted(folder.iterdir())[:2]
    shutil.copy(second, first)
    with pytest.raises(UserError, match="changed since pair"):
        prepare(request)
    # A pair that is not begun yet has its subject in common.
    shutil.rmtree(request.out / job.pair)
    (request.out / ".pairs" / job.pair / "pair.json").unlink()
    (other,) = set(suite.pairs) - {job.pair}
    assert job.subjects[0] in suite.pairs[other].subjects
    with pytest.raises(UserError, match=re.escape(f"{job.subjects[0]} changed since pair {other}")):
        prepare(replace(request, pairs=(job.pair,)))
    record = request.out / ".pairs" / other / "pair.json"
    record.write_text(record.read_text()[:50])
    with pytest.raises(UserError, match="record of a pair cannot be read"):
        prepare(request)
    # Nor are the records beside the videos forgotten.
    shutil.rmtree(request.out / ".pairs")
    (request.out / other / next(p.name for p in (request.out / other).iterdir()) / "0.mp4").unlink()
    outcome = runner.run(prepare(request), Silent())
    assert outcome.made == 4, "of the pair that has none"
    assert "changed since" in outcome.failures[0].reason


def test_masks_that_are_not_looked_at_may_come_and_go(
    request_of: Any, suite: Suite, tmp_path: Path
) -> None:
    shutil.copytree(data_dir("mini"), tmp_path / "data")
    shutil.move(tmp_path / "data" / "masks", tmp_path / "masks")
    request = request_of(references=tmp_path / "data" / "refs")
    runner.run(prepare(request), Silent())
    shutil.move(tmp_path / "masks", tmp_path / "data" / "masks")
    (request.out / f"{suite.jobs[0].id}.mp4").unlink()
    outcome = runner.run(prepare(request), Silent())
    assert (outcome.made, outcome.failures) == (1, [])


def test_one_pairs_failure_does_not_stop_the_rest(
    request_of: Any, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, real = next(iter(suite.pairs)), untuned.generate

    def generate(bases: Any, tuned: Any, task: Any, *rest: Any) -> Any:
        if task.pair == bad:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return real(bases, tuned, task, *rest)

    monkeypatch.setattr(untuned, "generate", generate)
    request = request_of()
    outcome = runner.run(prepare(request), Silent())
    assert outcome.made == 4
    assert [f.pair for f in outcome.failures] == [bad]
    assert "--batch" in outcome.failures[0].fix
    record = request.out / ".pairs" / bad / "failure.json"
    assert "out of GPU memory" in json.loads(record.read_text())["reason"]
    monkeypatch.setattr(untuned, "generate", real)
    assert runner.run(prepare(request), Silent()).made == 4
    assert not record.exists()


def test_out_of_memory_while_loading_says_what_to_lower(
    request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(runner, "load_base", load)
    with pytest.raises(UserError, match="out of GPU memory while the base"):
        runner.run(prepare(request_of()), Silent())


def test_levels_that_a_base_has_not_are_refused_at_the_start(suite: Suite, tmp_path: Path) -> None:
    def request(*changes: str) -> Request:
        return Request(suite, "customvideo", tmp_path, changes=changes, base="animatediff-sdxl")

    with pytest.raises(UserError, match="level 4, only at 2, 3"):
        prepare(request("levels=2+4"))
    with pytest.raises(UserError) as caught:  # its weights are not there
        prepare(request("levels=2+4", "alpha=0"))
    assert "level" not in str(caught.value)


def test_the_upscaler_is_not_for_an_embedded_base(suite: Suite, tmp_path: Path) -> None:
    for method in ("customvideo", "untuned"):
        with pytest.raises(UserError, match="zeroscope-xl cannot take"):
            prepare(Request(suite, method, tmp_path, changes=("high_resolution=true",)))


def test_all_that_is_missing_is_said_at_once(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "refs").mkdir()
    request = Request(
        suite, "customvideo", tmp_path / "out", changes=("high_resolution=true",),
        references=tmp_path / "refs", base="zeroscope-576w",
    )  # fmt: skip
    with pytest.raises(UserError) as caught:
        prepare(request)
    text = str(caught.value)
    assert text.count("no reference images of 3 subjects") == 1
    assert text.count("hf download") == 2
    assert "CC BY-NC" in text
    assert not (tmp_path / "out").exists()


def test_missing_masks_are_said_before_it_starts(
    request_of: Any, suite: Suite, tmp_path: Path
) -> None:

    shutil.copytree(data_dir("mini") / "refs", tmp_path / "bare" / "refs")
    bare = tmp_path / "bare" / "refs"
    with pytest.raises(UserError, match="masks are missing for"):
        prepare(request_of("customvideo", changes=FAST, references=bare))
    without = (*FAST, "remove_background=false", "alpha=0")
    assert prepare(request_of("customvideo", changes=without, references=bare)).tasks


def test_videos_that_a_base_cannot_make_are_said_before_it_starts(
    suite: Suite, tmp_path: Path
) -> None:
    """Motion modules know 32 frames, of which VideoMaker's reference is one."""
    assert suite.video is not None

    def said(method: str, base: str | None = None, **size: int) -> str:
        own = suite.model_copy(update={"video": suite.video.model_copy(update=size)})  # type: ignore[union-attr]
        with pytest.raises(UserError) as caught:
            prepare(Request(own, method, tmp_path, base=base))
        return str(caught.value)

    assert "33 frames: mini-animatediff can take 32" in said("vcd", frames=33)
    assert "33 frames: mini-animatediff can take 32" in said("videomaker", frames=32)
    assert "33 frames" not in said("videomaker", frames=31)  # its weights are missing
    assert "66x64: both sides must be multiples of 4 on mini-zeroscope" in said("lora", width=66)
    assert "multiples of 8 on animatediff" in said("lora", "animatediff", height=60)


def test_another_base_is_looked_for(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="base weights are missing") as caught:
        prepare(Request(suite, "untuned", tmp_path, base="zeroscope-xl"))
    assert "zeroscope_v2_XL" in caught.value.fix
    with pytest.raises(UserError, match="unknown base model"):
        prepare(Request(suite, "untuned", tmp_path, base="zeroscope"))
    with pytest.raises(UserError, match="svd-xt makes videos of a picture"):
        prepare(Request(suite, "untuned", tmp_path, base="svd-xt"))
    assert prepare(Request(suite, "static_reference", tmp_path)).parts == Parts()
    with pytest.raises(UserError, match="has no base model"):
        prepare(Request(suite, "static_reference", tmp_path, base="zeroscope-xl"))


@pytest.mark.parametrize("method", ["untuned", "static_reference"])
@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--method-dir", "has no weights of its own"),
        ("--xl-dir", "has no second base model"),
        ("--svd-dir", "has no second base model"),
    ],
)
def test_folders_of_what_a_method_has_not_are_refused(
    method: str, option: str, says: str, tmp_path: Path
) -> None:
    given = ["generate", method, "--suite", "mini", "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(app, [*given, option, str(tmp_path)])
    assert isinstance(found.exception, UserError)
    assert str(found.exception).count("error:") == 1
    assert f"{method} {says}" in str(found.exception)
    assert not (tmp_path / "out").exists()


def test_missing_packages_are_said(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customstudio.generation.missing.EXTRA", ("torch", "no_such_package"))
    with pytest.raises(UserError) as caught:
        prepare(Request(suite, "untuned", tmp_path))
    assert "packages are missing: no_such_package" in str(caught.value)
    assert prepare(Request(suite, "static_reference", tmp_path)).parts == Parts()


def test_a_plan_counts(tmp_path: Path) -> None:
    suite = load_suite("customstudio")
    options, video, left = outline(Request(suite, "customvideo", tmp_path))
    plan = make_plan(suite, left, options, video, "zeroscope-576w")
    assert (plan.pairs, plan.videos, plan.training_steps) == (68, 2720, 34_000)
    assert plan.sampling_steps == 50
    # 68 fits of 500 steps of 4 images, 2,720 videos of 24 frames, 200 images a subject.
    used = len({s for pair in suite.pairs.values() for s in pair.subjects})
    fitting, sampling = 68 * 500 * 4 * 1.85, (2720 * 24 + used * 200) * 50 * 1.78
    assert plan.gpu_hours == pytest.approx((fitting / 30 + sampling / 57) / 3600)
    # As measured: 183 s a fit and 37.55 s a video, without class images.
    assert plan.gpu_hours > (68 * 183 + 2720 * 37.55 * 0.95) / 3600
    high = override(options, ["high_resolution=true"])
    larger = make_plan(suite, left, high, video, "zeroscope-576w")
    assert larger.gigabytes == pytest.approx(3.2 * plan.gigabytes)


def test_a_plan_counts_other_bases(tmp_path: Path) -> None:
    """As measured on one H200, a video with 0.7 s of decoding: 35.2 s on AnimateDiff, 19.0 on
    Text2Video-Zero; of `disendiff_svd` 96.3 s, with that of 25 frames of 1024x576.
    """
    suite = load_suite("customstudio")
    hours = {}
    for base in ("zeroscope-576w", "animatediff", "text2video-zero", "animatediff-sdxl"):
        options, video, left = outline(Request(suite, "untuned", tmp_path, base=base))
        plan = make_plan(suite, left, options, video, base)
        assert plan.gpu_hours is not None
        hours[base] = plan.gpu_hours
    assert hours["animatediff"] == pytest.approx(2720 * 34.5 / 3600, rel=0.1)
    assert hours["text2video-zero"] == pytest.approx(2720 * 18.3 / 3600, rel=0.25)
    assert hours["animatediff"] < hours["animatediff-sdxl"]
    options, video, left = outline(Request(suite, "wan_vace", tmp_path))
    assert make_plan(suite, left, options, video, "wan-vace-1.3b").gpu_hours is None
    options, video, left = outline(Request(suite, "disendiff_svd", tmp_path))
    few = override(options, ["steps=1", "prior_weight=0"])
    animated = make_plan(suite, left, few, video, "animatediff").gpu_hours
    assert animated == pytest.approx(2720 * 96.3 / 3600, rel=0.15)


def test_the_command_line(tiny_folder: Path, tmp_path: Path) -> None:  # noqa: F811
    call = ["generate", "untuned", "--suite", "mini", "--set", "sampling_steps=1"]
    planned = CliRunner().invoke(app, [*call, "--base", "zeroscope-576w", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "280 to make" in planned.output
    assert "hf download" in planned.output
    pair = next(iter(load_suite("mini").pairs))
    made = CliRunner().invoke(
        app,
        [
            "generate",
            "static_reference",
            "--suite",
            "mini",
            "--pairs",
            pair,
            "--out",
            str(tmp_path),
        ],
    )
    assert made.exit_code == 0, made.output
    assert "20 videos made" in made.output
    wrong = CliRunner().invoke(app, [*call, "--pairs", "nobody"])
    assert isinstance(wrong.exception, UserError)


def test_methods_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(app, ["methods", "list"])
    assert "customvideo" in listed.output
    assert "CC BY-NC" in listed.output
    shown = CliRunner().invoke(app, ["methods", "show", "customvideo"])
    assert "alpha = 0.2   paper: 0.2" in shown.output
    assert "levels = 3 " in shown.output
