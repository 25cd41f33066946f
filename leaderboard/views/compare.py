"""Compare: two to five methods, paired over pairs, with corrected p-values; who leads where."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from customstudio.evaluation.records import KeyInfo
from customstudio.leaderboard import charts, comparing, derived, export
from customstudio.leaderboard.boards import labels
from customstudio.leaderboard.comparing import FEWEST, MOST, Compared
from customstudio.leaderboard.differences import ABOUT, difference_row, usual_keys
from customstudio.leaderboard.shell import State, mode, parameters, set_parameters, state
from customstudio.leaderboard.views.choice import one_board, some_submissions
from customstudio.leaderboard.views.method import GROUPS, details
from customstudio.report.text import number
from customstudio.submissions.entries import Listed


def page() -> None:
    """Show the comparison that the address asks for."""
    now = state()
    asked = parameters()
    st.title("Compare", anchor=False)
    standing = one_board(now, asked.get("board", [""])[0])
    if standing is None:
        return
    chosen = some_submissions(standing, asked.get("id", []), MOST, FEWEST + 1)
    ranked = now.ranked[standing.board.id]
    known = {key.key: key for key in ranked.columns}
    usual = [key.key for key in usual_keys(ranked.columns)]
    wanted = [key for key in asked.get("key", []) if key in known] or usual
    keys = st.multiselect("Metrics", list(known), wanted, format_func=lambda k: known[k].title,
                          key=f"keys {standing.board.id}")  # fmt: skip
    address = {"board": [standing.board.id], "id": [one.entry.short for one in chosen]}
    set_parameters(address | ({} if keys == usual else {"key": keys}))
    if len(chosen) < FEWEST or not keys:
        st.info(f"Choose {FEWEST} to {MOST} methods and at least one metric.")
        return
    names = labels(chosen)
    compared = _compared(str(now.store.root), tuple(names), tuple(keys))
    infos = [known[key] for key in keys]
    _differences(compared, names, infos)
    _profiles(chosen, names, infos)
    _wins(now, chosen, names, infos)


@st.cache_resource(show_spinner="Comparing", max_entries=64)
def _compared(root: str, ids: tuple[str, ...], keys: tuple[str, ...]) -> Compared:
    now = state()
    entries = [now.by_id[submission].entry for submission in ids]
    return comparing.compare_entries(entries, keys, lambda i: derived.scores(now.store, i))


def _differences(compared: Compared, names: Mapping[str, str], keys: Sequence[KeyInfo]) -> None:
    st.subheader("Paired differences", anchor=False)
    st.text(f"{ABOUT} over all comparisons of this page.")
    infos = {key.key: key for key in keys}
    chosen = st.selectbox(
        "Heat map of", list(infos), format_func=lambda name: infos[name].title, key="heat"
    )
    key = infos[str(chosen)]
    st.altair_chart(
        charts.heat_map(compared, names, key, mode()), theme=None,
        alt=f"Differences in {key.title}, row minus column, with p; also in the table below",
    )  # fmt: skip
    frame = pd.DataFrame(
        [difference_row(one, names, infos[one.key]) for one in compared.differences]
    )
    st.dataframe(frame, hide_index=True, alt="All paired differences")
    rows = [one.model_dump() for one in compared.differences]
    with st.container(horizontal=True):
        st.download_button("CSV", lambda: export.to_csv(rows), "differences.csv", "text/csv",
                           icon=":material/download:", on_click="ignore")  # fmt: skip
        st.download_button("JSON", lambda: compared.model_dump_json(indent=1), "differences.json",
                           "application/json", icon=":material/download:",
                           on_click="ignore")  # fmt: skip


def _profiles(chosen: Sequence[Listed], names: Mapping[str, str], keys: Sequence[KeyInfo]) -> None:
    st.subheader("Profiles on fixed axes", anchor=False)
    drawn = [k for k in keys if charts.bounds(k) is not None and k.better != "neither"]
    values = {one.entry.id: one.entry.overall for one in chosen}
    if len(drawn) < 2:
        st.text("Too few of the chosen metrics have a range of their own.")
        return
    st.text(
        "Each axis is the metric's whole range (cosines from 0), better is outwards and up: the "
        "picture does not change with the choice of methods."
    )
    lines, spokes = st.tabs(["Parallel coordinates", "Radar"])
    lines.altair_chart(charts.parallel(names, values, drawn, mode()), theme=None,
                       alt="Parallel coordinates of the methods' means")  # fmt: skip
    spokes.altair_chart(charts.radar(names, values, drawn, mode()), width="content", theme=None,
                        alt="Radar of the methods' means")  # fmt: skip


def _wins(
    now: State, chosen: Sequence[Listed], names: Mapping[str, str], keys: Sequence[KeyInfo]
) -> None:
    st.subheader("Where each leads", anchor=False)
    directed = {key.key: key for key in keys if key.better != "neither"}
    if not directed:
        st.text("None of the chosen metrics has a better direction.")
        return
    left, right = st.columns(2)
    by = left.segmented_control("By", GROUPS, default=GROUPS[0], required=True, key="wins by")
    key = right.selectbox("Metric", list(directed), format_func=lambda k: directed[k].title,
                          key="wins key")  # fmt: skip
    results = {one.entry.id: details(now, one) for one in chosen}
    found = comparing.wins(results, directed[str(key)], str(by))
    counts = {name: sum(win.winner == i for win in found) for i, name in names.items()}
    st.text("; ".join(f"{name} leads in {count}" for name, count in counts.items())
            + f" of {len(found)} groups")  # fmt: skip
    frame = pd.DataFrame(
        [
            {str(by): w.name, "leads": names.get(w.winner, "tied"), "ahead by": number(w.ahead),
             "clear of all intervals": "yes" if w.clear else "no"}
            for w in found
        ]
    )  # fmt: skip
    st.dataframe(frame, hide_index=True, alt=f"Who leads in each {by}")
