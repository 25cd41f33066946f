"""The embedded world through the whole evaluation: the demo, and the study of the metrics."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from customstudio.baselines.presets import PRESETS
from customstudio.cli.main import app
from customstudio.cli.steps import StepBar
from customstudio.evaluation.bundle import load_run
from customstudio.metrics import catalog
from customstudio.metrics.validity import SHIPPED, read_study
from customstudio.mini import demo as demos
from customstudio.mini import validate as validation
from customstudio.mini.faults import FAULTS
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.report.validity import markdown, svg
from customstudio.submissions.previews import previews
from customstudio.submissions.store import Store
from customstudio.suites.load import load_suite

CHEAP = ["dino_i", "subject_presence", "identity_margin", "copy_paste"]


def test_the_demo_shows_what_the_metrics_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fit of two steps, which is not to show what CustomVideo can do."""
    assert len(demos.suite().jobs) == 24
    preset = {**PRESETS["mini-zeroscope"]["customvideo"], "steps": 2, "sampling_steps": 2}
    monkeypatch.setitem(PRESETS["mini-zeroscope"], "customvideo", {**preset, "class_images": 2})
    monkeypatch.setitem(PRESETS["mini-zeroscope"], "untuned", {"sampling_steps": 2})
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert result.exit_code == 0, result.output
    assert "not comparable with official scores" in result.output
    runs = {name: load_run(tmp_path / "demo" / name) for name in demos.described()}
    values = {
        name: {key: estimate.mean for key, estimate in run.summary.methods[0].overall.items()}
        for name, run in runs.items()
    }
    for run in runs.values():
        assert run.info.unofficial_because
        assert {network.status for network in run.info.networks} == {"embedded"}
        assert "not comparable with official scores" in run.report.read_text()
        assert set(run.info.metrics) == set(catalog.PROTOCOLS["mini-v1"].metrics)
    truth, blending, pasting = (values[name] for name in ("truth", "blending", "pasting"))
    together = "subject_presence.together"
    assert truth[together] > blending[together]
    assert truth["identity_margin.least"] > blending["identity_margin.least"]
    assert pasting["copy_paste.most"] > truth["copy_paste.most"]
    board = Store(tmp_path / "demo" / "board")
    assert f"board serve --store {board.root}" in result.output
    listed = board.submissions()
    assert {one.entry.card.name for one in listed} == set(demos.described())
    assert {one.entry.section for one in listed} == {"unofficial"}
    assert all(len(previews(board, one.entry.id)) == 24 for one in listed)
    made = sorted((tmp_path / "demo/videos/customvideo").glob("pet_cat1+pet_dog1/*/*.json"))
    assert len(made) == 4
    assert all('"base_status": "embedded"' in path.read_text() for path in made)
    said = ["videos made with embedded networks of the mini world: mini-zeroscope"]
    for name, run in runs.items():
        reasons = [r for r in run.info.unofficial_because if r.startswith("videos made with")]
        assert reasons == (said if name in demos.METHODS else [])
    monkeypatch.setattr(demos, "SOURCES", {"truth": demos.SOURCES["truth"]})
    monkeypatch.setattr(demos, "METHODS", {})
    demos.demo(tmp_path / "demo", StepBar())  # it replaces its own runs
    assert len(Store(tmp_path / "demo" / "board").submissions()) == 1


def test_the_study_finds_a_missing_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "FAULTS", {"missing": FAULTS["missing"]})
    monkeypatch.setattr(validation, "SEVERITIES", (0.5, 1.0))
    study = validation.validate(tmp_path, metrics=CHEAP)
    assert study.jobs == 28
    assert study.videos == 28 * 3
    rows = {row.metric: row for row in study.rows}
    assert rows["subject_presence.together"].auc >= 0.95
    assert rows["subject_presence.together"].spearman < -0.9
    assert rows["subject_presence.together"].auc > rows["dino_i"].auc
    assert read_study(tmp_path / "validity.json") == study
    assert "| `subject_presence.together` | ●" in markdown(study)


def test_videos_are_written_once(tmp_path: Path) -> None:
    wanted = [Wanted("true", load_suite("mini").jobs[0])]
    write_videos(tmp_path, wanted)
    (video,) = tmp_path.glob("true/*/*/*.mp4")
    before = video.stat().st_mtime_ns
    write_videos(tmp_path, wanted)
    assert video.stat().st_mtime_ns == before
    assert (tmp_path / "manifest.csv").read_text().count("\n") == 2


def test_the_study_that_is_shipped_is_of_this_suite_and_these_metrics() -> None:
    study = read_study(SHIPPED)
    assert study.suite_digest == load_suite("mini").digest
    assert set(study.faults) == set(FAULTS)
    mini = catalog.PROTOCOLS["mini-v1"]
    assert study.metrics == {metric: catalog.spec(metric).version for metric in mini.metrics}


def test_the_bars_of_the_new_metrics() -> None:
    rows = {(row.metric, row.fault): row for row in read_study(SHIPPED).rows}
    assert rows["subject_presence.together", "missing"].auc >= 0.95
    best = max(
        rows[key, "blend"].auc for key in ("subject_presence.together", "identity_margin.least")
    )
    assert best >= 0.95


def test_the_docs_show_the_shipped_study() -> None:
    docs = Path(__file__).parents[2] / "docs"
    study = read_study(SHIPPED)
    assert markdown(study) in (docs / "metrics.md").read_text()
    assert (docs / "images" / "validity.svg").read_text() == svg(study)


def test_the_chart_is_well_formed() -> None:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(svg(read_study(SHIPPED)))
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) > 100
