"""Static Method: a page a submission, and its files beside it."""

import json
from collections.abc import Iterator
from typing import Any

from customstudio.leaderboard import cite, derived, export
from customstudio.leaderboard.boards import part_of
from customstudio.leaderboard.pages import groups_html, method_pieces, section_html
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.site.layout import Place, SiteLinks, page
from customstudio.leaderboard.table import Ranked, Section
from customstudio.submissions.archive import pack
from customstudio.submissions.entries import Listed
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store

GROUPS = ("category", "type", "pair size", "prompt")


def method_pages(
    store: Store, ranked: Ranked, listed: Listed, rules: Rules | None
) -> Iterator[tuple[str, str | bytes]]:
    """A submission's page, and its files beside it."""
    entry, board = listed.entry, ranked.standing.board
    short = entry.short
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
