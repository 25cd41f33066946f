"""What a rater sees: the text, the references, two clips in sync, one question after the other."""

import html
import time
from pathlib import Path

import streamlit as st
from streamlit import runtime

from customstudio.errors import UserError
from customstudio.leaderboard import buttons
from customstudio.leaderboard.votes.casting import Booth
from customstudio.leaderboard.votes.clips import side_by_side
from customstudio.leaderboard.votes.plan import Slot
from customstudio.leaderboard.votes.study import CLIPS, QUESTIONS, REFERENCES, STUDY, Folder
from customstudio.submissions.database import public
from customstudio.submissions.votes import Answer, Question

ANSWERS: dict[Answer, tuple[str, str]] = {
    "left": ("A, left", "1"),
    "right": ("B, right", "2"),
    "tie": ("Tie", "3"),
    "both_bad": ("Both bad", "4"),
}
"""Answer -> what its button says, and its key."""
_STATE = "vote"
_LOOK_AGAIN = 0.4
_STYLE = """
.stMainBlockContainer { padding-top: 4.2rem; padding-bottom: 1rem; }
.stMainBlockContainer .stVerticalBlock { gap: .55rem; }
.st-key-clips video { display: block; width: 100%; max-height: 52vh; border-radius: .5rem; }
.st-key-prompt [data-testid="stText"] { font-size: 1.15rem; font-weight: 600; }
.st-key-answers > div { flex: 1 1 9rem; }
.st-key-answers .stButton, .st-key-answers .stTooltipIcon, .st-key-answers button { width: 100%; }
.st-key-asked p { font-size: 1.3rem; font-weight: 600; line-height: 1.3; }
"""
_LOOK = f"<style>{_STYLE}{buttons.STYLE}</style>"
HOW = (
    "You will see two videos side by side that should show the same text with the same subjects. "
    "Answer each question for A or B, *tie* if neither is better, or *both bad* if both fail. "
    "The keys 1 to 4 answer, and the arrow key left goes back. The buttons wake up when the "
    "videos have played once. There is no time limit, and you may close the page at any time: "
    "what is answered is kept, and your link continues where you stopped."
)


def vote(folder: Folder, code: str, *, titled: bool = True) -> None:
    """The rater's page, from a code to the last comparison.

    Args:
        titled: show the study's title wherever no comparison is shown.
    """
    st.html(_LOOK)
    title = folder.study.title if titled else ""
    rater = folder.rater_of(code) if code else None
    if rater is None:
        _heading(title)
        _ask_for_code(wrong=bool(code))
        return
    booth = Booth(folder, rater)
    slot = booth.next()
    if slot is None:
        _heading(title)
        st.success("All done. Thank you for every answer.", icon=":material/check:")
        return
    if not st.session_state.get("vote_begun") and slot.number == 0:
        _heading(title)
        st.markdown(HOW)
        st.button("Begin", type="primary", shortcut="Enter", on_click=_begin)
        return
    place = f"Comparison {slot.number + 1} of {len(booth.slots)}"
    st.progress(slot.number / len(booth.slots), text=place)
    _questions(booth, slot, _show(folder, slot))


def _heading(title: str) -> None:
    if title:
        st.title(title, anchor=False)


def _ask_for_code(*, wrong: bool) -> None:
    st.write("Voting is by invitation: open the link that you were sent, or type its code.")
    if wrong:
        st.error("No rater has this code. Check it against your invitation.")
    with st.form("code", border=False):
        code = st.text_input("Code", max_chars=40, autocomplete="off")
        if st.form_submit_button("Open", type="primary"):
            st.query_params["rater"] = code.strip()
            st.rerun()


def _begin() -> None:
    st.session_state["vote_begun"] = True


def _show(folder: Folder, slot: Slot) -> float:
    """Text, references and clips of a comparison; gives how long the clips play."""
    job = folder.study.jobs[slot.job]
    with st.container(key="prompt"):
        st.text(job.prompt)
    shown = [(name, folder.study.references.get(name, ())) for name in job.subjects]
    if any(files for _, files in shown):
        with st.container(horizontal=True, gap="small", key="references"):
            for at, (_, files) in enumerate(shown):
                with st.container(width="content", key=f"subject-{at}"):
                    st.image([(folder.root / REFERENCES / f).read_bytes() for f in files], width=64)
    path, seconds = _composite(str(folder.root), slot.rater, slot.number)
    with st.container(key="clips"):
        _play(path)
    return seconds


