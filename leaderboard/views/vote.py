"""Vote: the human preference study: a rater's comparisons, then what all votes come to."""

from pathlib import Path

import altair as alt
import pandas as pd
import streamlit as st

from customstudio.leaderboard.shell import mode, state
from customstudio.leaderboard.theme import COLOURS, Mode, themed
from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.outcome import Outcome, outcome
from customstudio.leaderboard.votes.report import HOW, as_csv, as_markdown
from customstudio.leaderboard.votes.results import Results
from customstudio.leaderboard.votes.screen import open_folder, vote
from customstudio.leaderboard.votes.study import QUESTIONS, ROUNDS, STUDY, TITLES, Folder
from customstudio.leaderboard.votes.words import COLUMNS, facts, sheet
from customstudio.submissions.votes import Question

NONE = (
    "No round of votes is open on this board. Its maintainers open one with "
    "`customstudio study init NAME --store STORE` when videos of two methods or more are in the "
    "store. A lab's own closed study needs no board: `customstudio study init STUDY --videos DIR`."
)


WIDTH = 740
"""Pixels of the rater's part: two clips, and all below them, fit a window."""


def page() -> None:
    """A rater's comparisons where the address has a code; else how to vote, and the results."""
    folders = rounds(state().store.root)
    if not folders:
        st.title("Vote", anchor=False)
        st.info(NONE)
        return
    folder = _chosen(folders)
    code = st.query_params.get("rater", "")
    rater = folder.rater_of(code) if code else None
    voting = rater is not None and Booth(folder, rater).next() is not None
    if not voting:
        st.title("Vote", anchor=False)
        st.text(folder.study.title)
    with st.container(width=WIDTH):
        vote(folder, code, titled=False)
    if not voting:
        _results(folder)
    else:
        st.caption("The results of all votes are shown when your list is done.")


def rounds(store: Path) -> dict[str, Folder]:
    """The rounds of a store by their names, the newest first."""
    found = {path.parent.name: path.parent for path in (store / ROUNDS).glob(f"*/{STUDY}")}
    folders = {name: open_folder(str(root)) for name, root in found.items()}
    return dict(sorted(folders.items(), key=lambda item: item[1].study.made, reverse=True))


def _chosen(folders: dict[str, Folder]) -> Folder:
    names = list(folders)
    asked = st.query_params.get("round", names[0])
    name = asked if asked in folders else names[0]
    if len(names) > 1 and not st.query_params.get("rater"):
        name = st.selectbox("Round", names, names.index(name)) or name
        st.query_params["round"] = name
    return folders[name]


def _results(folder: Folder) -> None:
    st.divider()
    st.header("Results", anchor=False)
    found = _outcome(str(folder.root), folder.votes.version())
    if not found.votes:
        st.text(f"No votes yet. {found.invited} raters are invited; suite {found.suite}.")
        return
    st.text(f"Suite {found.suite}; round of {found.made[:10]}.")
    for fact in facts(found):
        st.text(fact)
    names = list(found.questions)
    asked: Question | None = st.segmented_control(
        "Question", names, default=names[-1], format_func=TITLES.__getitem__, key="results"
    )
    _question(asked or names[-1], found.questions[asked or names[-1]])
    with st.expander("How this is computed"):
        st.text(HOW)
    with st.container(horizontal=True):
        st.download_button("Votes (CSV)", as_csv(folder), "votes.csv", "text/csv")
        st.download_button("Tables (Markdown)", as_markdown(found), "votes.md", "text/markdown")


@st.cache_resource(show_spinner="Counting the votes", max_entries=16)
def _outcome(root: str, version: int) -> Outcome:
    return outcome(open_folder(root))


def _question(question: Question, results: Results) -> None:
    printed = sheet(question, results)
    st.text(QUESTIONS[question])
    for at, group in enumerate(printed.groups):
        rows = pd.DataFrame([line.cells for line in group], columns=list(COLUMNS))
        st.dataframe(rows, hide_index=True, key=f"standings-{question}-{at}")
    st.altair_chart(_chart(results, mode()), width="stretch")
    for note in printed.notes:
        st.text(note)
    with st.expander("Who was preferred to whom"):
        matrix = pd.DataFrame(printed.matrix, columns=list(printed.methods), index=printed.methods)
        st.text("Row preferred to column, ties half, both bad left out; of so many votes.")
        st.dataframe(matrix.rename_axis("method"), key=f"matrix-{question}")


def _chart(results: Results, colours: Mode) -> alt.LayerChart:
    """Points with their intervals over raters."""
    rows = pd.DataFrame(
        [
            {
                "method": s.method,
                "points": s.points,
                "low": s.by_raters.low if s.by_raters else None,
                "high": s.by_raters.high if s.by_raters else None,
            }
            for s in results.standings
            if s.points is not None
        ],
        columns=["method", "points", "low", "high"],
    )
    base = alt.Chart(rows, height=alt.Step(30))
    y = alt.Y("method:N", title=None, sort=None)
    mark = COLOURS[colours][0]
    tips = ["method", *(alt.Tooltip(name, format=".0f") for name in ("points", "low", "high"))]
    whole = alt.layer(
        base.mark_rule(strokeWidth=2, color=mark).encode(x="low:Q", x2="high:Q", y=y),
        base.mark_point(size=70, filled=True, color=mark, opacity=1).encode(
            x=alt.X("points:Q", title="points, with 95% over raters", axis=alt.Axis(tickCount=7)),
            y=y,
            tooltip=tips,
        ),
    )
    themes: alt.LayerChart = themed(whole, colours)
    return themes
