"""The reading side of a store: entries with what their events come to, and their files."""

import re
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from customstudio.errors import UserError, raise_all
from customstudio.submissions import events as signing
from customstudio.submissions import tables
from customstudio.submissions.chain import events_of
from customstudio.submissions.contents import Contents, check_contents, read_folder
from customstudio.submissions.database import Database
from customstudio.submissions.entries import Entry, Listed, read_entry
from customstudio.submissions.events import Event
from customstudio.submissions.recovery import EVENTS


class NoSuchSubmission(UserError):
    """There is none with this id, or there are several."""


class Shelf:
    """Published submissions; forged events count for nothing."""

    root: Path
    bundles: Path
    index: Database
    maintainers: Mapping[str, str]

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
            NoSuchSubmission: there is none, or there are several.
        """
        with self.index.reading() as db:
            whole = _whole_id(db, submission)
            entry = read_entry(db, whole) if whole else None
            events = events_of(db, whole) if whole else []
        if entry is None:
            raise NoSuchSubmission(
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
