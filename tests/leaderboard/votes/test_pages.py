"""The rater's page and the leaderboard's Vote page, without a browser."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the leaderboard's packages are not installed")
from streamlit.testing.v1 import AppTest

from customstudio.leaderboard.votes import screen
from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.serving import APP, STUDY_VARIABLE
from customstudio.leaderboard.votes.study import QUESTIONS, ROUNDS, STUDY, Folder
from customstudio.submissions.store import Store

HOSTILE = "a cat <img src=x onerror=alert(1)> ![y](http://evil.example/z.png) [k](javascript:0)"


@pytest.fixture(autouse=True)
def fresh_caches() -> None:
    """Nothing from another test's store."""
    import streamlit as st

    st.cache_resource.clear()


@pytest.fixture
def rater_page(study: Folder, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Opens the rater's page with a code."""
    monkeypatch.setenv(STUDY_VARIABLE, str(study.root))

    def run(code: str) -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=120)
        if code:
            at.query_params["rater"] = code
        at.run()
        assert not at.exception, at.exception
        return at

    return run


def button(at: AppTest, words: str) -> Any:
    [found] = [b for b in at.button if b.label == words]
    return found


def awake(at: AppTest) -> AppTest:
    """Wait until the clips have played once."""
    while button(at, "Tie").disabled:
        time.sleep(0.2)
        at.run()
    return at


def answer(at: AppTest, *words: str) -> AppTest:
    for word in words:
        button(awake(at), word).click().run()
        assert not at.exception, at.exception
    at.run()  # what a browser does for st.rerun in a fragment
    return at


def texts(at: AppTest) -> str:
    return " ".join(element.value for element in (*at.text, *at.markdown, *at.caption))


def everything(at: AppTest) -> str:
    """All that was sent to the browser, as text."""

    def walk(node: Any) -> str:
        own = str(getattr(node, "proto", "") or "")
        return own + "".join(walk(child) for child in getattr(node, "children", {}).values())

    return walk(at.main)


def test_a_rater_votes(study: Folder, rater_page: Callable[[str], AppTest]) -> None:
    at = rater_page(study.code(0))
    assert "by invitation" not in texts(at)
    button(at, "Begin").click().run()
    booth = Booth(study, 0)
    first = booth.slots[0]
    assert study.study.jobs[first.job].prompt in texts(at)
    assert QUESTIONS["text_alignment"] in texts(at)
    assert button(at, "Tie").disabled
    answer(at, "A, left")
    assert QUESTIONS["subject_fidelity"] in texts(at)
    answer(at, "Tie", "Back", "Both bad", "B, right", "Tie")
    votes = study.votes.all(study.study.id)
    assert [(v.question, v.answer) for v in votes] == [
        ("text_alignment", "left"),
        ("subject_fidelity", "both_bad"),
        ("motion", "right"),
        ("overall", "tie"),
    ]
    assert {v.ticket for v in votes} == {study.ticket(first)}
    assert booth.next() == booth.slots[1]
    assert f"Comparison 2 of {len(booth.slots)}" in everything(at)


def test_methods_are_never_named(study: Folder, rater_page: Callable[[str], AppTest]) -> None:
    at = rater_page(study.code(1))
    button(at, "Begin").click().run()
    shown = everything(at)
    assert study.study.jobs[Booth(study, 1).slots[0].job].prompt in shown
    assert not [name for name in study.study.methods if name in shown]
    slot = Booth(study, 1).slots[0]
    assert slot.job not in shown


def test_no_code_and_a_wrong_code(study: Folder, rater_page: Callable[[str], AppTest]) -> None:
    assert "by invitation" in texts(rater_page(""))
    at = rater_page("<script>alert(1)</script>")
    assert [e.value for e in at.error] == [
        "No rater has this code. Check it against your invitation."
    ]
    assert "script" not in everything(at)


def test_a_finished_list(study: Folder, rater_page: Callable[[str], AppTest]) -> None:
    booth = Booth(study, 2)
    while (slot := booth.next()) is not None:
        booth.cast(study.ticket(slot), dict.fromkeys(study.study.questions, "tie"))
    assert "Thank you" in rater_page(study.code(2)).success[0].value


def test_a_comparison_that_another_tab_answered_is_over(
    study: Folder, rater_page: Callable[[str], AppTest]
) -> None:
    at = rater_page(study.code(0))
    button(at, "Begin").click().run()
    answer(at, "A, left", "A, left")
    booth = Booth(study, 0)
    booth.cast(study.ticket(booth.slots[0]), dict.fromkeys(study.study.questions, "tie"))
    answer(at, "A, left")
    assert "Comparison 2" in everything(at)
    assert {v.answer for v in study.votes.all(study.study.id)} == {"tie"}


def test_hostile_prompts_stay_text(study: Folder, rater_page: Callable[[str], AppTest]) -> None:
    document = json.loads((study.root / STUDY).read_text())
    for job in document["jobs"].values():
        job["prompt"] = HOSTILE
    (study.root / STUDY).write_text(json.dumps(document))
    at = rater_page(study.code(0))
    button(at, "Begin").click().run()
    assert HOSTILE in [element.value for element in at.text]
    others = [e.value for e in (*at.markdown, *at.caption, *at.subheader, *at.title)]
    assert not [text for text in others if "evil" in text or "onerror" in text]
    assert not [h for h in at.get("html") if "evil" in h.proto.body]  # type: ignore[attr-defined]


@pytest.fixture
def board_page(
    study: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Folder, Callable[..., AppTest]]:
    """The Vote page of a store that has one round."""
    store = Store(tmp_path / "store")
    (store.root / ROUNDS).mkdir()
    shutil.move(str(study.root), store.root / ROUNDS / "first")
    monkeypatch.setenv("CUSTOMSTUDIO_STORE", str(store.root))

    def run(**parameters: str) -> AppTest:
        def script() -> None:
            from customstudio.leaderboard.views.vote import page

            page()

        at = AppTest.from_function(script, default_timeout=120)
        for key, value in parameters.items():
            at.query_params[key] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return Folder(store.root / ROUNDS / "first"), run


def test_the_boards_page(board_page: tuple[Folder, Callable[..., AppTest]]) -> None:
    folder, run = board_page
    assert "No votes yet" in texts(run())
    assert not (folder.root / "index.sqlite").exists()  # its votes are in the store's database
    at = run(rater=folder.code(0))
    button(at, "Begin").click().run()
    answer(at, *["A, left"] * 4)
    assert "shown when your list is done" in texts(at)
    assert not at.dataframe
    for rater in range(6):
        booth = Booth(folder, rater)
        while (slot := booth.next()) is not None:
            better = "left" if slot.left < slot.right else "right"
            if slot.gold:
                better = {"left": "right", "right": "left", None: "tie"}[slot.damaged]
            answers: Any = dict.fromkeys(folder.study.questions, better)
            booth.cast(folder.ticket(slot), answers)
    at = run()
    table = at.dataframe[0].value
    assert list(table["method"]) == ["blurred", "faithful", "grey"]
    assert table["rank"].iloc[0].startswith("1")
    assert "6 raters of 6 invited" in texts(at)


def test_a_board_without_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_STORE", str(tmp_path / "store"))

    def script() -> None:
        from customstudio.leaderboard.views.vote import page

        page()

    at = AppTest.from_function(script, default_timeout=120).run()
    assert "No round of votes is open" in at.info[0].value


def test_keys_and_words_are_those_of_the_docs() -> None:
    assert [key for _, key in screen.ANSWERS.values()] == ["1", "2", "3", "4"]
