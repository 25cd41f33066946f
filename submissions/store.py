"""A store of submissions in a folder: bundles by their id, and a database as their index.

A bundle is staged, synced and renamed while the index's only right to write is held; then the index
takes it in. Whatever is killed when, the next start finds either nothing or a whole bundle, and
takes that in.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from customstudio.errors import UserError, raise_all
from customstudio.records import Record
from customstudio.submissions import events as signing
from customstudio.submissions import tables
from customstudio.submissions.chain import add_event, events_of
from customstudio.submissions.contents import Contents, check_contents, read_folder
from customstudio.submissions.database import why
from customstudio.submissions.disk import clear, staged, sync
from customstudio.submissions.entries import (
    Entry,
    Listed,
    check_claims,
    entry_of,
    read_entry,
)
from customstudio.submissions.events import Event, read_maintainers
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.place import default_store, open_database
from customstudio.submissions.recovery import (
    EVENTS,
    events_bytes,
    opening,
    reconcile,
    take_in,
)
from customstudio.submissions.votes import Votes

__all__ = ["Published", "Store", "default_store"]


class Published(Record):
    """What publishing came to."""

    entry: Entry
    new: bool
    """False: it was there already."""


class Store:
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
        except (OSError, SQLAlchemyError) as error:
            raise UserError(
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
        try:
            return self._publish(contents, key)
        except (OSError, SQLAlchemyError) as error:
            raise UserError(
                f"cannot write to the store: {why(error)}",
                where=str(self.root),
                fix="make room or wait, and run the same command again: it does nothing twice",
            ) from error

    def _publish(self, contents: Contents, key: Key) -> Published:
        raise_all([finding.error() for finding in check_contents(contents)])
        with self.index.reading() as db:
            known = self._known(db, contents.id)
        if known is not None:
            return Published(entry=known, new=False)
        checked = self.gate(contents)
        raise_all([finding.error() for finding in checked.verdict.findings])
        entry = entry_of(checked, contents.bytes)
        if entry.owner != key.public:
            raise UserError(
                "the submission is another owner's", where=contents.id, fix="use the owner's key"
            )
        events = opening(entry, key)
        with self.index.reading() as db:
            check_claims(db, entry)
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
            UserError: a forged signature, somebody who may not say so, no such submission.
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
        with self.index.writing() as db:
            return add_event(db, event)

    def version(self) -> int:
        """Grows with every submission and event: what a cache may hold on to."""
        return self.index.version()

    def submissions(self) -> list[Listed]:
        """All submissions, withdrawn ones too, in the order in which they came."""
        with self.index.reading() as db:
            one = tables.entries.c
            documents = db.scalars(sa.select(one.document).order_by(one.number)).all()
            events: dict[str, list[Event]] = {}
            for event in events_of(db):
                events.setdefault(event.submission, []).append(event)
        entries = [Entry.model_validate_json(document) for document in documents]
        return [self._listed(entry, events.get(entry.id, [])) for entry in entries]

    def entry(self, submission: str) -> Listed:
        """One submission, by its id or the beginning of it (eight digits or more).

        Raises:
            UserError: there is none, or there are several.
        """
        with self.index.reading() as db:
            whole = _whole_id(db, submission)
            entry = read_entry(db, whole) if whole else None
            events = events_of(db, whole) if whole else []
        if entry is None:
            raise UserError(
                "no such submission in the store",
                where=f"{submission[:80]!a} in {self.root}",
                fix="see `customstudio submissions list`",
            )
        return self._listed(entry, events)

    def events(self, submission: str) -> list[Event]:
        """The events of a submission; those that are forged are left out."""
        entry = self.entry(submission).entry
        with self.index.reading() as db:
            return [event for event in events_of(db, entry.id) if self._counts(event, entry)]

    def contents(self, submission: str) -> Contents:
        """The five files of a submission, with their hashes checked.

        Raises:
            UserError: no such submission, or its files are not those that were published.
        """
        entry = self.entry(submission).entry
        contents = read_folder(self.bundles / entry.id, beside=(EVENTS,))
        problems = [finding.error() for finding in check_contents(contents)]
        if contents.id != entry.id:
            problems.append(
                UserError(
                    "the files are not those that were published",
                    where=str(self.bundles / entry.id),
                    fix="bring them back from a backup",
                )
            )
        raise_all(problems)
        return contents

    def _known(self, db: Connection, submission: str) -> Entry | None:
        entry = read_entry(db, submission)
        if entry is not None and self._listed(entry, events_of(db, submission)).state.withdrawn:
            raise UserError(
                "this submission has been withdrawn",
                where=submission,
                fix="what is withdrawn stays so: submit a new run",
            )
        return entry

    def _listed(self, entry: Entry, events: list[Event]) -> Listed:
        counting = [event for event in events if self._counts(event, entry)]
        return Listed(entry=entry, state=signing.state(counting))

    def _counts(self, event: Event, entry: Entry) -> bool:
        return (
            event.submission == entry.id
            and event.protocol == entry.protocol
            and signing.may(event, entry.owner, self.maintainers)
            and event.is_signed()
        )


def _whole_id(db: Connection, submission: str) -> str | None:
    if not re.fullmatch(r"[0-9a-f]{8,64}", submission):
        return None
    column = tables.entries.c.id
    found = db.scalars(sa.select(column).where(column.startswith(submission)).limit(2)).all()
    return found[0] if len(found) == 1 else None
