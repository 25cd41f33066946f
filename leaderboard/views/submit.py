"""Submit: drop a submission's zip, see what the gate finds, send it."""

import hashlib

import pandas as pd
import streamlit as st

from customstudio.errors import Problems, UserError
from customstudio.leaderboard.sending import may_send, send
from customstudio.leaderboard.shell import html, show_error, state
from customstudio.submissions.archive import MOST_BYTES, unpack
from customstudio.submissions.contents import Contents
from customstudio.submissions.findings import Finding
from customstudio.submissions.gate import Checked

HOW = """\
1. Evaluate: `customstudio evaluate VIDEOS --suite SUITE --out RUN`
2. Write a card (`card.toml`); an example is in docs/submissions.md.
3. Check: `customstudio submit RUN --card card.toml --check`
4. Save: `customstudio submit RUN --card card.toml --save submission.zip --check`, and drop the
   file here. Or send it without a browser: `customstudio submit RUN --card card.toml --to STORE`
"""


def page() -> None:
    """The way of a submission: drop, check, send."""
    st.title("Submit", anchor=False)
    st.text("This page runs exactly the gate of customstudio submit --check. Nothing is kept "
            "before you send.")  # fmt: skip
    with st.expander("How to make a submission", icon=":material/help:"):
        st.markdown(HOW)
    dropped = st.file_uploader("Submission (.zip)", type="zip", max_upload_size=16, key="bundle")
    if dropped is None:
        return
    data = dropped.getvalue()
    if len(data) > MOST_BYTES:
        st.error(f"Larger than a submission can be ({MOST_BYTES:,} bytes).")
        return
    try:
        contents = unpack(data, place="the dropped file")
    except UserError as error:
        show_error(error)
        return
    checked = _checked(hashlib.sha256(data).hexdigest(), contents)
    if checked.verdict.passed:
        _passed(contents, checked)
    else:
        _findings(checked.verdict.findings)


@st.cache_resource(show_spinner="Running the gate", max_entries=8)
def _checked(digest: str, _contents: Contents) -> Checked:
    return state().store.gate(_contents)


def _findings(findings: tuple[Finding, ...]) -> None:
    st.error(f"Not accepted: {len(findings)} finding{'s' * (len(findings) != 1)}.",
             icon=":material/block:")  # fmt: skip
    rows = [{"what": f.what, "where": f.place, "fix": f.fix} for f in findings]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="What the gate found")


def _passed(contents: Contents, checked: Checked) -> None:
    verdict, submission = checked.verdict, checked.submission
    assert submission is not None
    st.success("It passes the gate.", icon=":material/check_circle:")
    st.text(f"{submission.card.name}\nid: {contents.id}\nsection: {verdict.section}")
    for reason in verdict.unofficial_because:
        st.text(f"unofficial: {reason}")
    for flag in verdict.flags:
        st.text(f"for a maintainer to look at: {flag}")
    now = state()
    if contents.id in now.by_id:
        st.info("It is on the board already.")
        there = now.by_id[contents.id].entry
        html(f'<p><a href="method?id={there.short}" target="_self">See it</a></p>')
        return
    allowed, why = may_send(submission.owner)
    if not allowed:
        st.text(why)
        return
    if st.button("Send it to the board", type="primary", icon=":material/send:"):
        try:
            entry = send(now.store, contents)
        except (UserError, Problems) as error:
            show_error(error)
            return
        st.success("Published.", icon=":material/check_circle:")
        html(f'<p><a href="method?id={entry.short}" target="_self">See it on the board</a></p>')
