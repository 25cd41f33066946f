"""Studies from folders of videos: what is made, what raters may do, what is kept, the results."""

import csv
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import UnidentifiedImageError
from typer.main import get_command
from typer.testing import CliRunner

from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.leaderboard import derived
from customstudio.leaderboard.votes import making
from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.clips import HEIGHT, STRIP, side_by_side
from customstudio.leaderboard.votes.making import make_study
from customstudio.leaderboard.votes.outcome import outcome
from customstudio.leaderboard.votes.plan import Settings
from customstudio.leaderboard.votes.report import as_csv, as_html, as_markdown, as_text
from customstudio.leaderboard.votes.results import Results
from customstudio.leaderboard.votes.sources import from_folder, from_store
from customstudio.leaderboard.votes.study import CLIPS, KEY, RATERS, ROUNDS, STUDY, Folder
from customstudio.media.video import read_video
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.submissions.place import DATABASE
from customstudio.submissions.previews import _keep
from customstudio.submissions.store import Store
from customstudio.submissions.votes import Answer, Question
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir
from tests.leaderboard.conftest import Filled
from tests.leaderboard.votes.conftest import JOBS, SMALL

ROOT = Path(__file__).parents[3]
WORTH = {"faithful": 2.0, "grey": 0.0, "blurred": -2.0}


def answers(folder: Folder, answer: Answer) -> dict[Question, Answer]:
    return dict.fromkeys(folder.study.questions, answer)


def honest(folder: Folder, rater: int, generator: np.random.Generator) -> None:
    """Vote a whole list by `WORTH`, and gold as it should be."""
    booth = Booth(folder, rater)
    while (slot := booth.next()) is not None:
        if slot.kind == "same":
            answer: Answer = "tie"
        elif slot.kind == "damaged":
            answer = "left" if slot.damaged == "right" else "right"
        else:
            chance = 1 / (1 + np.exp(WORTH[slot.right] - WORTH[slot.left]))
            answer = "left" if generator.random() < chance else "right"
        assert booth.cast(folder.ticket(slot), answers(folder, answer))


def test_what_is_made(study: Folder) -> None:
    made = study.study
    assert made.methods == ("blurred", "faithful", "grey")
    assert len(made.lists) == SMALL.raters
    assert made.suite.startswith("mini v1")
    assert set(made.jobs[made.slots[0].job].subjects) == set(
        made.slots[0].job.split("/")[0].split("+")
    )
    for slot in made.slots:
        for method in (slot.left, slot.right):
            assert (study.root / CLIPS / made.by_place[method, slot.job].file).is_file()
    for files in made.references.values():
        assert len(files) == 3
    for secret in (KEY, RATERS):
        assert stat.S_IMODE((study.root / secret).stat().st_mode) == 0o600
    rows = list(csv.DictReader((study.root / RATERS).read_text().splitlines()))
    assert [study.rater_of(row["code"]) for row in rows] == list(range(SMALL.raters))
    assert all(row["link"].endswith(f"?rater={row['code']}") for row in rows)
    assert study.rater_of("") is None
    assert study.rater_of("é" * 12) is None


def test_clips_say_nothing_of_their_method(study: Folder) -> None:
    for path in (study.root / CLIPS).iterdir():
        data = path.read_bytes()
        assert not any(name.encode() in data for name in study.study.methods)
        assert read_video(path).frames.shape[1:3] == (HEIGHT, HEIGHT)


def test_two_clips_become_one_video(study: Folder, tmp_path: Path) -> None:
    by_place = study.study.by_place
    job = study.study.slots[0].job
    left, right = (study.root / CLIPS / by_place[m, job].file for m in ("faithful", "grey"))
    target = tmp_path / "both.mp4"
    side_by_side(left, right, target)
    both, one = read_video(target), read_video(left)
    assert both.frames.shape == (len(one.frames), HEIGHT + STRIP, 2 * HEIGHT + 16, 3)
    shown = both.frames[:, STRIP:, :HEIGHT].astype(float)
    assert np.abs(shown - one.frames).mean() < 3
    side_by_side(left, left, target, damaged="right")
    sides = read_video(target).frames[:, STRIP:].astype(float)
    assert np.abs(sides[:, :, :HEIGHT] - one.frames).mean() < 3
    assert np.abs(sides[:, :, -HEIGHT:] - one.frames).mean() > 10


