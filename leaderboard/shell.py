"""What all pages share: the navigation, the store's state, the theme, addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from urllib.parse import urlencode

import streamlit as st

from customstudio.errors import UserError
from customstudio.leaderboard import buttons
from customstudio.leaderboard.boards import Standing, boards
from customstudio.leaderboard.pages import css
from customstudio.leaderboard.query import Query, write
from customstudio.leaderboard.table import Ranked
from customstudio.leaderboard.theme import Mode
from customstudio.submissions.database import public
from customstudio.submissions.entries import Entry, Listed
from customstudio.submissions.store import Store, default_store

PAGES = {
    "board": ("Board", ":material/leaderboard:"),
    "method": ("Method", ":material/description:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "prompts": ("Prompts", ":material/movie:"),
    "vote": ("Vote", ":material/how_to_vote:"),
    "submit": ("Submit", ":material/upload:"),
    "about": ("About", ":material/info:"),
}
"""Module in `views` -> title and sign; one that is not there is left out."""


ROOM = """
.stMainBlockContainer { padding-top: 4.2rem; padding-bottom: 3rem; }
.stMainBlockContainer h1 { font-size: clamp(1.6rem, 4vw, 2.2rem); padding: 0 0 .4rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-inline: 1rem; } }
"""
"""Less empty room around Streamlit's own elements."""
LOOK = ROOM + buttons.STYLE


@dataclass(frozen=True)
class State:
    """One state of the store, as all sessions of this process see it."""

    store: Store
    version: int
    standings: dict[str, Standing]
    ranked: dict[str, Ranked]
    by_id: dict[str, Listed]

    def board_of(self, entry: Entry) -> Ranked:
        """The board on which a submission stands."""
        return next(
            ranked
            for ranked in self.ranked.values()
            if any(
                one.entry.id == entry.id
                for one in (*ranked.standing.current, *ranked.standing.past)
            )
        )

    def find(self, submission: str) -> Listed | None:
        """A submission by its id, or the beginning of it (eight digits or more)."""
        if submission in self.by_id:
            return self.by_id[submission]
        if len(submission) < 8:
            return None
        found = [one for name, one in self.by_id.items() if name.startswith(submission)]
        return found[0] if len(found) == 1 else None


class AppLinks:
    """Where things are in the app."""

    def method(self, entry: Entry) -> str:
        """A submission's page."""
        return f"method?id={entry.short}"

    def sort(self, query: Query, key: str) -> str:
        """The board in another order; chosen twice, it turns round."""
        again = query.sort == key and not query.reverse
        return address("", query.model_copy(update={"sort": key, "reverse": again, "page": 1}))


def address(page: str, query: Query) -> str:
    """The address of a state of the board."""
    return f"{page}?{urlencode(write(query), doseq=True)}"


def run() -> None:
    """Set the page up, and show the one that the address names."""
    st.set_page_config(page_title="CustomStudio leaderboard", page_icon="🎬", layout="wide")
    pages = {
        name: st.Page(_shown(name), title=title, icon=icon, url_path=name, default=name == "board")
        for name, (title, icon) in PAGES.items()
        if find_spec(f"customstudio.leaderboard.views.{name}") is not None
    }
    chosen = st.navigation(list(pages.values()), position="top")
    st.html(f"<style>{css()}{LOOK}</style>")
    chosen.run()


def _shown(name: str) -> Callable[[], None]:
    def page() -> None:
        try:
            import_module(f"customstudio.leaderboard.views.{name}").page()
        except UserError as error:
            show_error(error)

    page.__name__ = name
    return page


def show_error(error: UserError) -> None:
    """A user's mistake in three lines, as plain text: names in it are others'."""
    st.error("This cannot be shown.", icon=":material/error:")
    st.code(public(error), language=None, wrap_lines=True)


def html(piece: str) -> None:
    """Our own escaped HTML, in the board's style."""
    st.html(f'<div class="cs">{piece}</div>')


def state() -> State:
    """The store as it is now; read again only when something was added to it."""
    store = _store(str(default_store()))
    return _state(str(store.root), store.version())


@st.cache_resource(show_spinner=False)
def _store(root: str) -> Store:
    from pathlib import Path

    return Store(Path(root))


@st.cache_resource(show_spinner="Reading the store", max_entries=2)
def _state(root: str, version: int) -> State:
    store = _store(root)
    listed = store.submissions()
    standings = boards(listed)
    return State(
        store=store,
        version=version,
        standings=standings,
        ranked={name: Ranked(standing) for name, standing in standings.items()},
        by_id={one.entry.id: one for one in listed},
    )


def mode() -> Mode:
    """Light or dark, as the reader sees the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def parameters() -> dict[str, list[str]]:
    """The parameters of the address, each with all its values."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def set_parameters(values: dict[str, list[str]]) -> None:
    """Write a state into the address, so that it can be kept and sent."""
    if parameters() != values:
        st.query_params.from_dict(values)
