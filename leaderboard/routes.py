"""Our own routes beside Streamlit's: those of other parts, where they are installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

PROVIDERS = ("customstudio.submissions.server", "customstudio.leaderboard.player")
"""Modules with a function `routes`; one that is not there is left out."""


def routes() -> list[Any]:
    """All routes of the process."""
    found: list[Any] = []
    for name in PROVIDERS:
        if find_spec(name) is not None:
            found += import_module(name).routes()
    return found
