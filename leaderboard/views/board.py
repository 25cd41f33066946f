"""Board: methods of one suite version and one protocol, filtered, sorted, with ties as ties."""

from typing import Any

import streamlit as st

from customstudio.leaderboard import query as addresses
from customstudio.leaderboard.boards import PARTS, Board
from customstudio.leaderboard.pages import published_html, section_html
from customstudio.leaderboard.query import TUNING_WORDS, TUNINGS, WEIGHTS, Query
from customstudio.leaderboard.shell import AppLinks, html, parameters, set_parameters, state
from customstudio.leaderboard.table import Ranked, Section
from customstudio.leaderboard.views.downloads import board_downloads
from customstudio.submissions.events import TIERS
from customstudio.submissions.reported.tables import NOT_YET, WHY_APART, published_tables

PUBLISHED = "as-published"
"""In addresses: the page's part with the numbers of papers."""
EMBEDDED = (
    "Embedded world: videos that CustomStudio renders itself, scored by networks trained on them. "
    "Not comparable with official scores."
)
READING = """\
**Value**: mean over pairs; below it the 95% interval (bootstrap over pairs) and where it lies on
the column's axis. **Rank**: the places that no overlap of intervals rules out, among all methods
of the section, whatever is filtered: 2–4 is a tie. **best** and **second**: by the mean; *tied*
where intervals leave the place to others too. **Coverage**: jobs with a value, or to which the
metric does not apply. ↑ higher is better, ↓ lower is better. To tell tied methods apart, compare
them pair by pair on the page Compare."""


def page() -> None:
    """Show the board that the address asks for."""
    now = state()
    asked = addresses.read(parameters())
    st.title("CustomStudio leaderboard", anchor=False)
    options = [*now.ranked, PUBLISHED]
    chosen = st.selectbox(
        "Suite and protocol",
        options,
        index=options.index(asked.board) if asked.board in options else 0,
        format_func=lambda name: _title(now.ranked.get(name)),
        key="board",
    )
    if chosen == PUBLISHED or chosen is None:
        set_parameters({"board": [PUBLISHED]})
        published()
        return
    measured(now.ranked[chosen], asked)


def measured(ranked: Ranked, asked: Query) -> None:
    """One board of measured rows."""
    board = ranked.standing.board
    _about(board)
    shown = filters(ranked, asked)
    set_parameters(addresses.write(shown))
    keys = ranked.shown(shown)
    sections = [ranked.section(part, shown) for part in PARTS if ranked.standing.part(part)]
    if not sections:
        st.info("No submission stands on this board: all have been withdrawn or superseded.")
    for section in sections:
        html(section_html(section, keys, board, AppLinks(), shown))
    _pages(sections, shown)
    with st.expander("How to read this table", icon=":material/help:"):
        st.markdown(READING)
    board_downloads(ranked, shown)


def published() -> None:
    """The numbers of papers, paper by paper, never ranked."""
    html("<h2>As published</h2>")
    html('<div class="banner"><p>Not ranked, and not to be compared across papers.</p></div>')
    st.text(WHY_APART)
    st.text(f"Published and not among these rows yet: {'; '.join(NOT_YET)}.")
    html(published_html(published_tables()))


def filters(ranked: Ranked, asked: Query) -> Query:
    """The widgets above the table; what they say now."""
    name = ranked.standing.board.id
    cards = [one.entry.card for one in ranked.standing.current]
    years = sorted({card.year for card in cards}) or [2024]
    bases = sorted({card.base_model for card in cards})
    top = st.columns([3, 2, 2], vertical_alignment="bottom")
    words = top[0].text_input("Search names and authors", asked.q, key=f"q {name}", max_chars=80)
    keys = {key.key: key for key in ranked.columns}
    order = {key.key: key.title for key in ranked.shown(asked)} | {"name": "Name", "year": "Year"}
    sort = top[1].selectbox(
        "Sort by", list(order), _index(list(order), asked.sort), format_func=order.__getitem__,
        key=f"sort {name}",
    )  # fmt: skip
    turned = top[2].toggle("Worst first", asked.reverse, key=f"reverse {name}")
    with st.expander("Filter and choose metrics", expanded=asked.filtered or bool(asked.keys)):
        tuning = st.pills("Tuning", TUNINGS, selection_mode="multi", default=list(asked.tuning),
                          format_func=lambda t: TUNING_WORDS[t], key=f"tuning {name}")  # fmt: skip
        tier = st.pills("Tier", TIERS, selection_mode="multi", default=list(asked.tier),
                        key=f"tier {name}")  # fmt: skip
        left, middle, right = st.columns([3, 2, 3])
        base = left.multiselect("Base model", bases, _known(asked.base, bases), key=f"base {name}")
        weights = middle.selectbox("Weights", WEIGHTS, WEIGHTS.index(asked.weights),
                                   key=f"weights {name}")  # fmt: skip
        span = _years(right, years, asked, name)
        chosen = st.multiselect("Metrics", list(keys), _known(asked.keys, list(keys)),
                                format_func=lambda key: keys[key].title, key=f"keys {name}",
                                placeholder="the protocol's own")  # fmt: skip
    return Query(
        board=name, q=words, tuning=tuple(tuning), base=tuple(base), tier=tuple(tier),
        weights=weights, since=span[0], until=span[1], keys=tuple(chosen),
        sort=sort if sort != next(iter(order)) else "", reverse=turned, page=asked.page,
    )  # fmt: skip


def _years(place: Any, years: list[int], asked: Query, name: str) -> tuple[int | None, int | None]:
    if len(years) < 2:
        return asked.since, asked.until
    first, last = years[0], years[-1]
    low = min(max(asked.since or first, first), last)
    high = max(min(asked.until or last, last), low)
    low, high = place.select_slider("Years", years, (_near(years, low), _near(years, high)),
                                    key=f"years {name}")  # fmt: skip
    return (low if low > first else None), (high if high < last else None)


def _near(years: list[int], year: int) -> int:
    return min(years, key=lambda known: abs(known - year))


def _pages(sections: list[Section], shown: Query) -> None:
    most = max((section.pages for section in sections), default=1)
    if most == 1:
        return
    chosen = st.number_input("Page", 1, most, min(shown.page, most), key=f"page {shown.board}")
    if chosen != shown.page:
        set_parameters(addresses.write(shown.model_copy(update={"page": int(chosen)})))
        st.rerun()


def _about(board: Board) -> None:
    if board.embedded:
        html(f'<div class="banner"><p>{EMBEDDED}</p></div>')
    elif board.label:
        st.text(f"Suite {board.suite.name} {board.suite.version}: {board.label}")


def _title(ranked: Ranked | None) -> str:
    if ranked is None:
        return "As published: numbers of papers"
    board = ranked.standing.board
    words = " · embedded world" if board.embedded else f" · {board.label}" if board.label else ""
    return f"{board.title}{words} · {len(ranked.standing.current)} methods"


def _known(values: tuple[str, ...], known: list[str]) -> list[str]:
    return [value for value in values if value in known]


def _index(options: list[str], wanted: str) -> int:
    return options.index(wanted) if wanted in options else 0
