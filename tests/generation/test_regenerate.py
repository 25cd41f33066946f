"""Many methods on one suite: made, scored, compared; one that fails does not end the rest."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from customstudio.baselines import catalog
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.evaluation.api import evaluate
from customstudio.evaluation.compare import compare, holm
from customstudio.generation import runner
from customstudio.generation.board_row import method_card
from customstudio.generation.contact_sheet import write_sheet
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.regenerate import against, regenerate
from customstudio.generation.rows import Row, left_out, requests, rows, with_floors
from customstudio.generation.tables import differences, means
from customstudio.report.text import number
from customstudio.submissions.store import Store
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir, find_references
from customstudio.suites.schema import Suite
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import FAST, Silent, request_of, suite, videos  # noqa: F401


def test_rows_are_the_catalogs_and_their_papers_ablations() -> None:
    assert [row.method for row in rows(catalog.METHODS, ablations=False)] == [*catalog.METHODS]
    without = left_out(load_suite("customstudio"))
    assert list(without) == ["videomaker", "ip_adapter_faceid"]
    assert "it takes 1 subject" in without["videomaker"]
    without = left_out(load_suite("mini"))
    embedded = [name for name in catalog.METHODS if name not in without]
    assert {"customvideo", "vcd", "videodreamer", "untuned", "static_reference"} <= set(embedded)
    assert without["wan_vace"] == "wan-vace-1.3b has no embedded twin"
    assert without["disendiff_svd"].endswith("do not come with the package: svd-xt")
    assert {"videomaker", "ip_adapter", "ip_adapter_plus", "ip_adapter_faceid"} < set(without)
    for name in embedded:
        base = catalog.card(name).base
        assert base == "none" or catalog.base(catalog.twin(base) or "").embedded
    names = [row.changes for row in rows(["customvideo"], ablations=True)]
    assert names[0] == ()
    assert ("negative=false",) in names
    with pytest.raises(UserError, match="unknown method"):
        rows(["nothing"], ablations=False)


def test_variants_that_change_nothing_are_not_made(tmp_path: Path) -> None:
    """On a mini base `visual=false` is the preset, beside which `weak` does nothing."""
    mini, wanted = load_suite("mini"), rows(["videodreamer"], ablations=True)
    common = Request(mini, "videodreamer", tmp_path)
    names = [name for name, _ in requests(common, wanted)]
    assert names == [
        "videodreamer", "videodreamer[data=separate]", "videodreamer[data=mixed]"
    ]  # fmt: skip
    full = [name for name, _ in requests(replace(common, base="animatediff"), wanted)]
    alone = [*names, "videodreamer[visual=false]", "videodreamer[weak=0]"]
    assert full == [f"{name}@animatediff" for name in alone]
    everything = rows(catalog.METHODS, ablations=True)
    every = [name for name, _ in requests(common, everything)]
    # The third is level 2 of customvideo, which is the preset on mini bases.
    assert len(every) == len(set(every)) == len(everything) - 3


def test_methods_are_made_scored_and_shown(
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    tmp_path: Path,
) -> None:
    common = replace(request_of(batch=4), out=tmp_path)
    wanted = [Row("untuned"), Row("untuned", ("guidance=1",)), Row("customvideo", ("levels=1",))]
    floor, variant, failing = requests(common, wanted)
    static = next(requests(replace(common, changes=()), [Row("static_reference")]))
    broken = (failing[0], replace(failing[1], base="zeroscope-576w", base_folder=tmp_path))
    progress = Silent()
    named = [floor, variant, broken, static]

    def go() -> Any:
        return regenerate(named, tmp_path, protocol="mini-v1", generation=progress)

    found = go()
    assert list(found.runs) == [floor[0], variant[0], "static_reference"]
    assert "guidance=1" in variant[0]
    assert "base weights are missing" in found.failures[failing[0]]
    (difference,) = compare([found.runs[floor[0]].path, static[1].out.parents[1] / "runs" /
                             "static_reference"], ["temporal_consistency"])  # fmt: skip
    assert difference.difference is not None
    assert difference.difference > 0  # a still video against noise
    table = means(found.runs).splitlines()
    assert len(table) == 2 + len(found.runs)
    assert "| CLIP-T ↑ |" in table[0]
    assert number(found.runs[floor[0]].summary.methods[0].overall["clip_t"].mean) in table[2]
    line = differences([difference]).splitlines()[2]
    assert line.startswith(f"| `static_reference` − `{floor[0]}` | +{difference.difference:.4f}")
    assert found.floors == {variant[0]: floor[0], "static_reference": floor[0]}
    every = against(found.runs, found.floors)
    assert {(one.first, one.second) for one in every} == {
        (floor[0], variant[0]),
        (floor[0], "static_reference"),
    }
    assert [one.p_corrected for one in every] == holm([one.p for one in every])
    for name, run in found.runs.items():
        made_with = [r for r in run.info.unofficial_because if "videos made with" in r]
        expected = "videos made with random values: mini-zeroscope"
        assert made_with == ([] if name == "static_reference" else [expected])
    before = videos(tmp_path)
    again = go()
    assert videos(tmp_path) == before
    assert list(again.runs) == list(found.runs)
    assert again.earlier == {}
    later = regenerate([static], tmp_path, protocol="mini-v1", generation=progress)
    assert list(later.runs) == ["static_reference"]
    assert set(later.earlier) == {floor[0], variant[0]}
    assert later.floors == found.floors
    made = later.earlier[variant[0]].info.generation
    assert made is not None
    assert (made["options"]["guidance"], made["base"]["base"]) == (1.0, "mini-zeroscope")
    sheet, folders = tmp_path / "sheet.png", {name: r.out for name, r in (floor, static)}
    write_sheet(sheet, suite, suite.jobs[:2], find_references(suite, None), folders)
    picture = np.asarray(Image.open(sheet))
    assert picture.shape[1] > 2 * 3 * 96
    assert picture.std() > 20
    job = suite.jobs[0]
    damaged = folders[floor[0]] / f"{job.id}.mp4"
    damaged.write_bytes(damaged.read_bytes()[:200])
    write_sheet(sheet, suite, suite.jobs[:2], find_references(suite, None), folders)
    again = np.asarray(Image.open(sheet))
    assert again.shape == picture.shape
    assert (again == 255).mean() > (picture == 255).mean()


def test_videos_are_scored_as_what_they_were_made_for(tmp_path: Path) -> None:
    """The pairs of mini-dev are named as those of mini, which has other individuals."""
    request = Request(load_suite("mini-dev"), "static_reference", tmp_path / "videos")
    runner.run(prepare(request), Silent())
    scored = evaluate(request.out, metrics=["motion_magnitude"], out=tmp_path / "run")
    assert (scored.info.suite.name, scored.info.suite.prompt_set) == ("mini-dev", "brief")
    for prompt_set in (None, "brief"):
        with pytest.raises(UserError, match="were made for suite mini-dev, prompt set brief"):
            evaluate(request.out, suite="mini", prompt_set=prompt_set, out=tmp_path / "other")


def test_every_base_in_use_has_its_floor(request_of: Any) -> None:  # noqa: F811
    common = replace(request_of(), suite=load_suite("mini"), base=None, changes=())
    named = list(requests(common, [Row("untuned"), Row("lora"), Row("vcd")]))
    found = with_floors(common, named)
    assert [name for name, _ in found] == ["untuned", "lora", "vcd", "untuned@mini-animatediff"]
    assert found[-1][1].base_id == "mini-animatediff"
    assert with_floors(common, named[1:]) == named[1:]  # without a floor there is nothing to add


def test_variants_are_compared_with_their_method(
    request_of: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The row with the fewest changes is the method's; what has no run is compared with nothing."""
    common = replace(request_of(batch=4, changes=()), out=tmp_path)
    wanted = [Row("lora", FAST), Row("lora", (*FAST, "guidance=1"))]
    (own, first), (variant, second) = requests(common, wanted)
    lost = replace(first, base="zeroscope-576w", base_folder=tmp_path)
    named = [(own, first), (variant, second), ("lost", lost), ("lost too", lost)]
    found = regenerate(named, tmp_path, protocol="mini-v1", generation=Silent())
    assert list(found.failures) == ["lost", "lost too"]
    assert found.floors == {}
    assert found.parents == {variant: own}
    every = against(found.runs, found.parents)
    assert {(one.first, one.second) for one in every} == {(own, variant)}
    assert len(differences(every).splitlines()) == 5
    # Without it there are variants alone, of which none is another's method.
    step = replace(common, changes=("steps=2",))
    apart = list(requests(step, [Row("lora", ("sampling_steps=2",)), Row("lora", ("guidance=1",))]))
    alone = regenerate(apart, tmp_path / "x", protocol="mini-v1", generation=Silent())
    assert len(alone.runs) == 2
    assert alone.parents == {}


