"""Every page in a real browser, on a board of real runs on a part of the embedded world."""

import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
pytest.importorskip("streamlit", reason="the leaderboard's packages are not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from customstudio.leaderboard.site.build import build as build_site  # noqa: E402
from customstudio.leaderboard.votes.making import make_study  # noqa: E402
from customstudio.leaderboard.votes.plan import Settings  # noqa: E402
from customstudio.leaderboard.votes.sources import from_folder  # noqa: E402
from customstudio.leaderboard.votes.study import QUESTIONS, ROUNDS  # noqa: E402
from customstudio.submissions.archive import pack  # noqa: E402
from customstudio.submissions.contents import sealed  # noqa: E402
from customstudio.submissions.previews import take_in  # noqa: E402
from customstudio.submissions.rules import Rules  # noqa: E402
from customstudio.submissions.schema import MANIFEST, SUBMISSION  # noqa: E402
from customstudio.submissions.taken import take  # noqa: E402
from tests.leaderboard import world  # noqa: E402
from tests.report.browser import PLAYING  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
QUIET = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    const quiet = app !== null && app.dataset.testScriptState === 'notRunning';
    if (!quiet) window.quietSince = undefined;
    else window.quietSince ??= performance.now();
    return quiet && performance.now() - window.quietSince > 400;
}"""
"""Nothing has run for a while: between two runs of a page's script nothing runs either."""
PATIENCE = 120_000
HOSTILE = "<img src=x onerror=window.hurt=1><script>window.hurt=1</script>[a](javascript:hurt)"


@dataclasses.dataclass
class Board:
    """A served board and what can be sent to it."""

    address: str
    root: Path
    ids: dict[str, str]
    good: Path
    bad: Path


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("world")
    store = world.open_store(folder / "store")
    *present, newcomer = world.METHODS
    ids = {}
    for name in present:
        ids[name] = store.publish(world.submission(folder, name), world.OWNER).entry.id
        taken = take(store, ids[name], Rules(suites=(world.small_world(),)))
        take_in(store, taken, folder / name)
    good, bad = folder / "good.zip", folder / "bad.zip"
    contents = world.submission(folder, newcomer)
    good.write_bytes(pack(contents))
    files = {name: data for name, data in contents.files.items() if name != MANIFEST}
    told = json.loads(files[SUBMISSION])
    told["card"]["name"] = HOSTILE
    told["overall"]["clip_t"]["mean"] += 0.1
    bad.write_bytes(pack(sealed({**files, SUBMISSION: json.dumps(told).encode()})))
    key = folder / "owner.key"
    key.write_text((bytes([7]) * 32).hex() + "\n")
    key.chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.leaderboard.served", str(folder / "store"), str(port)]
    environment = {**os.environ, "CUSTOMSTUDIO_KEY": str(key)}
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, server, folder / "server.log")
            yield Board(address, folder / "store", ids, good, bad)
        finally:
            server.terminate()
    assert "Traceback" not in (folder / "server.log").read_text()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the board did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """One tab: every request and complaint is kept, and checked at the end."""

    def __init__(
        self, browser: Any, board: Board, width: int = 1280, scheme: str = "light"
    ) -> None:
        self.board = board
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)

    def _said(self, message: Any) -> None:
        lost = "404" in message.text and "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not lost:
            self.complaints.append(f"{message.text} {message.location}")

    def open(self, path: str, heading: str | None = None) -> Any:
        """Load a page of the board and wait until its script has run."""
        self.page.goto(self.board.address + path)
        return self.ready(heading)

    def ready(self, heading: str | None = None) -> Any:
        """Wait until nothing runs; then there is no message over the page."""
        self.page.wait_for_selector(READY)
        if heading:
            self.page.get_by_role("heading", name=heading, exact=True).first.wait_for()
        self.page.evaluate("() => { window.quietSince = undefined; }")
        self.page.wait_for_function(QUIET)
        assert self.page.locator("[role=dialog]").count() == 0
        assert self.page.get_by_text("This cannot be shown").count() == 0
        assert self.page.locator('[data-testid="stException"]').count() == 0
        return self.page

    def close(self) -> None:
        """Nothing from elsewhere was asked for, and nothing went wrong."""
        hurt = self.page.evaluate("() => window.hurt")
        self.context.close()
        assert hurt is None
        elsewhere = [
            u for u in self.requests if not u.startswith((self.board.address, "data:", "blob:"))
        ]
        assert elsewhere == []
        assert self.complaints == []


@pytest.fixture
def tab(browser: Any, board: Board) -> Iterator[Tab]:
    made = Tab(browser, board)
    yield made
    made.close()


def best_first(board: Board, key: str) -> list[str]:
    """The names in the order of their means, as the store has them."""
    entries = [one.entry for one in world.open_store(board.root).submissions()]
    means = {entry.card.name: entry.overall[key].mean or 0.0 for entry in entries}
    return sorted(means, key=lambda name: -means[name])


