"""Static pages that compare methods pair by pair, and show a pair's videos."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from customstudio.errors import UserError
from customstudio.evaluation.compare import Difference
from customstudio.leaderboard import derived, differences
from customstudio.leaderboard.boards import Standing, boards, columns
from customstudio.leaderboard.comparing import compare_entries
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.site.build import build
from customstudio.leaderboard.site.compare import compare_pages
from customstudio.leaderboard.site.media import choose_videos, reference_files, shown_references
from customstudio.leaderboard.site.prompts import prompt_pages
from customstudio.leaderboard.table import Ranked
from customstudio.report.text import number
from customstudio.submissions import previews, tables
from customstudio.submissions.rules import Rules
from customstudio.suites.load import load_suite
from tests.leaderboard.conftest import Filled
from tests.leaderboard.parsed import Page
from tests.submissions.factory import small_suite

CLIP = b"a small copy"


def test_the_page_of_comparisons_holds_the_numbers_of_the_app(site: Path, filled: Filled) -> None:
    (path,) = (site / "compare").glob("*.html")
    document = json.loads(path.with_suffix(".json").read_text())
    sections = {one["section"]: one for one in document["sections"]}
    assert sections["verified"]["differences"] == []
    entries = [filled.store.entry(one["id"]).entry for one in sections["self-reported"]["methods"]]
    assert {entry.id for entry in entries} == {filled.ids["Beta"], filled.ids["Gamma 2"]}
    found = sections["self-reported"]["differences"]
    keys = [one["key"] for one in found]
    wanted = compare_entries(entries, keys, lambda i: derived.scores(filled.store, i))
    assert found == [one.model_dump() for one in wanted.differences]
    text = " ".join(" ".join(Page(path.read_text()).words).split())
    assert "there is nothing to compare it with" in text
    assert "A corrected p under 0.05 tells" in text
    for one in wanted.differences:
        assert one.difference is not None
        assert one.p_corrected is not None
        assert number(one.difference) in text
        assert number(one.p_corrected) in text


def test_ten_methods_of_a_section_are_compared_and_the_page_says_so(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "FOREMOST", 2)
    (standing,) = boards(filled.store.submissions()).values()
    alpha, beta, gamma = standing.current
    level = tuple(one.model_copy(update={"state": beta.state}) for one in (alpha, beta, gamma))
    ranked = Ranked(Standing(standing.board, level, ()))
    (_, text), (_, data) = compare_pages(filled.store, ranked)
    (section,) = json.loads(data)["sections"]
    rows = ranked.section("self-reported", Query()).rows
    assert [m["id"] for m in section["methods"]] == [r.listed.entry.id for r in rows[:2]]
    words = " ".join(" ".join(Page(text).words).split())
    assert "2 methods of 3: the best 2 by" in words


@pytest.mark.parametrize(
    ("difference", "p", "better", "said"),
    [
        (0.1, 0.01, "higher", "B"),
        (-0.1, 0.01, "higher", "A"),
        (0.1, 0.01, "lower", "A"),
        (0.1, 0.01, "neither", "they differ"),
        (0.1, 0.05, "higher", "not told apart"),
        (None, None, "higher", "not told apart"),
    ],
)
def test_the_better_of_two_is_named_where_p_tells(
    difference: float | None, p: float | None, better: str, said: str
) -> None:
    key = columns("customstudio-v1")[0].model_copy(update={"better": better})
    one = Difference(first="a", second="b", key=key.key, difference=difference, low=None,
                     high=None, p=p, p_corrected=p, pairs=9, videos=9)  # fmt: skip
    assert differences.verdict(one, {"a": "A", "b": "B"}, key) == said


@pytest.fixture
def with_videos(filled: Filled) -> Iterator[str]:
    """Previews of Beta's first pair; the name of their file, which they share."""
    name = f"{hashlib.sha256(CLIP).hexdigest()}.mp4"
    beta = filled.ids["Beta"]
    jobs = [job.id for job in small_suite().jobs if job.pair == next(iter(small_suite().pairs))]
    for job in jobs:
        previews._keep(filled.store, beta, job, CLIP)
    yield name
    with filled.store.index.writing() as db:
        db.execute(sa.delete(tables.previews))


