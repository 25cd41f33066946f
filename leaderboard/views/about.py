"""About: suites, protocols, what the metrics see, how to read and to cite."""

from importlib.metadata import version

import streamlit as st

from customstudio.leaderboard.about import (
    CITATION,
    changes,
    metric_rows,
    protocol_rows,
    suite_rows,
    validity_rows,
)
from customstudio.leaderboard.boards import PART_TITLES, PART_WORDS
from customstudio.leaderboard.pages import piece
from customstudio.leaderboard.shell import html, state
from customstudio.metrics.validity import WORDS, read_study


def page() -> None:
    """What a reader should know before believing a number."""
    st.title("About", anchor=False)
    st.text(
        "CustomStudio is a benchmark for customized (subject-driven) text-to-video generation, "
        "after the CustomVideo paper (arXiv:2401.09962)."
    )
    st.subheader("Sections and tiers", anchor=False)
    for part, title in PART_TITLES.items():
        st.text(f"{title}: {PART_WORDS[part]}")
    st.subheader("Suites", anchor=False)
    _table(suite_rows(), "Suites")
    st.subheader("Protocols", anchor=False)
    st.text("Scores of two protocols never share a column.")
    _table(protocol_rows(), "Protocols")
    st.subheader("Metrics", anchor=False)
    _table(metric_rows(), "Metrics")
    _validity()
    st.subheader("This board", anchor=False)
    now = state()
    st.text(f"CustomStudio {version('customstudio')}; {len(now.by_id)} submissions, withdrawn and "
            "superseded ones included.")  # fmt: skip
    for alarm in now.store.alarms:
        st.warning("The store asks for a maintainer's look.")
        st.text(alarm)
    st.subheader("What changed", anchor=False)
    st.text("\n".join(changes(now.by_id.values())) or "Nothing yet.")
    st.subheader("How to cite", anchor=False)
    st.code(CITATION, language=None, wrap_lines=True)


def _validity() -> None:
    study = read_study()
    st.subheader("What each metric sees", anchor=False)
    st.text(
        f"{study.videos:,} videos of {study.suite} with known faults, scored under "
        f"{study.protocol}: how often the true video is scored better than the faulty one."
    )
    for verdict, words in WORDS.items():
        st.text(f"{verdict}: {words}")
    _table(validity_rows(study), "Validity of the metrics")


def _table(rows: list[dict[str, str]], alt: str) -> None:
    html(piece("plain.html.j2", rows=rows, name=alt))