def test_a_row_that_breaks_does_not_end_the_rest(
    request_of: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does an error that is nobody's input; it keeps its traceback."""
    common = replace(request_of(batch=4), out=tmp_path)
    named = list(requests(common, [Row("untuned")]))
    static = next(requests(replace(common, changes=()), [Row("static_reference")]))

    load = runner.load_bases

    def fails(prepared: Any, device: str) -> Any:
        if prepared.parts.base is None:
            return load(prepared, device)
        raise ZeroDivisionError("as a bug would")

    monkeypatch.setattr(runner, "load_bases", fails)
    found = regenerate([*named, static], tmp_path, protocol="mini-v1", generation=Silent())
    assert list(found.runs) == ["static_reference"]
    (why,) = found.failures.values()
    assert "Traceback" in why
    assert "ZeroDivisionError: as a bug would" in why


def test_rows_of_other_references_are_not_compared(tmp_path: Path) -> None:
    """They may lie in the same folder, and end nothing."""
    mini = load_suite("mini-dev")
    source = tmp_path / "refs"
    shutil.copytree(data_dir("mini-dev") / "refs", source)
    common = Request(mini, "static_reference", tmp_path)
    static = [("ours", replace(common, out=tmp_path / "videos" / "ours"))]
    regenerate(static, tmp_path, protocol="mini-v1", generation=Silent())
    subject = mini.jobs[0].subjects[0]
    first, second, *_ = sorted((source / subject).glob("*.png"))
    first.write_bytes(second.read_bytes())
    theirs = replace(common, references=source, out=tmp_path / "videos" / "theirs")
    found = regenerate([("theirs", theirs)], tmp_path, protocol="mini-v1", generation=Silent())
    assert list(found.runs) == ["theirs"]
    assert found.earlier == {}


def test_a_base_that_a_method_cannot_use_leaves_it_out() -> None:
    without = left_out(load_suite("customstudio"), "animatediff")
    assert "wan_vace" in without
    assert "lora" not in without
    assert "static_reference" not in without


@pytest.mark.parametrize("name", catalog.METHODS)
def test_every_method_has_a_card_for_boards(name: str, tmp_path: Path) -> None:
    request = Request(load_suite("customstudio"), name, tmp_path)
    card, options = method_card(request, 2026), catalog.defaults(name)
    assert card.base_model == request.base_id
    assert card.tuning == ("per pair" if isinstance(options, TrainingOptions) else "none")
    assert (card.paper is None) == (name in ("untuned", "static_reference"))
    assert card.name == catalog.card(name).title
    if isinstance(options, TrainingOptions):
        assert (card.settings["steps"], card.year > 2020) == (str(options.steps), True)


def test_a_variants_name_is_one_that_boards_take(tmp_path: Path) -> None:
    mini = load_suite("mini")
    request = Request(mini, "customvideo", tmp_path, changes=("levels=1+2", "eta=-1e-5"))
    card = method_card(replace(request, base="mini-animatediff"), 2026)
    assert card.name == "CustomVideo (eta -1e-05 levels 1+2) on mini-animatediff"
    assert card.about is not None
    assert "another base model" in card.about
    assert card.settings["levels"] == "1+2"
    assert "eta" not in card.settings  # no plain text
    long = replace(request, changes=(f"negative_prompt={'very ugly, ' * 9}",))
    other = replace(request, changes=(f"negative_prompt={'very ugly, ' * 8}",))
    other_ways = replace(long, arithmetic="bfloat16"), replace(long, masks="segment")
    names = [method_card(one, 2026).name for one in (long, other, *other_ways)]
    assert len(set(names)) == 4
    half = method_card(replace(request, changes=(), arithmetic="bfloat16", masks="segment"), 2026)
    assert half.name == "CustomVideo bfloat16 masks segment"
    assert half.settings["arithmetic"] == "bfloat16"
    assert max(map(len, names)) == 64


def test_a_plug_in_has_no_card_for_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours would say that it is CustomStudio's, under CustomStudio's licence."""
    monkeypatch.setattr(catalog, "origin", lambda name: object())
    with pytest.raises(UserError, match="lora is a plug-in"):
        method_card(Request(load_suite("mini"), "lora", tmp_path), 2026)


def test_rows_go_to_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command line does it; again, nothing is made or sent twice."""
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(tmp_path / "owner.key"))
    monkeypatch.chdir(tmp_path)
    arguments = ["baselines", "regenerate", "--suite", "mini", "--prompt-set", "brief"]
    arguments += ["--methods", "static_reference", "--to", "board"]
    said = [CliRunner().invoke(app, arguments).output for _ in range(2)]
    assert "published: " in said[0]
    assert "there already: " in said[1]
    (row,) = Store(tmp_path / "board").submissions()
    assert (row.entry.card.name, row.entry.section) == ("Static reference", "unofficial")
    assert (tmp_path / "runs" / "baselines" / "mini-brief" / "methods.md").is_file()
    # A name is its owner's: a row that is refused is named, and none before it is lost.
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(tmp_path / "another.key"))
    refused = CliRunner().invoke(app, arguments)
    assert "static_reference was not published" in refused.output
    assert refused.exit_code == 1
