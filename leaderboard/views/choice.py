"""Choosing submissions: names are the submitters', so they only stand where nothing is markup."""

from collections.abc import Sequence

import streamlit as st

from customstudio.leaderboard.boards import Standing, labels
from customstudio.leaderboard.shell import State
from customstudio.submissions.entries import Listed


def one_submission(now: State, asked: str) -> Listed | None:
    """A select box over all submissions, at the one that the address names."""
    if not now.by_id:
        st.info("This store holds no submission yet.")
        return None
    listed = list(now.by_id.values())
    found = now.find(asked)
    if asked and found is None:
        st.warning("The address names no submission of this store; here is another.")
    options = [one.entry.id for one in listed]
    chosen = st.selectbox(
        "Submission",
        options,
        options.index(found.entry.id) if found else 0,
        format_func=labels(listed).__getitem__,
        key="submission",
    )
    return now.by_id[chosen] if chosen else None


def one_board(now: State, asked: str) -> Standing | None:
    """A select box over the boards that have submissions."""
    names = [name for name, standing in now.standings.items() if standing.current]
    if not names:
        st.info("This store holds no submission yet.")
        return None
    chosen = st.selectbox(
        "Suite and protocol",
        names,
        names.index(asked) if asked in names else 0,
        format_func=lambda name: now.standings[name].board.title,
        key="board",
    )
    return now.standings[chosen] if chosen else None


def some_submissions(
    standing: Standing, asked: Sequence[str], most: int, first: int, title: str = "Methods"
) -> list[Listed]:
    """A choice of up to `most` submissions of one board; its `first` where none is asked for."""
    current = {one.entry.id: one for one in standing.current}
    wanted = [i for a in asked if len(a) >= 8 for i in current if i.startswith(a)][:most]
    chosen = st.multiselect(
        title,
        list(current),
        wanted or list(current)[:first],
        format_func=labels(list(current.values())).__getitem__,
        max_selections=most,
        key=f"chosen {standing.board.id}",
    )
    return [current[submission] for submission in chosen]
