"""The leaderboard as static pages: readable without scripts, for any web host."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customstudio.files import write_bytes, write_text
from customstudio.leaderboard import cite, derived, export
from customstudio.leaderboard.about import (
    CITATION,
    metric_rows,
    protocol_rows,
    suite_rows,
    validity_rows,
)
from customstudio.leaderboard.boards import PARTS, boards, part_of
from customstudio.leaderboard.pages import (
    css,
    groups_html,
    method_pieces,
    published_html,
    section_html,
)
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.site.compare import compare_pages
from customstudio.leaderboard.site.feed import atom
from customstudio.leaderboard.site.layout import Place, SiteLinks, page
from customstudio.leaderboard.table import Ranked, Section
from customstudio.metrics.validity import WORDS, read_study
from customstudio.submissions.archive import pack
from customstudio.submissions.entries import Listed
from customstudio.submissions.reported.tables import NOT_YET, WHY_APART, published_tables
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store

SCRIPT, STYLE = (Path(__file__).with_name(name) for name in ("sort.js.j2", "site.css.j2"))
GROUPS = ("category", "type", "pair size", "prompt")


def build(store: Store, out: Path, *, address: str = "", rules: Rules | None = None) -> int:
    """Write all pages of a store; how many files were written.

    Args:
        store: what is shown.
        out: folder of the pages; files of an earlier build are replaced.
        address: where the pages will be (https://...), for the feed; empty: not known.
        rules: what suites are known; None: those of this installation.
    """
    listed = store.submissions()
    ranked = [Ranked(standing) for standing in boards(listed).values()]
    count = 0
    for name, data in _files(store, listed, ranked, address, rules):
        if isinstance(data, str):
            write_text(out / name, data)
        else:
            write_bytes(out / name, data)
        count += 1
    return count


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
            yield from _method(store, one, submission, rules)


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


def _method(
    store: Store, ranked: Ranked, listed: Listed, rules: Rules | None
) -> Iterator[tuple[str, str | bytes]]:
    entry, board = listed.entry, ranked.standing.board
    short = entry.id[:12]
    place = Place(f"methods/{short}.html", "../")
    keys, part = ranked.shown(Query()), part_of(listed)
    row = ranked.row(listed, part, keys)
    section = Section(part, len(ranked.standing.part(part)), 1, (row,), 1, 1)
    pieces: dict[str, Any] = {
        **method_pieces(
            listed, board, derived.files(store, entry.id), store.events(entry.id), store.maintainers
        ),
        "scores": section_html(section, keys, board, SiteLinks(place.root), Query()),
    }
    summary = derived.details(store, entry, rules)
    pieces["groups"] = [(by, groups_html(summary, by, keys)) for by in GROUPS]
    bibtex = cite.bibtex(entry)
    yield (
        place.path,
        page(
            "method.html.j2",
            place,
            entry.card.name,
            board=board,
            short=short,
            bibtex=bibtex,
            standing=bool(ranked.standing.current),
            **pieces,
        ),
    )
    yield f"methods/{short}.json", export.to_json(export.entry_document(listed))
    yield (
        f"methods/{short}.groups.json",
        json.dumps(json.loads(summary.model_dump_json()), indent=1),
    )
    yield f"methods/{short}.bib", bibtex
    yield f"methods/{short}.zip", pack(store.contents(entry.id))


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
