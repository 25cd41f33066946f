"""A rater in a real browser: votes by keyboard on a small study, and every vote is on disk."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.study import QUESTIONS, Folder
from tests.report.browser import PLAYING, find_chromium

ROOT = Path(__file__).parents[3]
PATIENCE = 120_000
"""Milliseconds: the machine may be busy."""

TAKEN_AWAY = """() => new Promise((done) => {
    const video = document.querySelector('.st-key-clips video');
    let before = 0;
    const look = () => {
        if (video.currentTime >= before) {
            before = video.currentTime;
            requestAnimationFrame(look);
        } else {
            video.remove();
            setTimeout(done, 500);
        }
    };
    look();
})"""
"""Takes the clip away just as it starts anew, as the next comparison may."""


@contextmanager
def served(study: Path) -> Iterator[str]:
    """`customstudio study serve` in a process of its own; gives its address."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    program = "from customstudio.cli.main import main; main()"
    words = ["-c", program, "study", "serve", str(study)]
    process = subprocess.Popen(
        [sys.executable, *words, "--port", str(port)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address + "_stcore/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the server has ended"
                time.sleep(0.5)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of Debian's Chromium, driven by Playwright."""
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.set_default_timeout(PATIENCE)
        yield opened
        browser.close()


def press(page: Any, question: str, number: int, key: str) -> None:
    """Answer a question of a comparison by its key, as soon as the buttons are awake.

    On a busy machine a key can fall between two of Streamlit's runs, and is pressed again, as a
    rater would; an answer that was taken in twice would show in the votes.
    """
    from playwright.sync_api import TimeoutError as TooLong

    page.get_by_text(f"Comparison {number} of").wait_for()
    asked = page.locator(".st-key-asked").get_by_text(question)
    asked.wait_for()
    page.locator(".st-key-answers button:not([disabled])").first.wait_for()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.keyboard.press(key)
    try:
        asked.wait_for(state="hidden", timeout=PATIENCE / 3)
    except TooLong:
        page.keyboard.press(key)
        asked.wait_for(state="hidden")


def test_a_rater_votes_by_keyboard(study: Folder, page: Any) -> None:
    problems: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    keys = {1: "1234", 2: "4321"}
    with served(study.root) as address:
        page.goto(f"{address}?rater={study.code(0)}")
        page.get_by_role("button", name="Begin").wait_for()
        page.keyboard.press("Enter")
        page.locator(".st-key-clips video").wait_for()
        page.wait_for_function(PLAYING)
        assert page.evaluate("document.querySelector('video').muted")
        for number, pressed in keys.items():
            for question, key in zip(QUESTIONS.values(), pressed, strict=True):
                press(page, question, number, key)
        page.get_by_text("Comparison 3 of").wait_for()
        text = page.locator("body").inner_text()
        html = page.content()
        page.evaluate(TAKEN_AWAY)
        # Nothing gets away: what is asked for is ours.
        assert [url for url in requests if not re.match(rf"{address}|data:|blob:", url)] == []
    names = ["left", "right", "tie", "both_bad"]
    votes = study.votes.all(study.study.id)
    assert [vote.answer for vote in votes] == [names[int(k) - 1] for s in keys.values() for k in s]
    assert [vote.question for vote in votes] == [*QUESTIONS] * 2
    slots = Booth(study, 0).slots
    assert [vote.ticket for vote in votes] == [study.ticket(s) for s in slots[:2] for _ in range(4)]
    assert not any(name in text for name in study.study.methods)
    assert not any(slot.job in html for slot in slots)
    assert problems == []
