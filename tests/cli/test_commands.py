"""The command line as a person meets it: exit statuses, three-line errors, what is printed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "customstudio", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["evaluate", "no-such-folder"], "no such folder"),
        (["evaluate", ".", "--protocol", "v9"], "unknown protocol 'v9'"),
        (["evaluate", ".", "--metrics", "clip_q"], "unknown metric 'clip_q'"),
        (["evaluate", "."], "the folder is empty"),
        (["compare", "a", "b"], "not a run bundle"),
        (["rescore", "a"], "not a run bundle"),
        (["report", "a"], "not a run bundle"),
        (["merge", "a", "b", "--out", "c"], "not a run bundle"),
        (["metrics", "show", "imaging_quality"], "is left out"),
        (["suites", "show", "custmstudio"], "unknown suite"),
        (["suites", "anchors", "custmstudio"], "unknown suite"),
        (["generate", "static_reference", "--suite", "mini", "--base", "x"], "has no base model"),
        (["generate", "untuned", "--suite", "mini", "--seeds", "3"], "has its own seeds"),
        (["generate", "untuned", "--suite", "mini", "--out", "x" * 300], "File name too long"),
        (["baselines", "regenerate", "--suite", "mini", "--methods", ""], "no method is named"),
        (["baselines", "regenerate", "--suite", "mini", "--protocol", "v9"], "unknown protocol"),
        (["baselines", "regenerate", "--suite", "mini", "--base", "x"], "unknown base model 'x'"),
        (
            ["baselines", "regenerate", "--suite", "mini", "--base-dir", "."],
            "these methods have 2 base models",
        ),
    ],
)
def test_mistakes_are_three_lines_and_status_2(
    arguments: list[str], what: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    first, second, third = done.stderr.rstrip().splitlines()
    assert first.startswith("error: ")
    assert what in first
    assert second.startswith("  where: ")
    assert third.startswith("  fix:   ")
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_evaluate_prints_the_scores_and_where_the_report_is(
    toy_videos: Path, toy_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ["--protocol", "toy-v0", "--weights-dir", str(toy_weights), "--out", str(out)]
    metrics = ["--metrics", "clip_t,stitch_score", "--device", "cpu", "--threads", "1"]
    done = run("evaluate", str(toy_videos), *options, *metrics)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet where stderr is no terminal"
    assert "own videos and prompts" in done.stdout
    assert "not official: random weights" in done.stdout
    assert "CLIP-T ↑" in done.stdout
    assert "under 5 pairs" in done.stdout
    assert f"report: {out / 'report.html'}" in done.stdout.replace("\n", "")
    means = {
        m["method"]: m["overall"]["clip_t"]["mean"]
        for m in json.loads((out / "summary.json").read_text())["methods"]
    }
    assert f"{means['one']:.4f}" in done.stdout
    assert json.loads((out / "run.json").read_text())["command"][1:2] == ["evaluate"]


def test_a_card_is_recorded(toy_videos: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.toml"
    card.write_text('paper = "arXiv:2401.09962"\n')
    options = ["--metrics", "motion_magnitude", "--out", str(tmp_path / "run")]
    assert run("evaluate", str(toy_videos), *options, "--card", str(card)).returncode == 0
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert document["card"] == {"paper": "arXiv:2401.09962"}
    card.write_text("year = 2024\n")
    done = run("evaluate", str(toy_videos), *options, "--card", str(card))
    assert done.returncode == 2
    assert "year is not a text" in done.stderr