def _play(path: Path) -> None:
    """A clip over and over, by the browser's own loop.

    `st.video` starts it anew by a script; where the next comparison takes the clip away just then,
    the browser reports an error.
    """
    address = runtime.get_instance().media_file_mgr.add(str(path), "video/mp4", "clips")
    # Relative, so that it holds behind a proxy's path too.
    source = html.escape(address.lstrip("/"))
    st.html(f'<video src="{source}" controls autoplay loop muted playsinline></video>')


def _questions(booth: Booth, slot: Slot, seconds: float) -> None:
    """The current question and its buttons, which wait until the clips have played once."""
    ticket = booth.folder.ticket(slot)
    state = st.session_state.setdefault(_STATE, {})
    if state.get("ticket") != ticket:
        state |= {"ticket": ticket, "until": time.monotonic() + seconds, "answers": {}}

    @st.fragment(run_every=_LOOK_AGAIN if time.monotonic() < state["until"] else None)
    def questions() -> None:
        if state.get("ticket") != ticket:
            st.rerun()
        waiting = time.monotonic() < state["until"]
        if not waiting and state.get("awake") != ticket:
            state["awake"] = ticket
            st.rerun()
        _buttons(booth, state["answers"], ticket, waiting=waiting)

    questions()


def _buttons(booth: Booth, answers: dict[Question, Answer], ticket: str, *, waiting: bool) -> None:
    asked = booth.folder.study.questions
    question = asked[min(len(answers), len(asked) - 1)]
    with st.container(key="asked"):
        st.markdown(QUESTIONS[question])
    with st.container(horizontal=True, gap="small", key="answers"):
        for answer, (words, key) in ANSWERS.items():
            st.button(
                words,
                key=f"answer-{answer}",
                shortcut=key,
                disabled=waiting,
                on_click=_answer,
                args=(booth, answers, ticket, question, answer),
            )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(f"Question {asked.index(question) + 1} of {len(asked)}", width="content")
        st.button(
            "Back",
            key="back",
            shortcut="Left",
            type="tertiary",
            disabled=not answers,
            on_click=_back,
            args=(answers,),
        )
    if problem := st.session_state.pop("vote_problem", None):
        st.error("Your last answer was not taken in.", icon=":material/error:")
        st.code(problem, language=None, wrap_lines=True)


def _answer(
    booth: Booth, answers: dict[Question, Answer], ticket: str, question: Question, answer: Answer
) -> None:
    state = st.session_state.get(_STATE, {})
    if state.get("ticket") != ticket or question in answers or time.monotonic() < state["until"]:
        return  # an answer to what is no longer shown, or that could not be clicked yet
    answers[question] = answer
    if len(answers) < len(booth.folder.study.questions):
        return
    try:
        booth.cast(ticket, answers)
    except UserError as error:
        st.session_state["vote_problem"] = public(error)
    state.clear()


def _back(answers: dict[Question, Answer]) -> None:
    if answers:
        answers.pop(next(reversed(answers)))


@st.cache_resource(show_spinner="Preparing the next comparison", max_entries=512)
def _composite(root: str, rater: int, number: int) -> tuple[Path, float]:
    """The comparison as one video beside the study's clips, made when it is first shown."""
    folder = open_folder(root)
    slot = folder.study.lists[rater][number]
    left, right = (folder.study.by_place[m, slot.job] for m in (slot.left, slot.right))
    target = folder.root / "shown" / f"{folder.ticket(slot)}.mp4"
    if not target.exists():
        clips = folder.root / CLIPS
        side_by_side(clips / left.file, clips / right.file, target, slot.damaged)
    return target, max(left.seconds, right.seconds)


def open_folder(root: str) -> Folder:
    """A study, read once: its plan never changes; another one in its place is another study."""
    try:
        written = (Path(root) / STUDY).stat().st_mtime_ns
    except OSError:
        written = 0  # opening it says what is wrong
    return _open(root, written)


@st.cache_resource(show_spinner=False, max_entries=32)
def _open(root: str, written: int) -> Folder:
    return Folder(Path(root))