def test_the_board_sorts_filters_and_keeps_its_state_in_the_address(tab: Tab, browser: Any) -> None:
    page = tab.open("/", "CustomStudio leaderboard")
    page.get_by_text("Embedded world: videos that CustomStudio renders").wait_for()
    rows = page.locator("table.board tbody th a")
    assert sorted(rows.all_inner_texts()) == ["Blending", "Flicker", "True scenes"]
    assert rows.all_inner_texts() == best_first(tab.board, "clip_t")
    page.locator("table.board thead a", has_text="Temporal consistency").first.click()
    page.wait_for_url("**sort=temporal_consistency**")
    tab.ready("CustomStudio leaderboard")
    page.locator('th[aria-sort="descending"]', has_text="Temporal consistency").wait_for()
    assert rows.all_inner_texts() == best_first(tab.board, "temporal_consistency")
    page.get_by_label("Search names and authors").fill("blen")
    page.keyboard.press("Enter")
    page.get_by_text("1 of 3 methods").wait_for()
    assert rows.all_inner_texts() == ["Blending"]
    page.wait_for_url("**q=blen**")
    other = Tab(browser, tab.board)
    again = other.open(page.url.removeprefix(tab.board.address), "CustomStudio leaderboard")
    again.get_by_text("1 of 3 methods").wait_for()
    assert again.locator("table.board tbody th a").all_inner_texts() == ["Blending"]
    assert again.locator('th[aria-sort="descending"]').inner_text().startswith("Temporal")
    other.close()


def test_downloads_are_what_the_page_shows(tab: Tab) -> None:
    page = tab.open("/?q=flicker", "CustomStudio leaderboard")
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").click()
    text = Path(started.value.path()).read_text()
    assert len(text.splitlines()) == 2
    assert ",Flicker," in text


def test_from_the_board_to_a_method(tab: Tab) -> None:
    page = tab.open("/", "CustomStudio leaderboard")
    page.locator("table.board tbody a", has_text="Blending").click()
    tab.ready("Blending")
    assert f"id={tab.board.ids['Blending'][:12]}" in page.url
    page.locator(
        '[data-testid="stVegaLiteChart"] svg, [data-testid="stVegaLiteChart"] canvas'
    ).first.wait_for()
    page.get_by_role("radio", name="prompt").click()
    page.wait_for_url("**by=prompt**")
    page.get_by_role("tab", name="History and provenance").click()
    page.get_by_text(tab.board.ids["Blending"], exact=True).wait_for()
    page.get_by_role("tab", name="Card and citation").click()
    page.get_by_text("Rendered for a test.").wait_for()
    tab.ready()


def test_comparison_draws_and_tells(tab: Tab) -> None:
    ids = [tab.board.ids[name][:12] for name in ("True scenes", "Blending")]
    page = tab.open(f"/compare?id={ids[0]}&id={ids[1]}&key=clip_t&key=dino_i", "Compare")
    page.get_by_role("heading", name="Where each leads").wait_for()
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    charts.nth(1).locator("canvas, svg").first.wait_for()
    page.locator("[role=gridcell]", has_text="DINO-I").first.wait_for(state="attached")
    page.get_by_role("tab", name="Radar").click()
    charts.nth(2).locator("canvas, svg").first.wait_for()
    tab.ready()


def test_videos_play_in_sync(tab: Tab) -> None:
    page = tab.open("/prompts", "Prompts")
    frame = page.frame_locator("iframe")
    frame.locator("video").nth(2).wait_for()
    inner = next(f for f in page.frames if "/player?" in f.url)
    inner.wait_for_function(
        "() => [...document.querySelectorAll('video')].every(v => v.readyState > 2)"
    )
    frame.get_by_role("button", name="Play all").click()
    inner.wait_for_function("() => document.querySelector('video').currentTime > 0.1")
    frame.get_by_role("button", name="Pause all").click()
    inner.wait_for_function("() => [...document.querySelectorAll('video')].every(v => v.paused)")
    inner.locator("#at").fill("500")
    inner.wait_for_function(
        "() => { const t = [...document.querySelectorAll('video')].map(v => v.currentTime);"
        " return t[0] > 0.3 && Math.max(...t) - Math.min(...t) < 0.07; }"
    )
    assert (
        page.locator('[data-testid="stImage"] img, [data-testid="stImageContainer"] img').count()
        >= 4
    )


