"""What a crash left: whole bundles that the index lacks are taken in, strange ones set aside."""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy import Connection

from customstudio.errors import UserError, raise_all
from customstudio.submissions import events as signing
from customstudio.submissions import tables
from customstudio.submissions.chain import add_event, broken_chain
from customstudio.submissions.contents import Contents, read_bounded, read_folder
from customstudio.submissions.database import Database
from customstudio.submissions.entries import Entry, add_entry, entry_of
from customstudio.submissions.events import Event
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key

EVENTS = "events.json"
"""Beside the five files of a bundle: the signed events with which it came."""
_EVENTS = TypeAdapter(tuple[Event, ...])
_ID = re.compile(r"[0-9a-f]{64}")
EVENTS_BYTES = 16 * 2**10
_REFUSED = "refused"


def opening(entry: Entry, key: Key) -> tuple[Event, ...]:
    """The events with which a submission comes, signed by its owner."""
    return opening_of(entry.id, entry.protocol, entry.supersedes, key)


def opening_of(
    submission: str, protocol: str, supersedes: str | None, key: Key
) -> tuple[Event, ...]:
    """The same, of a submission that no store knows yet."""
    events = [
        signing.signed(key, "received", submission, protocol),
        signing.signed(key, "published", submission, protocol),
    ]
    if supersedes:
        events.append(signing.signed(key, "superseded", supersedes, protocol, other=submission))
    return tuple(events)


def events_bytes(events: tuple[Event, ...]) -> bytes:
    """Events as the file that lies beside a bundle's own."""
    return _EVENTS.dump_json(events)


def read_events(text: bytes) -> tuple[Event, ...]:
    """Events from such a file, or such a request; their signatures are not checked.

    Raises:
        ValueError: it holds anything else.
    """
    return _EVENTS.validate_json(text, strict=True)


def opens(events: tuple[Event, ...], entry: Entry) -> bool:
    """Whether these are the events with which a submission comes, signed by its owner.

    An event of another protocol would count for nothing: the submission would be stored and not
    published, or what it supersedes would stay.
    """
    wanted: list[tuple[str, str, str | None]] = [
        ("received", entry.id, None),
        ("published", entry.id, None),
    ]
    wanted += [("superseded", entry.supersedes, entry.id)] if entry.supersedes else []
    told = [(event.kind, event.submission, event.other) for event in events]
    return told == wanted and all(
        e.by == entry.owner and e.protocol == entry.protocol and e.is_signed() for e in events
    )


def take_in(db: Connection, entry: Entry, checked: Checked, events: tuple[Event, ...]) -> Entry:
    """Write a bundle that is in its place into the index."""
    entry = add_entry(db, entry, checked)
    for event in events:
        add_event(db, event)
    return entry


def reconcile(bundles: Path, index: Database, gate: Callable[[Contents], Checked]) -> list[str]:
    """Make index and bundles agree; what a person should look at is returned in words."""
    with index.reading() as db:
        stored = _stored(db)
        strange = [str(number) for number in broken_chain(db)]
    alarms = []
    if strange:
        alarms.append(f"somebody wrote into the events: numbers {', '.join(strange)}")
    there = {name for name in os.listdir(bundles) if _ID.fullmatch(name)}
    # What has been published between the two looks is no gap: look again.
    gone = {name for name in stored - there if not (bundles / name).is_dir()}
    alarms += [f"the files of {name} are missing" for name in sorted(gone)]
    if there - stored:
        with index.writing() as db:
            lacking = [bundles / name for name in sorted(there - _stored(db))]
            alarms += _recover(db, lacking, gate)
    return alarms


def _recover(
    db: Connection, folders: Sequence[Path], gate: Callable[[Contents], Checked]
) -> Iterator[str]:
    found = {}
    for folder in folders:
        try:
            found[folder.name] = (folder, *_read(folder, gate))
        except (UserError, OSError, ValueError) as error:
            yield _set_aside(folder, error)
    # In the order in which they came; what takes another's place comes after it.
    waiting = sorted(found, key=lambda name: (found[name][3][0].at, name))
    while waiting:
        ready = [name for name in waiting if found[name][1].supersedes not in waiting]
        for name in ready or waiting:
            folder, entry, checked, events = found[name]
            waiting.remove(name)
            db.exec_driver_sql("SAVEPOINT recovery")
            try:
                take_in(db, entry, checked, events)
            except UserError as error:
                db.exec_driver_sql("ROLLBACK TO SAVEPOINT recovery")
                yield _set_aside(folder, error)
            db.exec_driver_sql("RELEASE SAVEPOINT recovery")


def _read(
    folder: Path, gate: Callable[[Contents], Checked]
) -> tuple[Entry, Checked, tuple[Event, ...]]:
    contents = read_folder(folder, beside=(EVENTS,))
    checked = gate(contents)
    raise_all([finding.error() for finding in checked.verdict.findings])
    entry = entry_of(checked, contents.bytes)
    text = read_bounded(folder / EVENTS, EVENTS_BYTES)
    events = read_events(text)
    if contents.id != folder.name or not opens(events, entry):
        raise ValueError("its events are not the owner's")
    return entry, checked, events


def _set_aside(folder: Path, error: Exception) -> str:
    refused = folder.parents[1] / _REFUSED
    refused.mkdir(exist_ok=True)
    os.rename(folder, refused / f"{folder.name}-{time.time_ns()}")
    return f"{folder.name} was set aside in {refused}: {error}"


def _stored(db: Connection) -> set[str]:
    return set(db.scalars(sa.select(tables.entries.c.id)))
