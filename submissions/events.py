"""What happened to a submission: signed, append-only; tiers only from maintainers."""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from customstudio.errors import UserError
from customstudio.records import Record, canonical_json, digest
from customstudio.submissions.keys import Key, verify
from customstudio.submissions.texts import Link, Moment, Prose, Sha256, Slug

Kind = Literal[
    "received",
    "published",
    "sample-checked",
    "recomputed",
    "reproduced",
    "disputed",
    "flagged",
    "stale",
    "superseded",
    "withdrawn",
]
Tier = Literal["self-reported", "sample-checked", "recomputed", "reproduced"]
TIERS: tuple[Tier, ...] = ("self-reported", "sample-checked", "recomputed", "reproduced")
OWNERS_OWN: tuple[Kind, ...] = ("received", "published", "superseded", "withdrawn")
"""What an owner may sign for an own submission; the rest is for maintainers."""
OPENING: tuple[Kind, ...] = ("received", "published", "superseded")
"""What only publishing writes."""
_KEY = re.compile(r"[0-9a-f]{64}")
_CONTEXT = b"customstudio event 1\n"
"""Signed before the event, so that a signature of something else is none of an event."""


class Event(Record):
    """One thing that happened, signed by who says so."""

    schema_version: Literal[1] = 1
    kind: Kind
    submission: Sha256
    """Id, and so the hash of all its files."""
    protocol: Slug
    at: Moment
    by: Sha256
    """Public key of who signs."""
    about: Prose | None = None
    """Why, in words."""
    link: Link | None = None
    """The discussion or the report."""
    other: Sha256 | None = None
    """`superseded`: the submission that takes its place."""
    signature: str = ""

    @property
    def id(self) -> str:
        """SHA-256 of what is signed."""
        return digest(self.model_dump(mode="json", exclude={"signature"}))

    @property
    def message(self) -> bytes:
        """What is signed."""
        signed = self.model_dump(mode="json", exclude={"signature"})
        return _CONTEXT + canonical_json(signed).encode()

    def is_signed(self) -> bool:
        """Whether the signature is of this event and by `by`."""
        return verify(self.by, self.signature, self.message)


class State(Record):
    """What the events of a submission come to."""

    tier: Tier = "self-reported"
    published: bool = False
    withdrawn: bool = False
    superseded_by: str | None = None
    disputed: bool = False
    flagged: bool = False
    stale: bool = False


def signed(
    key: Key,
    kind: Kind,
    submission: str,
    protocol: str,
    *,
    about: str | None = None,
    link: str | None = None,
    other: str | None = None,
) -> Event:
    """An event that happens now."""
    event = Event(
        kind=kind,
        submission=submission,
        protocol=protocol,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=key.public,
        about=about,
        link=link,
        other=other,
    )
    return event.model_copy(update={"signature": key.sign(event.message)})


def may(event: Event, owner: str, maintainers: Collection[str]) -> bool:
    """Whether the signer may say this of a submission of this owner; the signature is not checked.

    Nobody raises the tier of an own submission, a maintainer neither.
    """
    if event.kind == "received":
        return event.by == owner
    if event.kind in OWNERS_OWN and event.by == owner:
        return True
    return event.by in maintainers and not (event.kind in TIERS and event.by == owner)


def state(events: Sequence[Event]) -> State:
    """What events come to, in the order in which they were stored."""
    found: dict[str, object] = {}
    best = 0
    for event in events:
        if event.kind in TIERS:
            best = max(best, TIERS.index(event.kind))
        elif event.kind == "superseded":
            found["superseded_by"] = event.other
        elif event.kind != "received":
            found[event.kind] = True
    return State.model_validate({**found, "tier": TIERS[best]})


def read_maintainers(path: Path) -> dict[str, str]:
    """Public key -> name, from lines `KEY NAME`; none where there is no such file.

    Raises:
        UserError: a line is something else.
    """
    if not path.exists():
        return {}
    text = path.read_text(errors="replace")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    wrong = [" ".join(line) for line in lines if len(line) < 2 or not _KEY.fullmatch(line[0])]
    if wrong:
        raise UserError(
            "a line that is not: public key, space, name",
            where=f"{path}: {wrong[0]!a}",
            fix="write 64 hexadecimal digits, a space, and the maintainer's name",
        )
    return {key: name for key, name in lines}
