"""Whole runs with toy networks: the same bytes however they are cut up, and clear refusals."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import customstudio
from customstudio.errors import UserError
from customstudio.evaluation import runner
from customstudio.evaluation.bundle import Run, load_run
from customstudio.media.video import write_video
from tests.conftest import moving_picture

KEYS = ["method", "job", "metric", "subject"]


@pytest.fixture(scope="module")
def score(toy_weights: Path) -> Any:
    def run(videos: Path, out: Path, **options: Any) -> Run:
        defaults: dict[str, Any] = {
            "protocol": "toy-v0",
            "chunk": 4,
            "batch": 8,
            "device": "cpu",
            "threads": 1,
        }
        return customstudio.evaluate(
            videos, weights_dir=toy_weights, out=out, **{**defaults, **options}
        )

    return run


@pytest.fixture(scope="module")
def whole(score: Any, toy_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One uninterrupted run."""
    run: Run = score(toy_videos, tmp_path_factory.mktemp("whole") / "run", keep_features=True)
    return run


def table(run: Run) -> bytes:
    return (run.path / "scores.parquet").read_bytes()


def values(run: Run) -> pd.Series:
    scores = run.scores.fillna({"subject": ""})
    return scores.set_index(KEYS)["value"].dropna()


def test_a_run_scores_everything_and_says_what_it_is(whole: Run) -> None:
    info = whole.info
    assert info.status == "complete"
    assert not info.official
    assert any("random weights" in reason for reason in info.unofficial_because)
    assert info.methods == ("one", "two")
    assert len(whole.videos) == 12
    assert whole.videos["sha256"].str.len().eq(64).all()
    for method in whole.summary.methods:
        for key in whole.summary.keys:
            if key.headline and key.key != "subject_presence":
                assert method.coverage[key.key].share == 1.0, key.key
                assert method.overall[key.key].mean is not None, key.key
    # Networks of random values find no subject more like itself than like others, and say so.
    presence = whole.scores[whole.scores["metric"] == "subject_presence"]
    unscored = presence.loc[presence["subject"].isna() & presence["value"].isna(), "reason"]
    assert unscored.str.contains("no more like one another than like other subjects").all()
    faces = whole.scores[(whole.scores["metric"] == "face_similarity")]
    without = faces[faces["subject"].isna() & faces["job"].str.startswith("cat+hat/")]
    assert without["reason"].str.startswith("not_applicable: not a person").all()
    assert whole.report.is_file()
    assert not (whole.path / "journal").exists()


def test_values_are_within_their_declared_bounds(whole: Run) -> None:
    from customstudio.metrics import catalog

    for metric in whole.info.metrics:
        spec = catalog.spec(metric)
        bounds = {spec.id: spec.bounds}
        bounds |= {f"{spec.id}.{v.name}": v.bounds or spec.bounds for v in spec.variants}
        for key, (low, high) in bounds.items():
            found = whole.scores.loc[whole.scores["metric"] == key, "value"].dropna()
            if key.startswith("subject_presence") and not len(found):
                continue  # random values may find no subject more like itself than like others
            assert len(found), key
            assert low is None or found.min() >= low
            assert high is None or found.max() <= high + 1e-6


def test_workers_and_order_of_files_change_nothing(
    score: Any, whole: Run, toy_videos: Path, tmp_path: Path
) -> None:
    assert table(score(toy_videos, tmp_path / "one", workers=1)) == table(whole)
    shuffled = shutil.copytree(toy_videos, tmp_path / "shuffled")
    header, *rows = (shuffled / "manifest.csv").read_text().splitlines()
    (shuffled / "manifest.csv").write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert table(score(shuffled, tmp_path / "two", workers=4)) == table(whole)


