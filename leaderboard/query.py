"""The state of the board's page as the parameters of its address, and back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from customstudio.records import Record
from customstudio.submissions.entries import Listed
from customstudio.submissions.events import TIERS, Tier

Tuning = Literal["per subject", "per pair", "none"]
TUNINGS: tuple[Tuning, ...] = get_args(Tuning)
TUNING_WORDS: dict[Tuning, str] = {
    "per subject": "tuned per subject",
    "per pair": "tuned per pair",
    "none": "zero-shot",
}
Weights = Literal["any", "open", "closed"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
LONGEST = 80


class Query(Record):
    """What is shown: which board, which methods, which columns, in which order."""

    board: str = ""
    q: str = ""
    """Words to find in names, titles and authors."""
    tuning: tuple[Tuning, ...] = ()
    base: tuple[str, ...] = ()
    tier: tuple[Tier, ...] = ()
    weights: Weights = "any"
    since: int | None = None
    until: int | None = None
    keys: tuple[str, ...] = ()
    """Columns; none: the protocol's own."""
    sort: str = ""
    """A key, `name` or `year`; empty: the first column."""
    reverse: bool = False
    """Worst first."""
    page: int = 1

    @property
    def filtered(self) -> bool:
        """Whether any submission can be hidden by it."""
        narrow = (self.q, self.tuning, self.base, self.tier, self.since, self.until)
        return any(narrow) or self.weights != "any"


def read(parameters: Mapping[str, Sequence[str]]) -> Query:
    """A state from an address; what is unknown, wrong or too long is ignored.

    >>> read({"tuning": ["none", "magic"], "since": ["20x6"], "page": ["2"]})
    ... # doctest: +ELLIPSIS
    Query(board='', q='', tuning=('none',), ..., since=None, ..., page=2)
    """
    weights = _one(parameters, "weights")
    return Query(
        board=_one(parameters, "board"),
        q=_one(parameters, "q"),
        tuning=tuple(t for t in TUNINGS if t in _many(parameters, "tuning")),
        base=tuple(_many(parameters, "base")),
        tier=tuple(t for t in TIERS if t in _many(parameters, "tier")),
        weights="open" if weights == "open" else "closed" if weights == "closed" else "any",
        since=_number(parameters, "since"),
        until=_number(parameters, "until"),
        keys=tuple(_many(parameters, "keys")),
        sort=_one(parameters, "sort"),
        reverse=_one(parameters, "reverse") == "true",
        page=max(1, _number(parameters, "page") or 1),
    )


def write(query: Query) -> dict[str, list[str]]:
    """The parameters of a state; what is as usual is left out, so that addresses stay short.

    >>> write(Query(tuning=("none",), page=2))
    {'tuning': ['none'], 'page': ['2']}
    """
    usual = Query()
    found = {}
    for name, value in query:
        if value != getattr(usual, name):
            values = value if isinstance(value, tuple) else (value,)
            found[name] = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
    return found


def chosen(listed: Iterable[Listed], query: Query) -> list[Listed]:
    """The submissions that a state shows, in their order."""
    words = query.q.casefold().split()
    return [one for one in listed if _fits(one, query) and _has_words(one, words)]


def _fits(one: Listed, query: Query) -> bool:
    card = one.entry.card
    return (
        (not query.tuning or card.tuning in query.tuning)
        and (not query.base or card.base_model in query.base)
        and (not query.tier or one.state.tier in query.tier)
        and (query.weights == "any" or card.open_weights == (query.weights == "open"))
        and (query.since is None or card.year >= query.since)
        and (query.until is None or card.year <= query.until)
    )


def _has_words(one: Listed, words: Sequence[str]) -> bool:
    if not words:
        return True
    card = one.entry.card
    text = " ".join((card.name, card.title or "", *card.authors, card.base_model, one.entry.id))
    return all(word in text.casefold() for word in words)


def _many(parameters: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [value[:LONGEST] for value in parameters.get(name, ())[:100] if value]


def _one(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(_many(parameters, name)), "")


def _number(parameters: Mapping[str, Sequence[str]], name: str) -> int | None:
    text = _one(parameters, name)
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None
