"""The gate: a good submission passes; each kind of lie is found, all of them at once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from customstudio.errors import UserError
from customstudio.metrics import catalog
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import ENV, SCORES, VIDEOS
from customstudio.suites.load import EMBEDDED
from tests.submissions import factory
from tests.submissions.mutate import resealed, with_fields, with_rows

Gate = Callable[[Contents], Checked]
Document = dict[str, Any]


def whats(checked: Checked) -> str:
    assert not checked.verdict.passed
    assert checked.results is None
    for finding in checked.verdict.findings:
        assert finding.place
        assert finding.fix
    return "\n".join(f"{f.place}: {f.what}" for f in checked.verdict.findings)


def test_good(good: Contents, gate: Gate) -> None:
    checked = gate(good)
    assert checked.verdict.findings == ()
    assert checked.verdict.section == "official"
    assert checked.verdict.flags == ()
    assert checked.results is not None
    assert checked.submission is not None
    assert checked.results.overall.keys() == checked.submission.overall.keys()
    assert len(checked.videos) == len(factory.small_suite().jobs)


def test_same_bytes(run: Path, key: Key, good: Contents) -> None:
    assert build(run, factory.card(), owner=key.public).files == good.files


def test_nothing_private_leaves(good: Contents) -> None:
    everything = b"".join(good.files.values())
    for secret in (b"/home", b"somebody", b"mtime", b"command"):
        assert secret not in everything


def test_order_of_rows_is_no_matter(good: Contents, gate: Gate) -> None:
    checked = gate(with_rows(good, list.reverse))
    assert checked.verdict.passed
    assert checked.scores_digest == gate(good).scores_digest


def _set(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_set("overall", "clip_t", "mean", value=0.99), "overall.clip_t.mean: it says"),
        (_set("overall", "dino_i", "low", value=0.1), "overall.dino_i.low"),
        (_set("overall", "clip_t", "videos", value=7), "overall.clip_t.videos"),
        (_set("coverage", "clip_t", "scored", value=7), "coverage.clip_t.scored"),
        (lambda d: d["overall"].pop("clip_t"), "overall: not the keys"),
        (_set("suite", "digest", value="0" * 64), "not the digest of a suite known here"),
        (lambda d: d["suite"].update(name="manifest", digest="0" * 64), "own videos and prompts"),
        (_set("suite", "name", value="mini"), "the suite of this digest is"),
        (_set("suite", "jobs", value=3), "the suite of this digest is"),
        (_set("protocol", value="customstudio-v9"), "unknown protocol"),
        (_set("metrics", "clip_t", value=0), "version '0'"),
        (_set("metrics", "made_up", value=1), "unknown metric 'made_up'"),
        (lambda d: d["metrics"].pop("clip_t"), "1 metrics of protocol customstudio-v1"),
        (lambda d: d["networks"].pop(), "networks"),
        (_set("networks", 0, "id", value="my-own-clip"), "customstudio-v1 uses"),
        (lambda d: d["references"].popitem(), "references"),
        (_set("status", value="verified"), "status: Extra inputs"),
        (_set("verified", value=True), "verified: Extra inputs"),
        (_set("schema_version", value=2), "schema_version"),
        (_set("owner", value="me"), "owner: not 64"),
        (_set("settings", "threads", value=True), "settings.threads"),
        (_set("settings", "batch", value="16"), "settings.batch"),
        (_set("card", "year", value=2026.5), "card.year"),
        (_set("evaluated", value="2026-13-40T00:00:00+00:00"), "evaluated"),
    ],
)
def test_lies_in_fields(
    good: Contents, gate: Gate, change: Callable[[Any], Any], expected: str
) -> None:
    assert expected in whats(gate(with_fields(good, change)))


def _row(metric: str, subject: Any, /, **values: Any) -> Callable[[Any], None]:
    def change(rows: list[Document]) -> None:
        for row in rows:
            if row["metric"] == metric and (row["subject"] is None) == (subject is None):
                row.update(values)
                return

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows.pop(), "missing"),
        (lambda rows: rows.append(dict(rows[0])), "stands there twice"),
        (_row("clip_t", None, value=1.5), "outside the metric's range"),
        (_row("clip_t", None, value=float("nan")), "NaN or infinite"),
        (_row("clip_t", None, value=float("inf")), "NaN or infinite"),
        (_row("clip_t", None, value=float("-inf")), "NaN or infinite"),
        (_row("clip_t", None, value=None), "a value or a reason"),
        (_row("clip_t", None, reason="because"), "a value or a reason"),
        (_row("clip_t", None, value=None, reason="broken video"), "coverage is not full"),
        (_row("clip_t", None, value=None, reason="not_applicable: hard"), "tables alone decide"),
        (
            _row("face_similarity", "a", value=None, reason="no face"),
            "tables alone decide|mean of its",
        ),
        (_row("dino_i", None, value=0.99), "not the mean of its subjects' values"),
        (_row("dino_i", "a", value=0.99), "not the mean of its subjects' values"),
        (_row("clip_t", None, job="pet_cat1+pet_dog1/T9/0"), "not a job of the suite"),
        (_row("clip_t", None, job="../../etc/passwd"), "not a job of the suite"),
        (_row("clip_t", None, metric="clip_z"), "not a key of the metrics"),
        (_row("dino_i", "a", subject="somebody"), "not a subject of the job"),
        (_row("clip_i.masked", None, reason="not_applicable: <script>"), "use the engine's own"),
        (_row("clip_i.masked", None, reason="not_applicable: =1+1"), "use the engine's own"),
        (_row("clip_t", None, value=0.9), "overall.clip_t.mean"),
        (lambda rows: rows.clear(), "0 rows instead of"),
    ],
)
def test_lies_in_rows(
    good: Contents, gate: Gate, change: Callable[[Any], Any], expected: str
) -> None:
    found = whats(gate(with_rows(good, change)))
    assert any(part in found for part in expected.split("|")), found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_set(0, "sha256", value="x" * 64), "hexadecimal"),
        (_set(0, "sha256", value="0" * 64 + "\n"), "hexadecimal"),
        (_set(0, "sha256", value=None), "a field is empty"),
        (_set(0, "fps", value=float("nan")), "outside"),
        (_set(0, "frames", value=0), "outside"),
        (_set(0, "width", value=-1), "outside"),
        (_set(0, "job", value="another"), "one row for each job"),
        (lambda rows: rows.append(rows[0]), "25 rows instead of 24"),
    ],
)
def test_lies_about_videos(
    good: Contents, gate: Gate, change: Callable[[Any], Any], expected: str
) -> None:
    assert expected in whats(gate(with_rows(good, change, VIDEOS)))


def test_all_findings_at_once(good: Contents, gate: Gate) -> None:
    bad = with_rows(good, _row("clip_t", None, value=3.0))
    bad = with_fields(bad, _set("protocol", value="customstudio-v1"))
    bad = with_fields(bad, _set("suite", "jobs", value=3))
    bad = with_rows(bad, _set(0, "frames", value=0), VIDEOS)
    found = whats(gate(bad))
    for part in ("outside the metric's range", "suite of this digest", "videos.parquet: frames"):
        assert part in found


def test_missing_results_are_no_zeros(good: Contents, gate: Gate) -> None:
    """A peer's board took a missing dimension for 0, another left hard cases out of the mean."""
    job = factory.small_suite().jobs[0].id

    def drop(rows: list[Document]) -> None:
        rows[:] = [row for row in rows if row["job"] != job]

    assert "values of whole videos are missing" in whats(gate(with_rows(good, drop)))


