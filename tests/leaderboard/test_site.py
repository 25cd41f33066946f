"""The static pages: whole, escaped, readable without scripts, and the same as the store."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from customstudio.leaderboard import pages
from customstudio.leaderboard.boards import boards
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.site.layout import POLICY, SiteLinks
from customstudio.leaderboard.table import Ranked
from customstudio.submissions.archive import unpack
from customstudio.submissions.reported.tables import read_published
from customstudio.suites.load import load_suite
from tests.leaderboard.conftest import Filled
from tests.leaderboard.parsed import Page
from tests.submissions.factory import small_suite


def test_every_page_is_whole_and_every_link_leads_somewhere(site: Path) -> None:
    found = sorted(site.rglob("*.html"))
    assert len(found) == 3 + 3 + 5 + len(small_suite().pairs)
    for path in found:
        page = Page(path.read_text())
        assert page.open == [], path
        policies = [
            a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policies == [POLICY]
        assert not [a for _, a in page.tags if any(n.startswith("on") or n == "style" for n in a)]
        for link in page.links:
            if not link.startswith(("https://", "#")):
                assert (path.parent / link).is_file(), f"{path}: {link}"


def test_the_board_reads_without_scripts(site: Path, filled: Filled) -> None:
    (path,) = (site / "boards").glob("*.html")
    text = " ".join(" ".join(Page(path.read_text()).words).split())
    assert text.index("Verified") < text.index("Alpha") < text.index("Self-reported")
    assert text.index("Self-reported") < text.index("Beta")
    assert "Delta" not in text
    for name in ("Alpha", "Beta"):
        mean = filled.store.entry(filled.ids[name]).entry.overall["clip_t"].mean
        assert f"{mean:.4f}" in text
    document = json.loads(path.with_suffix(".json").read_text())
    assert document["submissions"][0]["id"] == filled.ids["Alpha"]


def test_a_method_page_tells_history_and_gives_the_files(site: Path, filled: Filled) -> None:
    identity = filled.ids["Delta"]
    text = " ".join(Page((site / "methods" / f"{identity[:20]}.html").read_text()).words)
    assert "withdrawn" in text
    assert "Wrong seeds." in text
    assert identity in text
    packed = unpack((site / "methods" / f"{identity[:20]}.zip").read_bytes())
    assert packed.id == identity
    alpha = (site / "methods" / f"{filled.ids['Alpha'][:20]}.html").read_text()
    assert "A. Maintainer" in alpha
    assert "All videos agree." in alpha


def test_all_published_rows_are_shown_and_not_ranked(site: Path) -> None:
    text = " ".join(Page((site / "published.html").read_text()).words)
    for row in read_published():
        assert row.value in text
        assert row.source in text
    assert "rank 1" not in text
    assert "VideoDreamer's tables" in text


def test_the_feed_is_atom(site: Path, filled: Filled) -> None:
    feed = ElementTree.fromstring((site / "feed.xml").read_text())
    space = {"a": "http://www.w3.org/2005/Atom"}
    titles = [t.text for t in feed.findall("a:entry/a:title", space)]
    assert "Alpha: recomputed" in titles
    assert "Delta: withdrawn" in titles
    ids = [t.text for t in feed.findall("a:entry/a:id", space)]
    assert len(set(ids)) == len(ids) == len(titles)
    link = feed.find("a:entry/a:link", space)
    assert link is not None
    assert link.get("href", "").startswith("https://board.example.org/methods/")
    for name in ("id", "title", "updated", "author"):
        assert feed.find(f"a:{name}", space) is not None


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}",
        "a\u202eb\u200bc",
        "[x](javascript:alert(1))",
    ],
)  # fmt: skip
def test_hostile_names_are_text(filled: Filled, hostile: str) -> None:
    """The gate refuses such names; the pages would not believe them either."""
    (standing,) = boards(filled.store.submissions()).values()
    ranked = Ranked(standing)
    section = ranked.section("self-reported", Query())
    first = section.rows[0].listed
    card = first.entry.card.model_copy(
        update={
            "name": hostile,
            "base_model": hostile,
            "about": hostile,
            "paper": "javascript:alert(1)",
        }
    )
    listed = first.model_copy(update={"entry": first.entry.model_copy(update={"card": card})})
    row = ranked.row(listed, "self-reported", ranked.shown(Query()))
    changed = type(section)("self-reported", 1, 1, (row,), 1, 1)
    keys = ranked.shown(Query())
    html = pages.section_html(changed, keys, standing.board, SiteLinks(""), Query())
    html += pages.piece("card.html.j2", listed=listed, board=standing.board)
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert not [link for link in page.links if link.startswith("javascript")]
    shown = "".join(page.words)
    assert "49" not in re.findall(r"\b49\b", shown)
    assert "\u202e" not in html
    assert (hostile in shown) or "[U+202E]" in shown


def test_only_images_that_may_be_shown_are() -> None:
    from customstudio.leaderboard.media import references

    mini = load_suite("mini")
    found = references(mini, next(iter(mini.subjects.values())))
    assert len(found.images) == 4
    assert found.hidden == ""
    for subject in load_suite("customstudio").subjects.values():
        if "NO stated licence" in subject.licence or not subject.licence:
            shown = references(load_suite("customstudio"), subject)
            assert shown.images == ()
            assert shown.hidden.startswith("not shown")
