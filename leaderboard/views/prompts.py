"""Prompts: one pair and prompt; references, the methods' videos in sync, and their own scores."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from markupsafe import escape

from customstudio.evaluation.records import KeyInfo
from customstudio.leaderboard import derived
from customstudio.leaderboard.boards import labels
from customstudio.leaderboard.jobs import job_texts
from customstudio.leaderboard.media import references
from customstudio.leaderboard.player import MOST, player_address
from customstudio.leaderboard.shell import State, html, mode, parameters, set_parameters, state
from customstudio.leaderboard.views.choice import one_board, some_submissions
from customstudio.report.text import ARROWS
from customstudio.submissions.entries import Listed
from customstudio.suites.schema import Job, Suite

HEIGHT = 320


def page() -> None:
    """Show the job that the address names."""
    now = state()
    asked = parameters()
    st.title("Prompts", anchor=False)
    standing = one_board(now, asked.get("board", [""])[0])
    if standing is None:
        return
    suite = derived.suite_of(standing.current[0].entry)
    job = _job(suite, asked.get("job", [""])[0])
    chosen = some_submissions(standing, asked.get("id", []), MOST, MOST)
    set_parameters(
        {
            "board": [standing.board.id],
            "job": [job.id],
            "id": [one.entry.short for one in chosen],
        }
    )
    st.text(f"“{job.prompt}”")
    _references(suite, job)
    if not chosen:
        st.info(f"Choose up to {MOST} methods.")
        return
    st.subheader("Videos", anchor=False)
    ids = [one.entry.id for one in chosen]
    st.iframe(player_address(ids, job.id, mode()), height=HEIGHT)
    st.subheader("Scores of these videos", anchor=False)
    keys = [key for key in now.ranked[standing.board.id].columns if key.headline]
    st.dataframe(_scores(now, chosen, job.id, keys), alt="Scores of the videos above")


def _job(suite: Suite, asked: str) -> Job:
    jobs = {job.id: job for job in suite.jobs}
    found = jobs.get(asked, suite.jobs[0])
    left, middle, right = st.columns([3, 4, 1])
    pairs = list(suite.pairs)
    pair = left.selectbox("Pair", pairs, pairs.index(found.pair), key="pair",
                          format_func=lambda name: name.replace("+", " + "))  # fmt: skip
    prompts = {job.prompt_id: job.prompt for job in suite.jobs if job.pair == pair}
    ids = list(prompts)
    prompt = middle.selectbox(
        "Prompt", ids, ids.index(found.prompt_id) if found.prompt_id in ids else 0,
        format_func=lambda name: prompts.get(name, name), key=f"prompt {pair}",
    )  # fmt: skip
    seed = right.selectbox("Seed", suite.seeds, suite.seeds.index(found.seed), key="seed")
    return jobs[f"{pair}/{prompt}/{seed}"]


def _references(suite: Suite, job: Job) -> None:
    st.subheader("References", anchor=False)
    for place, name in zip(st.columns(max(3, len(job.subjects))), job.subjects, strict=False):
        found = references(suite, suite.subjects[name])
        with place:
            st.text(f"{found.noun} ({found.subject})")
            if found.images:
                st.image([str(path) for path in found.images], width=72)
            html(f'<span class="sub">{escape(found.hidden or found.credit)}</span>')


def _scores(
    now: State, chosen: Sequence[Listed], job: str, keys: Sequence[KeyInfo]
) -> pd.DataFrame:
    names = labels(chosen)
    columns = {names[i]: _of_job(str(now.store.root), i, job) for i in names}
    titles = {key.key: f"{key.title} {ARROWS[key.better]}".strip() for key in keys}
    return pd.DataFrame(
        {
            name: {title: found.get(key, "no row") for key, title in titles.items()}
            for name, found in columns.items()
        }
    ).rename_axis("metric")


@st.cache_data(show_spinner=False, max_entries=256)
def _of_job(root: str, submission: str, job: str) -> dict[str, str]:
    rows = _rows(root, submission)
    return job_texts(rows[rows["job"] == job]).get(job, {})


@st.cache_resource(show_spinner=False, max_entries=24)
def _rows(root: str, submission: str) -> pd.DataFrame:
    rows = derived.scores(state().store, submission)
    return rows[rows["subject"].isna()]
