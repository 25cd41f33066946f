"""A store of submissions in a folder: bundles by their id, and a database as their index.

A bundle is staged, synced and renamed while the index's only right to write is held; then the index
takes it in. Whatever is killed when, the next start finds either nothing or a whole bundle, and
takes that in.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from customstudio.errors import UserError, raise_all
from customstudio.records import Record
from customstudio.submissions import events as signing
from customstudio.submissions.chain import add_event, events_of
from customstudio.submissions.contents import Contents, check_contents
from customstudio.submissions.database import Unavailable, why
from customstudio.submissions.disk import clear, staged, sync
from customstudio.submissions.entries import Entry, check_claims, entry_of, read_entry
from customstudio.submissions.events import Event, read_maintainers
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.place import default_store, open_database
from customstudio.submissions.recovery import (
    EVENTS,
    events_bytes,
    opening,
    opens,
    reconcile,
    take_in,
)
from customstudio.submissions.shelf import Shelf
from customstudio.submissions.votes import Votes

__all__ = ["Published", "Store", "Unavailable", "default_store"]
CLOCKS_DIFFER = timedelta(days=1)
"""How far from now the time in an event may be."""


class Published(Record):
    """What publishing came to."""

    entry: Entry
    new: bool
    """False: it was there already."""


class Store(Shelf):
    """Submissions in a folder; any number of processes may use it at once."""

    def __init__(
        self,
        root: Path,
        *,
        gate: Callable[[Contents], Checked] = check,
        database: str | None = None,
    ) -> None:
        """Open a store, make it where there is none, and mend what a crash left.

        Args:
            root: its folder.
            gate: what a submission must pass.
            database: address of PostgreSQL; None: `$CUSTOMSTUDIO_DATABASE`, or SQLite.
        """
        self.root, self.gate = Path(root), gate
        self.bundles, self.staging = self.root / "bundles", self.root / "staging"
        self.alarms: list[str] = []
        """What a person should look at: missing files, strange bundles, forged events."""
        try:
            for folder in (self.bundles, self.staging):
                folder.mkdir(parents=True, exist_ok=True)
            self.index = open_database(self.root, database)
            self.votes = Votes(self.index)
            self.maintainers = read_maintainers(self.root / "maintainers.txt")
            clear(self.staging)
            self.alarms = reconcile(self.bundles, self.index, gate)
        except (OSError, SQLAlchemyError, Unavailable) as error:
            raise Unavailable(
                f"cannot open the store: {why(error)}",
                where=str(self.root),
                fix="give a folder on a local disk that you may write to",
            ) from error

    def publish(self, contents: Contents, key: Key) -> Published:
        """Take in a submission, or find that it is there already.

        Raises:
            UserError: what the gate found, all of it; not the owner's key; another owner's name;
                withdrawn before; no room.
        """
        return self._publish(contents, lambda entry: _signed_opening(entry, key))

    def publish_signed(self, contents: Contents, events: tuple[Event, ...]) -> Published:
        """The same, for a submission that comes with the events that its owner signed.

        Raises:
            UserError: as above; the events are not the owner's, or not of now.
        """
        return self._publish(contents, lambda entry: _given_opening(entry, events))

    def _publish(
        self, contents: Contents, opening_of: Callable[[Entry], tuple[Event, ...]]
    ) -> Published:
        raise_all([finding.error() for finding in check_contents(contents)])
        try:
            with self.index.reading() as db:
                known = self._known(db, contents.id)
            if known is not None:
                return Published(entry=known, new=False)
            checked = self.gate(contents)
            raise_all([finding.error() for finding in checked.verdict.findings])
            entry = entry_of(checked, contents.bytes)
            events = opening_of(entry)
            with self.index.reading() as db:
                check_claims(db, entry)
            return self._place(contents, checked, entry, events)
        except (OSError, SQLAlchemyError, Unavailable) as error:
            raise Unavailable(
                f"cannot write to the store: {why(error)}",
                where=str(self.root),
                fix="make room or wait, and run the same command again: it does nothing twice",
            ) from error

    def _place(
        self, contents: Contents, checked: Checked, entry: Entry, events: tuple[Event, ...]
    ) -> Published:
        files = {**contents.files, EVENTS: events_bytes(events)}
        with staged(self.staging, files) as folder, self.index.writing() as db:
            known = self._known(db, entry.id)
            if known is not None:
                return Published(entry=known, new=False)
            check_claims(db, entry)
            if not (self.bundles / entry.id).exists():
                os.rename(folder, self.bundles / entry.id)
                sync(self.bundles)
            return Published(entry=take_in(db, entry, checked, events), new=True)

    def withdraw(self, submission: str, key: Key, about: str | None = None) -> bool:
        """Leave a tombstone in place of a submission; False if there is one already.

        Raises:
            UserError: no such submission, or not the owner's (or a maintainer's) key.
        """
        entry = self.entry(submission).entry
        return self.append(
            signing.signed(key, "withdrawn", submission, entry.protocol, about=about)
        )

    def append(self, event: Event) -> bool:
        """Add a signed event; False if it is there already.

        Raises:
            UserError: a forged signature, somebody who may not say so, not of now; none of this id.
        """
        entry = self.entry(event.submission).entry
        allowed = signing.may(event, entry.owner, self.maintainers)
        allowed &= event.kind not in signing.OPENING and event.protocol == entry.protocol
        if not (allowed and event.is_signed()):
            raise UserError(
                f"the event {event.kind!r} is not signed by one who may say so",
                where=f"submission {event.submission}",
                fix="the owner may withdraw; all else is for maintainers (docs/submissions.md)",
            )
        _check_clock(event.submission, (event,))
        with self.index.writing() as db:
            return add_event(db, event)

    def _known(self, db: Connection, submission: str) -> Entry | None:
        entry = read_entry(db, submission)
        if entry is not None and self._listed(entry, events_of(db, submission)).state.withdrawn:
            raise UserError(
                "this submission has been withdrawn",
                where=submission,
                fix="what is withdrawn stays so: submit a new run",
            )
        return entry


def _signed_opening(entry: Entry, key: Key) -> tuple[Event, ...]:
    if entry.owner != key.public:
        raise UserError(
            "the submission is another owner's", where=entry.id, fix="use the owner's key"
        )
    return opening(entry, key)


def _given_opening(entry: Entry, events: tuple[Event, ...]) -> tuple[Event, ...]:
    if not opens(events, entry):
        raise UserError(
            "the events with which it comes are not signed by its owner",
            where=entry.id,
            fix="send it with `customstudio submit`, and the owner's key",
        )
    _check_clock(entry.id, events)
    return events


def _check_clock(submission: str, events: tuple[Event, ...]) -> None:
    """Whether events are of now: no replay from elsewhere, none that stays the newest for years."""
    now = datetime.now(UTC)
    if any(abs(now - datetime.fromisoformat(event.at)) > CLOCKS_DIFFER for event in events):
        raise UserError(
            f"it was signed at {events[0].at}, and here it is {now:%Y-%m-%dT%H:%M}",
            where=submission,
            fix="set the clock, and send it again",
        )