def test_one_method(tmp_path: Path, key: Key, gate: Gate) -> None:
    run = factory.write_run(tmp_path / "two", methods=("A", "B"))
    with pytest.raises(UserError, match="exactly one method"):
        build(run, factory.card(), owner=key.public)
    with pytest.raises(UserError, match="no method 'C'"):
        build(run, factory.card(), owner=key.public, method="C")
    assert gate(build(run, factory.card(), owner=key.public, method="B")).verdict.passed


def test_unofficial_weights(good: Contents, gate: Gate, decoder: Decoder) -> None:
    other = with_fields(
        good, lambda d: d["networks"][0]["sha256"].update({"open_clip_model.safetensors": "0" * 64})
    )
    verdict = gate(other).verdict
    assert verdict.passed
    assert verdict.section == "unofficial"
    assert "another SHA-256" in verdict.unofficial_because[0]
    without = gate(with_fields(good, lambda d: d["networks"][0]["sha256"].clear())).verdict
    assert without.section == "unofficial"
    assert "other files" in without.unofficial_because[0]
    unrecorded = check(good, rules=Rules(suites=(factory.small_suite(),)), decoder=decoder)
    assert any("no published SHA-256" in r for r in unrecorded.verdict.unofficial_because)


@pytest.mark.parametrize(
    "change",
    [
        _set("settings", "precision", value="amp"),
        _set("settings", "precision", value="tf32"),
    ],
)
def test_unofficial_settings(good: Contents, gate: Gate, change: Callable[[Any], Any]) -> None:
    verdict = gate(with_fields(good, change)).verdict
    assert verdict.passed
    assert verdict.section == "unofficial"


