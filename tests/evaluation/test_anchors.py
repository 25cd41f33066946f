"""Anchors: made, scored, kept, and shown by the runs that they hold for."""

from pathlib import Path

import numpy as np
import pytest

import customstudio
from customstudio.errors import UserError
from customstudio.evaluation.anchors import leave_one_face_out, leave_one_out
from customstudio.evaluation.api import score_anchors
from customstudio.suites.load import load_suite

METRICS = ["clip_t", "clip_i", "temporal_consistency", "motion_magnitude"]


def test_leave_one_out_by_hand() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert leave_one_out(rows) == pytest.approx((0.0 + 0.6 + 0.8) / 3)
    assert leave_one_out(rows[:1]) is None
    # Each against the mean of the two others, all of length one.
    others = [(rows[1] + rows[2]) / 2, (rows[0] + rows[2]) / 2, (rows[0] + rows[1]) / 2]
    expected = np.mean([r @ o / np.linalg.norm(o) for r, o in zip(rows, others, strict=True)])
    assert leave_one_face_out(rows) == pytest.approx(expected)


def test_anchors_are_shown_by_runs_with_the_same_references(
    toy_videos: Path, toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(tmp_path / "data"))
    path, anchors = score_anchors(
        str(toy_videos), protocol="toy-v0", metrics=METRICS, weights_dir=toy_weights, device="cpu"
    )
    assert path.is_file()
    real, still, unrelated = anchors
    assert (real.name, still.name, unrelated.name) == (
        "real references",
        "still copy",
        "unrelated images",
    )
    assert real.values.keys() == {"clip_i", "clip_i.masked"}
    assert still.values["temporal_consistency"] == pytest.approx(1.0, abs=1e-6)
    assert still.values["motion_magnitude"] == 0.0
    assert unrelated.values["temporal_consistency"] < 1.0
    # A still copy of one subject is nearer to the references than pictures of other subjects.
    assert still.values["clip_i"] > unrelated.values["clip_i"]

    def evaluate(metrics: list[str], out: str) -> customstudio.Run:
        return customstudio.evaluate(
            toy_videos,
            protocol="toy-v0",
            metrics=metrics,
            weights_dir=toy_weights,
            out=tmp_path / out,
            device="cpu",
            threads=1,
        )

    run = evaluate(METRICS, "same")
    assert run.summary.anchors == tuple(anchors)
    assert "still copy" in run.report.read_text()
    damaged = path.read_text()
    path.write_text("{}")
    noted = evaluate(METRICS, "damaged")
    assert noted.summary.anchors == ()
    assert any("anchors left out: the file of anchors is damaged" in n for n in noted.info.notes)
    path.write_text(damaged)
    assert evaluate(["dino_i"], "other").summary.anchors == (), "never scored for these anchors"


def test_a_suite_without_references_has_no_anchors(toy_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pair has reference images"):
        score_anchors(
            load_suite("customstudio"),
            references=_empty(tmp_path),
            protocol="toy-v0",
            weights_dir=toy_weights,
        )


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "refs").mkdir()
    return tmp_path / "refs"