def test_each_ticket_once_and_in_order(anywhere: Folder) -> None:
    study = anywhere
    booth, other = Booth(study, 0), Booth(study, 1)
    first, second = booth.slots[:2]
    ticket = study.ticket(first)
    assert booth.next() == first == booth.next()
    for bad in ("0" * 32, study.ticket(second), study.ticket(other.slots[0]), "'; --"):
        with pytest.raises(UserError):
            booth.cast(bad, answers(study, "tie"))
    with pytest.raises(UserError):
        booth.cast(ticket, {"overall": "tie"})
    assert not study.votes.all(study.study.id)
    assert booth.cast(ticket, answers(study, "left"))
    assert not booth.cast(ticket, answers(study, "right"))
    assert {vote.answer for vote in study.votes.all(study.study.id)} == {"left"}
    assert booth.next() == second
    assert other.next() == other.slots[0]


def test_another_studys_tickets_are_worth_nothing(study: Folder, made_study: Path) -> None:
    twin = study.root.parent / "twin"
    twin.mkdir()
    (twin / STUDY).write_bytes((made_study / STUDY).read_bytes())
    (twin / KEY).write_text("ab" * 32)
    forged = Folder(twin)
    assert not {forged.ticket(s) for s in forged.study.slots} & {
        study.ticket(s) for s in study.study.slots
    }


