"""The entry that Streamlit runs for a lab's own study; the folder is in `CUSTOMSTUDIO_STUDY`."""

import os

import streamlit as st

from customstudio.errors import UserError
from customstudio.leaderboard.votes.screen import open_folder, vote
from customstudio.leaderboard.votes.serving import STUDY_VARIABLE
from customstudio.submissions.database import public


def run() -> None:
    """One page: the rater's."""
    st.set_page_config(page_title="Which video is better", page_icon="🎬", layout="centered")
    try:
        folder = open_folder(os.environ[STUDY_VARIABLE])
        vote(folder, st.query_params.get("rater", ""))
    except UserError as error:
        st.error("This cannot be shown.", icon=":material/error:")
        st.code(public(error), language=None, wrap_lines=True)


if __name__ == "__main__":  # as Streamlit runs it
    run()
