"""Static Compare: a page a board with the paired differences between its methods."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from customstudio.evaluation.compare import Difference
from customstudio.evaluation.records import KeyInfo
from customstudio.leaderboard import derived, export
from customstudio.leaderboard.boards import PARTS, Part, labels
from customstudio.leaderboard.comparing import FEWEST, Compared, compare_entries
from customstudio.leaderboard.differences import (
    ABOUT,
    LEVEL,
    difference_row,
    foremost,
    usual_keys,
)
from customstudio.leaderboard.site.layout import Place, SiteLinks, page
from customstudio.leaderboard.table import Ranked
from customstudio.submissions.entries import Listed
from customstudio.submissions.store import Store


@dataclass(frozen=True)
class Block:
    """One section's comparisons."""

    part: Part
    methods: tuple[Listed, ...]
    total: int
    """Methods in the section."""
    compared: Compared | None
    """None: fewer than two methods."""
    tables: tuple[tuple[KeyInfo, tuple[tuple[Difference, dict[str, str]], ...]], ...]
    """Key -> its differences, each with its texts."""


def compare_path(board: str) -> str:
    """Where a board's page of comparisons lies."""
    return f"compare/{board}.html"


def compare_pages(store: Store, ranked: Ranked) -> Iterator[tuple[str, str]]:
    """A board's page of comparisons, and the same as JSON; nothing for an empty board."""
    board = ranked.standing.board
    if not ranked.standing.current:
        return
    blocks = [_block(store, ranked, part) for part in PARTS if ranked.standing.part(part)]
    place = Place(compare_path(board.id), "../")
    yield (
        place.path,
        page("compare.html.j2", place, f"Compare: {board.title}", board=board, blocks=blocks,
             links=SiteLinks(place.root), about=ABOUT, level=f"{LEVEL:g}",
             first=ranked.columns[0].title),
    )  # fmt: skip
    document = {
        "schema_version": export.SITE_VERSION,
        "board": board.id,
        "p_corrected": "after Holm, over all comparisons of the section",
        "sections": [_document(block) for block in blocks],
    }
    yield f"compare/{board.id}.json", export.to_json(document)


def _block(store: Store, ranked: Ranked, part: Part) -> Block:
    methods = tuple(foremost(ranked, part))
    total = len(ranked.standing.part(part))
    if len(methods) < FEWEST:
        return Block(part, methods, total, None, ())
    keys, names = usual_keys(ranked.columns), labels(methods)
    compared = compare_entries(
        [one.entry for one in methods],
        [key.key for key in keys],
        lambda submission: derived.scores(store, submission),
        most=max(FEWEST, len(methods)),
    )
    tables = []
    for key in keys:
        found = [one for one in compared.differences if one.key == key.key]
        rows = tuple((one, difference_row(one, names, key)) for one in found)
        tables.append((key, rows))
    return Block(part, methods, total, compared, tuple(tables))


def _document(block: Block) -> dict[str, Any]:
    return {
        "section": block.part,
        "methods_in_section": block.total,
        "methods": [{"id": m.entry.id, "name": m.entry.card.name} for m in block.methods],
        "differences": [one.model_dump() for one in block.compared.differences]
        if block.compared
        else [],
    }
