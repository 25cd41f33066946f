"""The leaderboard as static pages: readable without scripts, for any web host."""

from collections.abc import Iterator
from pathlib import Path

from customstudio.files import write_bytes, write_text
from customstudio.leaderboard import export
from customstudio.leaderboard.about import (
    CITATION,
    metric_rows,
    protocol_rows,
    suite_rows,
    validity_rows,
)
from customstudio.leaderboard.boards import PARTS, boards
from customstudio.leaderboard.pages import (
    css,
    published_html,
    section_html,
)
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.site.compare import compare_pages
from customstudio.leaderboard.site.feed import atom
from customstudio.leaderboard.site.layout import Place, SiteLinks, page
from customstudio.leaderboard.site.media import choose_videos, write_videos
from customstudio.leaderboard.site.method import method_pages
from customstudio.leaderboard.site.prompts import prompt_pages, shown_methods, suite_here
from customstudio.leaderboard.table import Ranked
from customstudio.metrics.validity import WORDS, read_study
from customstudio.records import Record
from customstudio.submissions.entries import Listed
from customstudio.submissions.reported.tables import NOT_YET, WHY_APART, published_tables
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store

SCRIPT, STYLE = (Path(__file__).with_name(name) for name in ("sort.js.j2", "site.css.j2"))


class Built(Record):
    """What was written."""

    files: int
    videos: str
    """How many videos there are, how large, and what was left out."""


def build(
    store: Store, out: Path, *, address: str = "", rules: Rules | None = None, videos: bool = True
) -> Built:
    """Write all pages of a store.

    Args:
        store: what is shown.
        out: folder of the pages; files of an earlier build are replaced.
        address: where the pages will be (https://...), for the feed; empty: not known.
        rules: what suites are known; None: those of this installation.
        videos: whether the pages show the store's previews; copies of them, up to a bound.
    """
    listed = store.submissions()
    ranked = [Ranked(standing) for standing in boards(listed).values()]
    shown = [one for board in ranked for one in shown_methods(board, suite_here(board, rules))]
    chosen = choose_videos(store, [one.entry.id for one in shown], wanted=videos)
    count = write_videos(chosen, out / "videos")
    for name, data in _files(store, listed, ranked, address, rules):
        _write(out / name, data)
        count += 1
    for one in ranked:
        for name, data in prompt_pages(store, one, chosen, rules):
            _write(out / name, data)
            count += 1
    return Built(files=count, videos=chosen.words)


def _write(path: Path, data: str | bytes) -> None:
    if isinstance(data, str):
        write_text(path, data)
    else:
        write_bytes(path, data)


def _files(
    store: Store, listed: list[Listed], ranked: list[Ranked], address: str, rules: Rules | None
) -> Iterator[tuple[str, str | bytes]]:
    yield "style.css", css() + STYLE.read_text()
    yield "sort.js", SCRIPT.read_text()
    yield "feed.xml", atom(store, listed, address)
    yield "index.html", _index(ranked)
    yield "published.html", _published()
    yield "about.html", _about()
    entries = [export.entry_document(one) for one in listed]
    yield "submissions.json", export.to_json({"schema_version": 1, "submissions": entries})
    for one in ranked:
        yield from _board(one)
        yield from compare_pages(store, one)
        standing = one.standing
        for submission in (*standing.current, *standing.past):
            yield from method_pages(store, one, submission, rules)


def _index(ranked: list[Ranked]) -> str:
    place = Place("index.html", "")
    return page("index.html.j2", place, "Leaderboard", boards=[one.standing for one in ranked])


def _board(ranked: Ranked) -> Iterator[tuple[str, str | bytes]]:
    board, query = ranked.standing.board, Query()
    keys = ranked.shown(query)
    sections = [ranked.section(p, query, None) for p in PARTS if ranked.standing.part(p)]
    place = Place(f"boards/{board.id}.html", "../")
    pieces = [section_html(s, keys, board, SiteLinks(place.root), query) for s in sections]
    yield place.path, page("board.html.j2", place, board.title, board=board, sections=pieces)
    rows = export.flat_rows(sections, keys)
    document = export.board_document(ranked, sections)
    yield f"boards/{board.id}.json", export.to_json(document)
    if rows:
        yield f"boards/{board.id}.csv", export.to_csv(rows)
        yield f"boards/{board.id}.parquet", export.to_parquet(rows)
        yield (
            f"boards/{board.id}.tex",
            export.to_latex(sections, keys, f"Leaderboard {board.title}"),
        )


def _published() -> str:
    place = Place("published.html", "")
    return page("published.html.j2", place, "As published", why=WHY_APART, not_yet=NOT_YET,
                tables=published_html(published_tables()))  # fmt: skip


def _about() -> str:
    study = read_study()
    tables = {
        "Suites": suite_rows(),
        "Protocols": protocol_rows(),
        "Metrics": metric_rows(),
        "What each metric sees": validity_rows(study),
    }
    return page("about.html.j2", Place("about.html", ""), "About", tables=tables,
                citation=CITATION, verdicts=WORDS, study=study)  # fmt: skip
