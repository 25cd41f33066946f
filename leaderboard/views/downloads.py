"""Download buttons: made when they are pressed, from what the page shows."""

from collections.abc import Callable

import streamlit as st

from customstudio.leaderboard import export
from customstudio.leaderboard.boards import PARTS
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.table import Ranked, Section


def board_downloads(ranked: Ranked, shown: Query) -> None:
    """The board as it is filtered and sorted, all rows of it."""
    name = ranked.standing.board.id
    keys = ranked.shown(shown)

    def sections() -> list[Section]:
        return [ranked.section(p, shown, None) for p in PARTS if ranked.standing.part(p)]

    def latex() -> str:
        return export.to_latex(sections(), keys, f"Leaderboard {ranked.standing.board.title}")

    made: dict[str, tuple[str, Callable[[], str | bytes], str]] = {
        "csv": ("CSV", lambda: export.to_csv(export.flat_rows(sections(), keys)), "text/csv"),
        "json": (
            "JSON",
            lambda: export.to_json(export.board_document(ranked, sections())),
            "application/json",
        ),
        "parquet": (
            "Parquet",
            lambda: export.to_parquet(export.flat_rows(sections(), keys)),
            "application/vnd.apache.parquet",
        ),
        "tex": ("LaTeX", latex, "text/x-tex"),
    }
    with st.container(horizontal=True):
        for suffix, (label, make, mime) in made.items():
            st.download_button(
                label, make, f"{name}.{suffix}", mime, icon=":material/download:",
                key=f"{suffix} {name}", on_click="ignore",
            )  # fmt: skip
