"""The frame of every static page: its policy, its navigation, its addresses."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from customstudio.leaderboard.pages import TEMPLATES, environment
from customstudio.leaderboard.query import Query
from customstudio.submissions.entries import Entry

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "media-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Of every static page, as a meta element: hosts need not be set up."""


@dataclass(frozen=True)
class Place:
    """Where a page lies, and how it gets to the top."""

    path: str
    root: str


@dataclass(frozen=True)
class SiteLinks:
    """Where things are among static pages."""

    root: str

    def method(self, entry: Entry) -> str:
        """A submission's page."""
        return f"{self.root}methods/{entry.short}.html"

    def sort(self, query: Query, key: str) -> str:
        """None: a few lines of script sort the table where it is."""
        return ""


@lru_cache(maxsize=1)
def site_environment() -> Environment:
    """As the app's, with the templates of the static pages too."""
    here = Path(__file__).with_name("templates")
    return environment().overlay(loader=FileSystemLoader([here, TEMPLATES]))


def page(template: str, place: Place, title: str, **values: Any) -> str:
    """One page of the site."""
    return (
        site_environment()
        .get_template(template)
        .render(place=place, title=title, policy=POLICY, **values)
    )