def test_shards_merge_into_the_same_bytes(
    score: Any, whole: Run, toy_videos: Path, tmp_path: Path
) -> None:
    shards = [tmp_path / f"s{n}" for n in (1, 2, 3)]
    for number, out in enumerate(shards, start=1):
        run = score(toy_videos, out, shard=f"{number}/3", keep_features=True)
        assert run.info.status == "shard complete"
        assert not run.report.exists()
    with pytest.raises(UserError, match="in none of the shards"):
        runner.merge(shards[:2], tmp_path / "merged")
    merged = runner.merge(shards, tmp_path / "merged")
    assert table(merged) == table(whole)
    assert merged.summary == whole.summary
    assert load_run(merged.path).info.status == "complete"
    features = sorted(p.name for p in (merged.path / "features").iterdir())
    assert features == sorted(p.name for p in (whole.path / "features").iterdir())
    other = score(toy_videos, tmp_path / "other", shard="1/3", batch=4)
    with pytest.raises(UserError, match="not shards of one run"):
        runner.merge([other.path, *shards[1:]], tmp_path / "mixed")


def command(videos: Path, weights: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "customstudio", "evaluate", str(videos), "--out", str(out)),
        *("--weights-dir", str(weights), "--protocol", "toy-v0", "--device", "cpu"),
        *("--chunk", "2", "--batch", "8", "--threads", "1"),
    ]


def test_kill_at_any_time_and_resume_give_the_same_bytes(
    score: Any, toy_videos: Path, toy_weights: Path, tmp_path: Path
) -> None:
    expected = score(toy_videos, tmp_path / "expected", chunk=2)
    out = tmp_path / "killed"
    kills = 0
    for delay in (0.0, 0.05, 0.2):
        process = subprocess.Popen(command(toy_videos, toy_weights, out))
        chunks = len(list((out / "journal").glob("0*.json"))) if out.exists() else 0
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            done = len(list((out / "journal").glob("0*.json"))) if out.exists() else 0
            if done > chunks:  # one chunk further than before: kill a little later
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 1, "the run was never killed: the test shows nothing"
    subprocess.run(command(toy_videos, toy_weights, out), check=True, capture_output=True)
    assert table(Run(out)) == table(expected)
    assert not list(out.rglob("*.tmp"))


def test_a_finished_run_is_not_scored_again(whole: Run, score: Any, toy_videos: Path) -> None:
    before = (whole.path / "run.json").read_bytes()
    again = score(toy_videos, whole.path, keep_features=True)
    assert (again.path / "run.json").read_bytes() == before


def test_another_batch_size_changes_no_continuous_score(
    score: Any, whole: Run, toy_videos: Path, tmp_path: Path
) -> None:
    other = values(score(toy_videos, tmp_path / "run", batch=3))
    mine = values(whole)
    assert mine.index.equals(other.index)
    # A yes/no score may flip at its threshold, and a detector's crop come or go: count those.
    continuous = ~mine.index.get_level_values("metric").isin(["dynamic_degree", "subject_dino"])
    assert np.abs(mine - other)[continuous].max() <= 1e-5
    flips = int((np.abs(mine - other)[~continuous] > 1e-5).sum())
    assert flips <= 1