@pytest.mark.usefixtures("with_videos")
def test_a_folder_that_cannot_be_written(filled: Filled, tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file in its place")
    with pytest.raises(UserError, match="cannot write"):
        build(filled.store, tmp_path, rules=filled.rules)


def test_a_page_of_a_pair_shows_videos_and_their_scores(
    filled: Filled, with_videos: str, tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / f"{'0' * 64}.mp4").write_bytes(b"of a withdrawn method")
    built = build(filled.store, tmp_path, rules=filled.rules)
    assert built.videos.startswith("1 video in the site, ")
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [with_videos]
    assert (tmp_path / "videos" / with_videos).read_bytes() == CLIP
    pair = next(iter(small_suite().pairs))
    (folder,) = (path for path in (tmp_path / "prompts").iterdir() if path.is_dir())
    page = Page((folder / f"{pair}.html").read_text())
    videos = [values for tag, values in page.tags if tag == "video"]
    jobs = [job for job in small_suite().jobs if job.pair == pair]
    assert len(videos) == len(jobs)
    for values in videos:
        assert values["src"] == f"../../videos/{with_videos}"
        assert values["preload"] == "none"
        assert {"controls", "muted", "loop", "playsinline"} <= values.keys()
        assert "autoplay" not in values
    text = " ".join(" ".join(page.words).split())
    assert text.count("no preview in this store") == 2 * len(jobs)
    rows = derived.scores(filled.store, filled.ids["Beta"])
    own = rows[rows["subject"].isna() & (rows["job"] == jobs[0].id) & (rows["metric"] == "clip_t")]
    assert number(float(own["value"].iloc[0])) in text
    assert jobs[0].prompt in text
    assert "not shown: " in text


def test_a_site_is_built_without_videos(filled: Filled, with_videos: str, tmp_path: Path) -> None:
    build(filled.store, tmp_path, rules=filled.rules)
    built = build(filled.store, tmp_path, rules=filled.rules, videos=False)
    assert built.videos == "These pages were built without videos."
    assert list((tmp_path / "videos").iterdir()) == []
    for path in (tmp_path / "prompts").rglob("*.html"):
        assert "<video" not in path.read_text()
        assert "built without videos" in path.read_text()


def test_videos_stay_within_the_bound_and_first_seeds_come_first(
    filled: Filled, tmp_path: Path
) -> None:
    pairs = list(small_suite().pairs)[:2]
    beta = filled.ids["Beta"]
    jobs = [job for job in small_suite().jobs if job.pair in pairs]
    for at, job in enumerate(jobs):
        previews._keep(filled.store, beta, job.id, bytes([at]) * 100)
    firsts = [job.id for job in jobs if job.seed == 0]
    chosen = choose_videos(filled.store, [beta], most=100 * len(firsts))
    with filled.store.index.writing() as db:
        db.execute(sa.delete(tables.previews))
    assert {job for _, job in chosen.names} == set(firsts)
    assert chosen.bytes == 100 * len(firsts)
    assert len(chosen.left_out) == len(jobs) - len(firsts)
    assert chosen.note(beta, jobs[-1].id) == "left out: the bound of the site"


def test_a_suite_that_is_not_known_has_no_pages_of_pairs(filled: Filled) -> None:
    (standing,) = boards(filled.store.submissions()).values()
    nothing = choose_videos(filled.store, [])
    ((name, text),) = prompt_pages(filled.store, Ranked(standing), nothing, Rules())
    assert name == f"prompts/{standing.board.id}.html"
    assert "does not know the tables" in str(text)


def test_references_are_copied_where_they_may_be_shown() -> None:
    shown = shown_references(load_suite("mini"))
    assert all(len(one.addresses) == 4 for one in shown.values())
    for address, data in reference_files(shown):
        assert address == f"references/{hashlib.sha256(data).hexdigest()}.png"
    assert list(reference_files(shown_references(small_suite()))) == []


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_hostile_names_are_text_where_methods_are_compared_and_shown(
    filled: Filled, hostile: str
) -> None:
    (standing,) = boards(filled.store.submissions()).values()
    current = []
    for one in standing.current:
        card = one.entry.card.model_copy(update={"name": hostile})
        entry = one.entry.model_copy(update={"card": card})
        current.append(one.model_copy(update={"entry": entry}))
    ranked = Ranked(Standing(standing.board, tuple(current), ()))
    videos = choose_videos(filled.store, [])
    made = [
        *compare_pages(filled.store, ranked),
        *prompt_pages(filled.store, ranked, videos, filled.rules),
    ]
    for name, text in made:
        if name.endswith(".html"):
            page = Page(str(text))
            assert page.open == []
            assert "img" not in {tag for tag, _ in page.tags}
            assert [a.get("src") for t, a in page.tags if t == "script"] == [
                f"{'../' * name.count('/')}sort.js"
            ]
            # the list of pairs names no method
            named = not (name.startswith("prompts/") and name.count("/") == 1)
            assert (hostile in "".join(page.words)) == named