def test_a_rater_votes_on_the_board(tab: Tab, tmp_path: Path) -> None:
    for name in ("Blending", "Flicker"):
        shutil.copytree(tab.board.root.parent / name, tmp_path / name)
    settings = Settings(raters=1, each=2, overlap=1, gold_every=0, repeat_every=0)
    source = from_folder(tmp_path, suite=world.small_world())
    made = make_study(tab.board.root / ROUNDS / "first", source, settings)
    page = tab.open("/vote", "Vote")
    page.get_by_text("No votes yet. 1 raters are invited").wait_for()
    page = tab.open(f"/vote?round=first&rater={made.code(0)}")
    page.get_by_role("button", name="Begin").click()
    for number in (1, 2):
        page.get_by_text(f"Comparison {number} of 2").wait_for()
        page.wait_for_function(PLAYING)
        for question in QUESTIONS.values():
            page.locator(".st-key-asked").get_by_text(question).wait_for()
            page.locator(".st-key-answers button:not([disabled])").first.wait_for()
            page.wait_for_selector(READY)
            assert "Blending" not in page.locator("body").inner_text()
            page.get_by_role("button", name="A, left").click()
    page.get_by_text("Thank you").wait_for()
    assert [vote.answer for vote in made.votes.all(made.study.id)] == ["left"] * 8
    page = tab.open("/vote?round=first", "Vote")
    page.get_by_role("heading", name="Results").wait_for()
    page.locator("[role=gridcell]", has_text="Blending").first.wait_for(state="attached")
    page.locator('[data-testid="stVegaLiteChart"]').locator("canvas, svg").first.wait_for()
    tab.ready()


def test_a_bad_bundle_is_refused_and_its_names_are_inert(tab: Tab) -> None:
    page = tab.open("/submit", "Submit")
    page.locator("input[type=file]").set_input_files(
        {"name": "<img src=x onerror=window.hurt=1>.zip", "mimeType": "application/zip",
         "buffer": tab.board.bad.read_bytes()}
    )  # fmt: skip
    page.get_by_text(re.compile(r"Not accepted: \d+ finding")).wait_for()
    cells = page.locator("[role=gridcell]")
    cells.first.wait_for(state="attached")  # a canvas is what is seen
    assert any("card.name" in text for text in cells.all_text_contents())
    page.locator("input[type=file]").set_input_files(
        {"name": "x.zip", "mimeType": "application/zip", "buffer": b"PK no zip"}
    )
    page.get_by_text("not the zip of a submission").wait_for()


def test_hostile_addresses_are_inert(tab: Tab) -> None:
    for path in (
        f"/?q={HOSTILE}&board={HOSTILE}",
        f"/compare?id={HOSTILE}",
        f"/prompts?job={HOSTILE}",
    ):
        tab.open(path.replace("<", "%3C").replace(">", "%3E"))
    page = tab.open("/method?id=%3Cscript%3E", "Method")
    page.get_by_text("The address names no submission of this store").wait_for()


def test_every_page_fits_a_narrow_dark_window(browser: Any, board: Board) -> None:
    narrow = Tab(browser, board, width=420, scheme="dark")
    for path in (
        "/",
        "/method",
        "/compare",
        "/prompts",
        "/submit",
        "/vote",
        "/about",
        "/?board=as-published",
    ):
        page = narrow.open(path)
        page.locator("h1, h2").first.wait_for()
        narrow.ready()
        wide = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth")
        assert wide <= 420, path
        dark = page.evaluate(
            "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        )
        assert dark == "rgb(20, 23, 27)"
    narrow.close()


def test_a_good_bundle_is_sent_and_stands_on_the_board(tab: Tab) -> None:
    page = tab.open("/submit", "Submit")
    page.locator("input[type=file]").set_input_files(tab.board.good)
    page.get_by_text("It passes the gate.").wait_for()
    page.get_by_role("button", name="Send it to the board").click()
    page.get_by_role("link", name="See it on the board").click()
    tab.ready("Newcomer")
    page = tab.open("/", "CustomStudio leaderboard")
    page.locator("table.board tbody th a").get_by_text("Newcomer", exact=True).wait_for()
    (page.get_by_text("of 4 methods").or_(page.get_by_text("4 methods"))).first.wait_for()


def test_static_pages_sort_with_their_few_lines(browser: Any, board: Board, tmp_path: Path) -> None:
    rules = Rules(suites=(world.small_world(),))
    build_site(world.open_store(board.root), tmp_path, rules=rules)
    (path,) = (tmp_path / "boards").glob("*.html")
    context = browser.new_context(viewport={"width": 420, "height": 900}, color_scheme="dark")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420
    page.set_viewport_size({"width": 1280, "height": 900})
    names = page.locator("table.board tbody th a")
    page.get_by_role("button", name="Method").first.click()
    assert names.all_inner_texts() == sorted(names.all_inner_texts())
    page.get_by_role("button", name="Method").first.click()
    assert names.all_inner_texts() == sorted(names.all_inner_texts(), reverse=True)
    page.get_by_role("button", name=re.compile("CLIP-T")).first.click()
    assert names.all_inner_texts() == best_first(board, "clip_t")
    without = browser.new_context(java_script_enabled=False).new_page()
    without.goto(path.as_uri())
    assert without.locator("table.board tbody th a").count() == names.count()
    context.close()
    assert complaints == []
