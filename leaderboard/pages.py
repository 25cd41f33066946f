"""Pieces of HTML that the app and the static site share: every text in them is escaped."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from customstudio.evaluation.records import KeyInfo, MethodSummary
from customstudio.leaderboard.boards import PART_TITLES, PART_WORDS, Board
from customstudio.leaderboard.derived import Files
from customstudio.leaderboard.query import TUNING_WORDS, Query
from customstudio.leaderboard.table import Section, make_cell
from customstudio.metrics import catalog
from customstudio.report.scale import axis
from customstudio.report.text import ARROWS, count, finalize_html, visible
from customstudio.submissions.entries import Entry, Listed
from customstudio.submissions.events import Event
from customstudio.submissions.reported.tables import PublishedTable

TEMPLATES = Path(__file__).with_name("templates")


class Links(Protocol):
    """Where things are: in the app, or among static pages."""

    def method(self, entry: Entry) -> str:
        """A submission's page."""
        ...

    def sort(self, query: Query, key: str) -> str:
        """The same table in another order; empty where scripts sort it."""
        ...


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Escaped everywhere, nothing undefined, and hidden characters made visible."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize_html,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["https"] = https_only
    made.globals |= {
        "arrows": ARROWS,
        "count": count,
        "lines": lines,
        "names": metric_names(),
        "titles": PART_TITLES,
        "tuning": TUNING_WORDS,
        "words": PART_WORDS,
    }
    return made


def https_only(link: str) -> str:
    """The link if it is one of the web, or nothing: the last of several checks.

    >>> https_only("https://arxiv.org/abs/2401.09962"), https_only("javascript:alert(1)")
    ('https://arxiv.org/abs/2401.09962', '#')
    """
    return link if link.startswith("https://") else "#"


def lines(text: str) -> Markup:
    """A text whose lines stay lines: each escaped, with what hides in it made visible."""
    return Markup("\n").join(visible(one) for one in text.split("\n"))


def piece(template: str, **values: Any) -> Markup:
    """One template filled in."""
    return Markup(environment().get_template(template).render(values))


@lru_cache(maxsize=1)
def css() -> str:
    """The shared style sheet."""
    return str(piece("board.css.j2"))  # plain text: no markup to which others are escaped


@lru_cache(maxsize=1)
def metric_names() -> Mapping[str, str]:
    """Metric -> its title, for those that the catalog knows."""
    return {metric: catalog.spec(metric).title for metric in catalog.METRICS}


def section_html(
    section: Section, keys: Sequence[KeyInfo], board: Board, links: Links, query: Query
) -> Markup:
    """One section of a board."""
    return piece(
        "section.html.j2", section=section, keys=keys, board=board, links=links, query=query
    )


def published_html(tables: Sequence[PublishedTable]) -> Markup:
    """Published tables, paper by paper."""
    papers: dict[str, list[PublishedTable]] = {}
    for table in tables:
        papers.setdefault(table.source, []).append(table)
    return piece("published.html.j2", papers=list(papers.items()))


def method_pieces(
    listed: Listed,
    board: Board,
    files: Files,
    events: Sequence[Event],
    maintainers: Mapping[str, str],
) -> dict[str, Markup]:
    """A submission's card, provenance and history."""
    return {
        "card": piece("card.html.j2", listed=listed, board=board),
        "provenance": piece("provenance.html.j2", listed=listed, board=board, files=files),
        "history": piece(
            "history.html.j2", events=events, signers=maintainers, owner=listed.entry.owner
        ),
    }


def groups_html(summary: MethodSummary, by: str, keys: Sequence[KeyInfo]) -> Markup:
    """A submission's scores by category, type, pair size or prompt."""
    groups = [group for group in summary.groups if group.by == by]
    scale = axis([], 0.0, 100.0)
    rows = [
        (group.name, [make_cell(key, group.estimates[key.key], None, scale) for key in keys])
        for group in groups
    ]
    return piece("groups.html.j2", by=by, rows=rows, keys=keys)