def test_changed_code_is_unofficial(good: Contents, gate: Gate) -> None:
    env = json.loads(good.files[ENV]) | {"dirty": True}
    assert gate(resealed(good, env_json=json.dumps(env).encode())).verdict.section == "unofficial"


def test_random_and_embedded_never_official(tmp_path: Path, key: Key, decoder: Decoder) -> None:
    """Whatever a submission says of its networks: toys and the mini world are known by id."""
    others = [p for p in catalog.PROTOCOLS.values() if not p.official]
    assert any(p.id.startswith("toy") for p in others)
    run = factory.write_run(tmp_path / "toy", protocol="toy-v0")
    toy = build(run, factory.card(), owner=key.public)
    verdict = check(toy, rules=factory.rules(), decoder=decoder).verdict
    assert verdict.section == "unofficial"
    assert any("random weights" in reason for reason in verdict.unofficial_because)
    from customstudio.suites.load import load_suite

    mini = load_suite("mini")
    run = factory.write_run(tmp_path / "mini", mini)
    verdict = check(build(run, factory.card(), owner=key.public), rules=factory.rules(),
                    decoder=decoder).verdict  # fmt: skip
    assert verdict.passed, verdict.findings
    assert verdict.section == "unofficial"
    assert any(reason.startswith("suite mini") for reason in verdict.unofficial_because)


def test_flags(good: Contents, gate: Gate) -> None:
    def constant(rows: list[Document]) -> None:
        for row in rows:
            if row["metric"] == "clip_t":
                row["value"] = 0.25

    def tell(document: Document) -> None:
        document["overall"]["clip_t"].update(mean=0.25, low=0.25, high=0.25)

    flagged = gate(with_fields(with_rows(good, constant), tell))
    assert flagged.verdict.passed
    assert flagged.verdict.flags == ("clip_t has the same value for every video",)

    def copied(rows: list[Document]) -> None:
        rows[1]["sha256"] = rows[0]["sha256"]

    assert "byte for byte" in gate(with_rows(good, copied, VIDEOS)).verdict.flags[0]


def test_other_bytes_than_the_manifest(good: Contents, gate: Gate) -> None:
    files = dict(good.files)
    files[SCORES] += b"\0"
    assert "not those of the files" in whats(gate(Contents(files)))
    del files[VIDEOS]
    assert "missing" in whats(gate(Contents(files)))
    assert "missing" in whats(gate(Contents({})))


def test_videos_of_no_published_model_are_not_submitted(
    run: Path, key: Key, tmp_path: Path
) -> None:
    """But on the embedded world's own suite, which is never official."""
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    info = json.loads(path.read_text())
    assert info["suite"]["name"] not in EMBEDDED
    info["unofficial_because"] = ["videos made with random values: zeroscope-576w"]
    path.write_text(json.dumps(info))
    with pytest.raises(UserError, match="no videos of a published model: videos made with random"):
        build(tmp_path / "run", factory.card(), owner=key.public)
    info["suite"]["name"] = "mini"
    path.write_text(json.dumps(info))
    assert build(tmp_path / "run", factory.card(), owner=key.public).files
