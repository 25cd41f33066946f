"""The SQLite file beside the bundles: entries, names, and events that are only ever added."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customstudio.submissions.events import Event

VERSION = 1
BUSY_SECONDS = 60.0
_SCHEMA = """
CREATE TABLE entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
  scores_digest TEXT NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_scores ON entries (scores_digest);
CREATE TABLE names (skeleton TEXT PRIMARY KEY, owner TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE samples (
  video TEXT NOT NULL, submission TEXT NOT NULL, PRIMARY KEY (video, submission)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, submission TEXT NOT NULL,
  kind TEXT NOT NULL, document TEXT NOT NULL, chain TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_submission ON events (submission);
CREATE UNIQUE INDEX events_once ON events (submission, kind)
  WHERE kind IN ('received', 'published', 'superseded', 'withdrawn');
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""


class Index:
    """One SQLite file in WAL mode; each use has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the tables where there are none; call it under a lock on the folder."""
        with self._connected() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = FULL")
            yield db
        finally:
            db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the only right to write from its first line."""
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file, whatever others write meanwhile."""
        with self._connected() as db:
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")


def add_event(db: sqlite3.Connection, event: Event) -> bool:
    """Append an event to the chain; False if it, or one of its kind that is unique, is there."""
    last = db.execute("SELECT chain FROM events ORDER BY number DESC LIMIT 1").fetchone()
    document = json.dumps(event.model_dump(mode="json"), sort_keys=True)
    added = db.execute(
        "INSERT OR IGNORE INTO events (id, submission, kind, document, chain)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            event.id,
            event.submission,
            event.kind,
            document,
            _link(last[0] if last else "", document),
        ),
    )
    return added.rowcount == 1


def events_of(db: sqlite3.Connection, submission: str | None = None) -> list[Event]:
    """Events in the order in which they were stored; signatures are not checked here."""
    where, values = ("WHERE submission = ?", (submission,)) if submission else ("", ())
    rows = db.execute(f"SELECT document FROM events {where} ORDER BY number", values)
    return [Event.model_validate_json(document) for (document,) in rows]


def broken_chain(db: sqlite3.Connection) -> list[int]:
    """Numbers of the events that do not follow from those before: somebody wrote into the file."""
    wrong, last = [], ""
    for number, document, chain in db.execute(
        "SELECT number, document, chain FROM events ORDER BY number"
    ):
        if chain != _link(last, document):
            wrong.append(number)
        last = chain
    return wrong


def _link(last: str, document: str) -> str:
    return hashlib.sha256(f"{last}\n{document}".encode()).hexdigest()
