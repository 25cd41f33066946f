"""The bars of commands that make videos and score them, on a terminal."""

import io

import pytest
from rich.console import Console

from customstudio.cli import progress, steps


def test_bars_follow_one_another_and_leave_the_terminal_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second method after the first, and its scoring: rich allows one live bar at a time."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    monkeypatch.setattr(steps, "err", console)
    monkeypatch.setattr(progress, "err", console)
    making, scoring = steps.StepBar(), progress.RichProgress()
    for total in (3, 4):
        making.start(total)
        making.advance(total)
        making.note("a pair is done")
        making.stop()
        scoring.start(5, 0)
        scoring.advance(5)
        scoring.stop()
    hidden, shown = (screen.getvalue().count(code) for code in ("\x1b[?25l", "\x1b[?25h"))
    assert hidden == shown == 4
    assert "a pair is done" in screen.getvalue()
