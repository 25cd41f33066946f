"""Method: one submission with its card, scores by group, history, provenance and files."""

from collections.abc import Callable

import streamlit as st
from markupsafe import escape

from customstudio.evaluation.records import MethodSummary
from customstudio.leaderboard import cite, derived, export
from customstudio.leaderboard.boards import part_of
from customstudio.leaderboard.charts import group_chart
from customstudio.leaderboard.pages import groups_html, method_pieces, section_html
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.shell import (
    AppLinks,
    State,
    html,
    mode,
    parameters,
    set_parameters,
    state,
)
from customstudio.leaderboard.table import Ranked, Section
from customstudio.leaderboard.views.choice import one_submission
from customstudio.submissions.archive import pack
from customstudio.submissions.entries import Listed

GROUPS = ("category", "type", "pair size", "prompt")


def page() -> None:
    """Show the submission that the address names."""
    now = state()
    st.title("Method", anchor=False)
    asked = parameters()
    listed = one_submission(now, asked.get("id", [""])[0])
    if listed is None:
        return
    ranked = now.board_of(listed.entry)
    by = asked.get("by", [""])[0]
    key = asked.get("key", [""])[0]
    html(f"<h2>{escape(listed.entry.card.name)}</h2>")
    tabs = st.tabs(["Scores", "Card and citation", "History and provenance", "Files"])
    with tabs[0]:
        _overall(ranked, listed)
        _groups(now, ranked, listed, by, key)
    pieces = _pieces(now, ranked, listed)
    with tabs[1]:
        html(pieces["card"])
        st.subheader("How to cite", anchor=False)
        st.code(cite.bibtex(listed.entry), language=None, wrap_lines=True)
    with tabs[2]:
        html(pieces["history"])
        html(pieces["provenance"])
    with tabs[3]:
        _files(now, listed)


def _overall(ranked: Ranked, listed: Listed) -> None:
    part = part_of(listed)
    keys = ranked.shown(Query())
    row = ranked.row(listed, part, keys)
    html(section_html(Section(part, len(ranked.standing.part(part)), 1, (row,), 1, 1),
                      keys, ranked.standing.board, _Here(), Query()))  # fmt: skip


class _Here(AppLinks):
    """One row is not sorted."""

    def sort(self, query: Query, key: str) -> str:
        """No link."""
        return ""


def _groups(now: State, ranked: Ranked, listed: Listed, by: str, key: str) -> None:
    keys = {info.key: info for info in ranked.columns}
    left, right = st.columns(2)
    chosen_by = left.segmented_control("By", GROUPS, default=by if by in GROUPS else GROUPS[0],
                                       required=True, key="by")  # fmt: skip
    chosen = right.selectbox("Metric", list(keys), list(keys).index(key) if key in keys else 0,
                             format_func=lambda name: keys[name].title, key="key")  # fmt: skip
    set_parameters({"id": [listed.entry.short], "by": [str(chosen_by)], "key": [str(chosen)]})
    summary = details(now, listed)
    st.altair_chart(
        group_chart(summary, str(chosen_by), keys[str(chosen)], mode()), theme=None,
        alt=f"{keys[str(chosen)].title} by {chosen_by}, each with its 95% interval; "
        "the table below holds the same numbers",
    )  # fmt: skip
    with st.expander("All metrics as a table"):
        html(groups_html(summary, str(chosen_by), ranked.shown(Query())))


def details(now: State, listed: Listed) -> MethodSummary:
    """A submission's groups: from the kept file, or computed once."""
    return _details(str(now.store.root), listed.entry.id)


@st.cache_resource(show_spinner="Computing the groups of this submission, once", max_entries=64)
def _details(root: str, submission: str) -> MethodSummary:
    now = state()
    return derived.details(now.store, now.by_id[submission].entry)


def _pieces(now: State, ranked: Ranked, listed: Listed) -> dict[str, str]:
    store = now.store
    files = derived.files(store, listed.entry.id)
    events = store.events(listed.entry.id)
    board = ranked.standing.board
    return dict(method_pieces(listed, board, files, events, store.maintainers))


def _files(now: State, listed: Listed) -> None:
    store, entry = now.store, listed.entry
    st.text(f"The submission as it was published: five files, {entry.bytes:,} bytes.")
    made: dict[str, Callable[[], str | bytes]] = {
        f"{entry.short}.zip": lambda: pack(store.contents(entry.id)),
        "entry.json": lambda: export.to_json(export.entry_document(listed)),
        "groups.json": lambda: details(now, listed).model_dump_json(indent=1),
        "scores.csv": lambda: export.frame_csv(derived.scores(store, entry.id)),
        "cite.bib": lambda: cite.bibtex(entry),
    }
    with st.container(horizontal=True):
        for name, make in made.items():
            st.download_button(name, make, name, icon=":material/download:", key=f"file {name}",
                               on_click="ignore")  # fmt: skip
    st.text("Check it: customstudio submissions check FILE.zip")