def test_another_video_does_not_change_a_videos_score(
    score: Any, whole: Run, toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    first = (videos / "manifest.csv").read_text().splitlines()[1].split(",")[0]
    write_video(videos / first, moving_picture(19, 96, 80, seed=99), 8.0)
    changed = score(videos, tmp_path / "run")
    job = next(r.job for r in changed.videos.itertuples() if r.path == first)
    mine, other = (values(run).drop(index=job, level="job") for run in (whole, changed))
    assert np.abs(mine - other).max() <= 1e-6
    assert np.abs(values(whole) - values(changed)).max() > 1e-3, "the changed video's own does"


def test_static_videos(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    still = np.repeat(moving_picture(1, 48, 64, seed=3), 6, axis=0)
    for row in (videos / "manifest.csv").read_text().splitlines()[1:]:
        write_video(videos / row.split(",")[0], still, 8.0)
    run = score(videos, tmp_path / "run")
    overall = run.summary.methods[0].overall
    # H.264 repeats a still picture almost, not quite, to the bit.
    assert overall["temporal_consistency"].mean == pytest.approx(1.0, abs=1e-3)
    assert overall["dino_temporal_consistency"].mean == pytest.approx(1.0, abs=1e-3)
    assert overall["motion_magnitude"].mean == pytest.approx(0.0, abs=0.01)


def test_a_broken_video_is_a_row_with_a_reason(
    score: Any, whole: Run, toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    names = [r.split(",")[0] for r in (videos / "manifest.csv").read_text().splitlines()[1:]]
    (videos / names[0]).write_bytes(b"")
    (videos / names[5]).write_bytes((videos / names[5]).read_bytes()[:900])
    run = score(videos, tmp_path / "run")
    broken = run.videos[run.videos["reason"].notna()]
    assert sorted(broken["path"]) == sorted([names[0], names[5]])
    rows = run.scores[run.scores["job"].isin(broken["job"])]
    assert rows["value"].isna().all()
    assert rows["reason"].str.len().gt(0).all()
    assert any("coverage of" in reason for reason in run.info.unofficial_because)
    mine, other = (values(r).drop(index=list(broken["job"]), level="job") for r in (whole, run))
    assert np.abs(mine - other).max() <= 1e-5
    failed = run.summary.methods[0].coverage["clip_t"].failed
    assert failed + run.summary.methods[1].coverage["clip_t"].failed == 2


def test_missing_videos_are_listed_before_anything_is_done(
    score: Any, toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    name = (videos / "manifest.csv").read_text().splitlines()[1].split(",")[0]
    (videos / name).unlink()
    with pytest.raises(UserError, match="1 of 12 videos of manifest are missing") as caught:
        score(videos, tmp_path / "run")
    assert (tmp_path / "run" / "missing.txt").read_text().count("\n") == 1
    assert "--allow-missing" in caught.value.fix
    assert not (tmp_path / "run" / "run.json").exists()
    run = score(videos, tmp_path / "run", allow_missing=True)
    assert "incomplete: 1 of 12 videos missing" in run.info.unofficial_because
    assert run.videos["reason"].eq("missing").sum() == 1


def test_missing_weights_and_references_are_listed_together(
    toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    shutil.rmtree(videos / "references" / "hat")
    with pytest.raises(UserError) as caught:
        customstudio.evaluate(videos, weights_dir=tmp_path / "none", out=tmp_path / "run")
    text = str(caught.value)
    assert "no reference images for 1 of 3 subjects" in text
    assert "clip-vit-b32-openai" in text
    assert "raft-large-c-t-v1" in text
    assert "customstudio weights fetch" in text


def test_unreadable_references_are_refused(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    (videos / "references" / "cat" / "01.png").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read") as caught:
        score(videos, tmp_path / "run")
    assert "zero bytes" in caught.value.where
    (videos / "references" / "cat" / "01.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(UserError, match="a reference image of cat cannot be read"):
        score(videos, tmp_path / "run")


def test_one_folder_holds_one_run(score: Any, whole: Run, toy_videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this folder holds another run"):
        score(toy_videos, whole.path, batch=5)
    from customstudio.files import locked

    with locked(tmp_path / "run"):
        code = "import sys; from pathlib import Path; from customstudio.files import locked\n"
        code += "with locked(Path(sys.argv[1])): print('got it')"
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True
        )
    assert "another run is writing into this folder" in other.stderr
    assert "got it" not in other.stdout


def test_videos_that_change_are_noticed(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    run = score(videos, tmp_path / "run")
    name = videos / run.videos["path"][0]
    name.touch()
    assert score(videos, tmp_path / "run").path == run.path, "touched, but the same bytes"
    write_video(name, moving_picture(6, 48, 64, seed=77), 8.0)
    with pytest.raises(UserError, match="1 videos changed since they were scored"):
        score(videos, tmp_path / "run")


def test_an_older_file_in_a_videos_place_is_noticed(
    score: Any, toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    run = score(videos, tmp_path / "run", metrics=["motion_magnitude"])
    first, second = (videos / path for path in run.videos["path"][:2])
    shutil.copy(second, first)
    os.utime(first, (978307200, 978307200))  # 2001, as `cp -p` or rsync would leave it
    with pytest.raises(UserError, match="1 videos changed since they were scored"):
        score(videos, tmp_path / "run", metrics=["motion_magnitude"])


def test_a_mended_video_is_not_left_broken(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    name = (videos / "manifest.csv").read_text().splitlines()[1].split(",")[0]
    whole = (videos / name).read_bytes()
    (videos / name).write_bytes(b"")
    run = score(videos, tmp_path / "run", metrics=["motion_magnitude"])
    assert run.videos["reason"].notna().sum() == 1
    (videos / name).write_bytes(whole)
    with pytest.raises(UserError, match="1 videos changed"):
        score(videos, tmp_path / "run", metrics=["motion_magnitude"])


def test_rescored_runs_are_never_official(whole: Run, tmp_path: Path) -> None:
    from customstudio.evaluation.rescoring import rescore

    copy = shutil.copytree(whole.path, tmp_path / "run")
    document = json.loads((copy / "run.json").read_text())
    changes = {"official": True, "unofficial_because": [], "protocol": "toy-v0"}
    (copy / "run.json").write_text(json.dumps({**document, **changes}))
    again = rescore(copy, metrics=["clip_t"], out=tmp_path / "again")
    assert not again.info.official
    assert again.info.plan_digest != whole.info.plan_digest
    reasons = " ".join(again.info.unofficial_because)
    assert "metrics of the protocol left out: clip_i" in reasons
    assert "rescored" in reasons


def test_kept_features_keep_the_order_of_many_subjects() -> None:
    from customstudio.metrics.spec import SubjectInfo, VideoFeatures

    subjects = tuple(SubjectInfo(f"s{i}", None) for i in range(12))
    rows = tuple(np.full((1, 2), i, np.float32) for i in range(12))
    given = VideoFeatures(subjects, 3, 8.0, 64, 48, {}, {"dino.references": rows}, {})
    flat = dict(sorted(given.named().items()))  # as a file would order them: 0, 1, 10, 11, 2
    again = VideoFeatures.from_named(flat, subjects)
    assert [row[0, 0] for row in again.references["dino.references"]] == list(range(12))


def test_numbers_that_overflowed_are_reasons() -> None:
    from customstudio.evaluation.items import Item
    from customstudio.evaluation.journal import ChunkResult
    from customstudio.evaluation.scoring import score_video
    from customstudio.metrics.spec import VideoFeatures

    features = {"seams.frames": np.array([np.nan, 0.0], np.float32)}
    given = VideoFeatures((), 2, 8.0, 64, 48, features, {}, {})
    nan = {"clip.frames": np.full((2, 4), np.nan, np.float32)}
    result = ChunkResult(0)
    item = Item("m", "p", "q", "0", "", (), "", None)
    score_video(result, item, given, ["stitch_score"])
    score_video(result, item, dataclasses.replace(given, arrays=nan), ["temporal_consistency"])
    rows = {row.metric: row for row in result.scores}
    assert rows["temporal_consistency"].value is None
    assert "not a finite number" in str(rows["temporal_consistency"].reason)
    json.dumps([list(vars(row).values()) for row in result.scores], allow_nan=False)


def test_a_damaged_chunk_is_done_again(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    options = {"metrics": ["motion_magnitude"], "shard": "1/2"}
    shard = score(toy_videos, tmp_path / "s1", **options)
    other = score(toy_videos, tmp_path / "s2", metrics=["motion_magnitude"], shard="2/2")
    chunk = next((shard.path / "journal").glob("*.json"))
    chunk.write_text(chunk.read_text()[:50])
    with pytest.raises(UserError, match="in none of the shards"):
        runner.merge([shard.path, other.path], tmp_path / "merged")
    score(toy_videos, tmp_path / "s1", **options)
    merged = runner.merge([shard.path, other.path], tmp_path / "merged")
    assert merged.videos["reason"].isna().all()


def test_a_run_is_not_written_among_the_videos(score: Any, toy_videos: Path) -> None:
    with pytest.raises(UserError, match="among the videos"):
        score(toy_videos, toy_videos)


def test_bundles_of_other_versions_and_damaged_ones(whole: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.path, tmp_path / "run")
    document = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**document, "schema_version": 2}))
    with pytest.raises(UserError, match="a bundle of version 2; this CustomStudio reads version 1"):
        load_run(copy)
    (copy / "run.json").write_text(json.dumps({**document, "extra": 1}))
    with pytest.raises(UserError, match="damaged: extra"):
        load_run(copy)
    (copy / "run.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        load_run(copy)
    with pytest.raises(UserError, match="not a run bundle"):
        load_run(tmp_path)
    (copy / "run.json").write_text(json.dumps({**document, "status": "running"}))
    with pytest.raises(UserError, match="not finished"):
        load_run(copy)


def test_summary_follows_from_the_tables(whole: Run) -> None:
    from customstudio.evaluation.reduce import summarise
    from customstudio.files import sha256_file
    from customstudio.metrics import catalog

    again = summarise(
        whole.scores,
        whole.videos,
        scores_sha256=sha256_file(whole.path / "scores.parquet"),
        protocol=catalog.protocol("toy-v0"),
        metrics=list(whole.info.metrics),
    )
    assert again == whole.summary


def test_rescoring_needs_no_network(
    whole: Run, score: Any, toy_videos: Path, tmp_path: Path
) -> None:
    from customstudio.evaluation.rescoring import rescore

    again = rescore(whole.path, out=tmp_path / "again")
    assert table(again) == table(whole)
    few = rescore(whole.path, metrics=["clip_t"], out=tmp_path / "few")
    assert list(few.info.metrics) == ["clip_t"]
    assert np.array_equal(
        few.scores["value"],
        whole.scores.loc[whole.scores["metric"].str.startswith("clip_t"), "value"],
    )
    plain = score(toy_videos, tmp_path / "plain", metrics=["clip_t"], keep_features=True)
    with pytest.raises(UserError, match=r"kept no dino.frames, dino.references, which dino_i"):
        rescore(plain.path, metrics=["dino_i"], out=tmp_path / "no")
    shutil.rmtree(plain.path / "features")
    with pytest.raises(UserError, match="kept no features"):
        rescore(plain.path, out=tmp_path / "no")


def test_comparison_of_methods_of_one_run_and_of_two(
    whole: Run, score: Any, toy_videos: Path, tmp_path: Path
) -> None:
    from customstudio.evaluation.compare import compare

    found = {d.key: d for d in compare([whole.path], keys=["clip_t", "dino_i"])}
    assert found["clip_t"].videos == 0, "the methods' videos have different seeds: nothing paired"
    assert found["clip_t"].difference is None
    same = compare([whole.path, whole.path], keys=["clip_t"])
    itself = [d for d in same if d.videos]
    assert all(d.difference == 0.0 and d.p == 1.0 for d in itself)
    assert len(itself) == 2
    other = score(toy_videos, tmp_path / "vbench", protocol="toy-v0", metrics=["clip_t"])
    assert compare([whole.path, other.path], keys=["clip_t"])
    changed = json.loads((other.path / "run.json").read_text())
    changed["protocol"] = "vbench"
    (other.path / "run.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match="different protocols do not compare"):
        compare([whole.path, other.path])


def test_a_prompt_longer_than_clips_context_is_noted(
    score: Any, toy_videos: Path, tmp_path: Path
) -> None:
    videos = shutil.copytree(toy_videos, tmp_path / "videos")
    text = (videos / "manifest.csv").read_text()
    long = "a cat " * 90
    (videos / "manifest.csv").write_text(text.replace("a ann and a cat", long))
    run = score(videos, tmp_path / "run", metrics=["clip_t"])
    assert any("longer than CLIP's context" in note for note in run.info.notes)


def test_options_out_of_range(score: Any, toy_videos: Path, tmp_path: Path) -> None:
    for option, value, what in (
        ("batch", 0, "0 is too small"),
        ("shard", "4/3", "no shard"),
        ("shard", "²/3", "no shard"),
        ("metrics", ["clip_q"], "unknown metric"),
        ("protocol", "v9", "unknown protocol"),
        ("device", "cuda:9", "there is no device"),
        ("precision", "int8", "unknown precision"),
        ("suite", "custommstudio", "unknown suite"),
    ):
        with pytest.raises(UserError, match=what):
            score(toy_videos, tmp_path / "run", **{option: value})
    assert not (tmp_path / "run" / "run.json").exists()
