"""What a board says of a row that is ours: a submission's card from a method's own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from customstudio.baselines import catalog
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import override
from customstudio.errors import UserError
from customstudio.generation.masks import SUITE
from customstudio.generation.prepare import Request
from customstudio.generation.regenerate import kind_of
from customstudio.records import digest
from customstudio.submissions.schema import MethodCard
from customstudio.submissions.texts import identifier

KINDS = {
    "reproduction": "CustomStudio's implementation, on the paper's base model",
    "port": "CustomStudio's implementation, on another base model than the paper's",
    "own": "the authors' own code",
    "floor": "a floor that no method should fall under",
}
LONGEST, MOST_SETTINGS = 64, 40
"""Of a name, and how many settings a card may hold."""


def method_card(request: Request, year: int) -> MethodCard:
    """The card of a row's submission.

    Options whose values are no plain texts (an empty one, a negative number) are not among its
    settings, nor are more than a card may hold; `generation.json` has all.

    Args:
        year: in which the row was made, for a method whose card names none.

    Raises:
        UserError: an unknown method or option, or a method that is not CustomStudio's.
    """
    if catalog.origin(request.method) is not None:
        raise UserError(
            f"{request.method} is a plug-in: its card says nothing of authors and licence",
            where="--to",
            fix="submit its run with a card of yours: `customstudio submit RUN --card FILE`",
        )
    card, options = catalog.card(request.method), override(request.defaults, request.changes)
    arxiv = re.search(r"arXiv:(\d\d)(\d\d\.\d{4,5})", card.paper)
    printed = re.search(r"\b20\d\d\b", card.paper)
    year = int(printed[0]) if printed else year
    return MethodCard(
        name=_name(card.title + request.name.removeprefix(request.method) + _how(request)),
        tuning="per pair" if isinstance(options, TrainingOptions) else "none",
        base_model=request.base_id,
        licence="Apache-2.0",
        open_weights=True,
        year=2000 + int(arxiv[1]) if arxiv else year,
        authors=("CustomStudio",),
        paper=f"https://arxiv.org/abs/{arxiv[1]}{arxiv[2]}" if arxiv else None,
        about=f"{KINDS[kind_of(request)]}.",
        settings=_settings({"arithmetic": request.arithmetic, **options.model_dump()}),
    )


def _how(request: Request) -> str:
    """What else tells a row from another with the same options."""
    masks = "" if request.masks == SUITE else f" masks {Path(request.masks).name}"
    return ("" if request.arithmetic == "float32" else f" {request.arithmetic}") + masks


def _name(text: str) -> str:
    """A row's name in the letters that a board's names may have.

    >>> _name("VCD (Magic-Me)[noise_gamma=0.1]@animatediff")
    'VCD (Magic-Me) (noise_gamma 0.1) on animatediff'
    """
    for sign, words in (("[", " ("), ("]", ")"), ("=", " "), ("@", " on ")):
        text = text.replace(sign, words)
    plain = " ".join(re.sub(r"[^A-Za-z0-9 ._+()-]+", " ", text).split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 9]} {digest(text)[:8]}"


def _settings(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        try:
            found[name] = identifier(_text(value))
        except ValueError:
            continue
    return dict(list(found.items())[:MOST_SETTINGS])


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