def test_whole_study(study: Folder, tmp_path: Path) -> None:
    """Five honest raters and one who always clicks left."""
    generator = np.random.default_rng(5)
    for rater in range(5):
        honest(study, rater, generator)
    booth = Booth(study, 5)
    while (slot := booth.next()) is not None:
        booth.cast(study.ticket(slot), answers(study, "left"))
    found = outcome(study)
    assert found.comparisons == found.planned == SMALL.raters * SMALL.each
    assert found.votes == 4 * found.planned
    assert [check.kept for check in found.raters] == [True] * 5 + [False]
    assert [check.rater for check in found.left_out] == [study.rater(5)]
    for results in found.questions.values():
        assert isinstance(results, Results)
        assert [s.method for s in results.standings] == ["faithful", "grey", "blurred"]
        firsts = [s for s in study.study.slots if s.kind == "vote" and s.rater < 5]
        assert results.votes == len(firsts)  # neither gold nor repeats
    texts = (as_text(found), as_markdown(found), as_html(found))
    for text in texts:
        assert "Left out: 1 rater" in text
        assert "Davidson" in text or text is texts[0]
    assert len(as_csv(study).splitlines()) == found.votes + 1
    done = CliRunner().invoke(app, ["study", "report", str(study.root), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["questions"]["overall"]["votes"] == len(firsts)
    assert (study.root / "report" / "report.html").read_text() == texts[2]


def test_unanswered_study_has_a_report(study: Folder) -> None:
    found = outcome(study)
    text = as_text(found)
    assert "0 raters of 6 invited answered 0 of 48 comparisons" in text
    assert text.count("average rank") == len(found.questions)  # one table each
    assert as_html(found)
    assert as_markdown(found)


VOTER = """
import sys
from pathlib import Path
from customstudio.leaderboard import derived
from customstudio.leaderboard.votes import making
from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.study import Folder
folder = Folder(Path(sys.argv[1]))
booth = Booth(folder, int(sys.argv[2]))
while (slot := booth.next()) is not None:
    booth.cast(folder.ticket(slot), dict.fromkeys(folder.study.questions, "left"))
    print(folder.ticket(slot), flush=True)
"""


def test_a_killed_server_loses_no_accepted_vote(anywhere: Folder) -> None:
    """Two processes vote; both are killed at once; what either had reported is there, whole."""
    study = anywhere
    study.votes.version()
    voters = [
        subprocess.Popen(
            [sys.executable, "-c", VOTER, str(study.root), str(rater)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for rater in (0, 1)
    ]  # fmt: skip
    said = [voter.stdout.readline().strip() for voter in voters if voter.stdout]
    time.sleep(0.02)
    for voter in voters:
        os.kill(voter.pid, signal.SIGKILL)
    for voter in voters:
        said += voter.communicate()[0].split()
    kept: dict[str, set[str]] = {}
    for vote in study.votes.all(study.study.id):
        kept.setdefault(vote.ticket, set()).add(vote.question)
    assert set(filter(None, said)) <= kept.keys()
    assert all(questions == set(study.study.questions) for questions in kept.values())
    honest(study, 2, np.random.default_rng(0))  # nothing holds the others up


def test_votes_of_a_round(
    anywhere: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the database of the store, wherever that is."""
    store = Store(tmp_path / "store")
    root = store.root / ROUNDS / "first"
    root.parent.mkdir()
    anywhere.root.rename(root)
    folder, before = Folder(root), store.votes.version()
    for rater in range(2):
        honest(folder, rater, np.random.default_rng(rater))
    found = outcome(folder)
    assert found.comparisons == 2 * SMALL.each
    assert store.votes.all(folder.study.id) == folder.votes.all()
    assert store.votes.version() == before + found.comparisons
    assert len(as_csv(folder).splitlines()) == found.votes + 1
    assert not list(root.glob("index.*"))
    if store.index.path is None:
        monkeypatch.delenv(DATABASE)
        with pytest.raises(UserError, match="the store's index is in PostgreSQL"):
            Folder(root).votes.all()


@pytest.mark.parametrize("database", ["damaged", "no answer", "no folder"])
def test_a_database_that_fails(
    study: Folder, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lines on the terminal, and no traceback."""
    if database == "damaged":
        (study.root / "index.sqlite").write_bytes(b"no database " * 1000)
    elif database == "no answer":
        monkeypatch.setenv(DATABASE, "postgresql://somebody:secret@127.0.0.1:1/none")
    else:
        (study.root / "index.sqlite").mkdir()
    for command in ("report", "serve"):
        done = CliRunner().invoke(app, ["study", command, str(study.root)])
        assert isinstance(done.exception, UserError), done.output
        assert len(str(done.exception).splitlines()) == 3
        assert "secret" not in str(done.exception)


@pytest.mark.parametrize("name", ["<img src=x>", "=1+1", "a|b", "![x](y)", "ｍ"])
def test_names_that_could_act_are_refused(rendered: Path, tmp_path: Path, name: str) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for method in ("faithful", "grey"):
        target = {"grey": name}.get(method, method)
        (videos / target).symlink_to(rendered / method)
    with pytest.raises(UserError, match="use ASCII"):
        make_study(tmp_path / "study", from_folder(videos), SMALL)
    assert not (tmp_path / "study").exists()


def test_mistakes_have_three_lines(rendered: Path, made_study: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    wrong: list[list[str]] = [
        ["study", "init", str(made_study), "--videos", str(rendered)],
        ["study", "init", str(tmp_path / "a")],
        ["study", "init", str(tmp_path / "b"), "--videos", str(tmp_path)],
        ["study", "init", str(tmp_path / "c"), "--videos", str(rendered), "--questions", "beauty"],
        ["study", "init", str(tmp_path / "d"), "--videos", str(rendered), "--each", "900"],
        ["study", "init", str(tmp_path / "e"), "--videos", str(rendered), "--title", "[x](y)"],
        ["study", "report", str(tmp_path)],
        ["study", "serve", str(tmp_path)],
    ]
    for words in wrong:
        done = runner.invoke(app, words)
        assert isinstance(done.exception, UserError), (words, done.output)
        assert len(str(done.exception).splitlines()) == 3
    assert [p.name for p in tmp_path.iterdir()] == []


def test_folders_with_manifests(rendered: Path, tmp_path: Path) -> None:
    """One folder and manifest a method."""
    jobs = [job for job in load_suite("mini").jobs if job.id in JOBS]
    for method in ("faithful", "grey"):
        shutil.copytree(rendered / method, tmp_path / method / method)
        write_videos(tmp_path / method, [Wanted(method, job) for job in jobs])
    images = data_dir("mini") / "refs"
    source = from_folder(tmp_path, images=images)
    assert {item.method for item in source.items} == {"faithful", "grey"}
    assert len({item.job for item in source.items}) == len(JOBS)
    manifest = tmp_path / "grey" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("a cat", "a horse"))
    alike = {item.job for item in source.items if "a cat" in item.prompt}
    assert not alike & {
        i.job for i in from_folder(tmp_path, images=images).items if i.method == "grey"
    }


def test_rounds_are_made_of_previews(
    filled: Filled, rendered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only current submissions, only where the store has a preview, names apart."""
    monkeypatch.setattr(derived, "Rules", lambda: filled.rules)
    with pytest.raises(UserError, match="no board has videos of two methods"):
        from_store(filled.store)
    some_video = next(rendered.rglob("*.mp4")).read_bytes()
    suite = derived.suite_of(filled.store.entry(filled.ids["Alpha"]).entry)
    jobs = [job.id for job in suite.jobs]
    for name, shown in (("Alpha", jobs[:3]), ("Beta", jobs[1:4]), ("Delta", jobs)):
        for job in shown:
            _keep(filled.store, filled.ids[name], job, some_video)
    source = from_store(filled.store)
    found = {(item.method, item.job) for item in source.items}
    assert found == {("Alpha", job) for job in jobs[:3]} | {("Beta", job) for job in jobs[1:4]}
    with pytest.raises(UserError, match="no board"):
        from_store(filled.store, "another")
    settings = Settings(raters=2, each=2, overlap=1, gold_every=0, repeat_every=0)
    made = make_study(filled.store.root / ROUNDS / "first", source, settings, questions=["overall"])
    assert made.is_round
    assert made.study.methods == ("Alpha", "Beta")
    booth = Booth(made, 0)
    assert booth.cast(made.ticket(booth.slots[0]), {"overall": "tie"})
    assert len(filled.store.votes.all(made.study.id)) == 1


def test_a_broken_video_is_named(rendered: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(rendered, videos)
    for path in (videos / "grey").rglob("*.mp4"):
        path.write_bytes(b"not a video")
    with pytest.raises(UserError) as caught:
        make_study(tmp_path / "study", from_folder(videos), SMALL)
    assert str(caught.value).count("grey/") == 4
    assert not (tmp_path / "study").exists()  # mended, the same command makes it


def test_a_study_is_made_whole_or_not_at_all(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reference image that is none, after all clips were written."""

    def broken(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise UnidentifiedImageError(f"cannot identify image file {source}")

    monkeypatch.setattr(making, "small_picture", broken)
    with pytest.raises(UserError, match="the study cannot be made: cannot identify"):
        make_study(tmp_path / "study", from_folder(rendered), SMALL)
    assert not (tmp_path / "study").exists()


def test_commands_of_the_docs() -> None:
    """Every command that docs/studies.md prints is one, with options that it has."""
    lines = (ROOT / "docs" / "studies.md").read_text().splitlines()
    commands = [line.split()[1:] for line in lines if line.startswith("customstudio study ")]
    assert {words[1] for words in commands} == {"init", "serve", "report"}
    for words in commands:
        command: Any = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("study", words)
