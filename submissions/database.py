"""What a store keeps beside its files: in SQLite, or in PostgreSQL by address.

One small interface over both: `reading` sees one state, `writing` holds the only right to write
from its first line to its last. Each use has a connection of its own, so that a process may be
killed or forked at any point.
"""

import logging
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

from customstudio.errors import UserError
from customstudio.submissions import tables

BUSY_SECONDS = 60
"""How long to wait for another writer."""
Part = Literal["submissions", "votes"]
PARTS: tuple[Part, ...] = ("submissions", "votes")
_LOCK = 0x43757374
"""Of PostgreSQL's advisory locks, the one that is the right to write."""
_SESSION = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""A client whose machine is gone loses its right to write within a minute."""


class Unavailable(UserError):
    """The store itself is in trouble, not what was asked of it."""


def public(error: UserError) -> str:
    """An error's words for strangers: of a store in trouble they would name folders and hosts."""
    if not isinstance(error, Unavailable):
        return str(error)
    logging.getLogger(__name__).error("%s", error)
    fix = "wait a little, and do the same again: it does nothing twice"
    return str(UserError("the store is in trouble", where="the server", fix=fix))


class Database:
    """The tables of one store.

    Each of its methods raises `Unavailable` where the database fails: it does not answer, or its
    file cannot be read. What a statement does wrong stays SQLAlchemy's error.
    """

    def __init__(self, place: Path | str) -> None:
        """Name a database; nothing is opened yet.

        Args:
            place: SQLite's file, or an address: postgresql://USER:PASSWORD@HOST/NAME.

        Raises:
            UserError: the address is of another kind of database, or psycopg is not installed.
        """
        self.path = place if isinstance(place, Path) else None
        url = sa.URL.create("sqlite") if isinstance(place, Path) else _address(place)
        self.shown = url.render_as_string(hide_password=True) if self.path is None else str(place)
        """Where it is, for messages: without its password."""
        if self.path is not None:
            options: dict[str, Any] = {"creator": self._open}
        else:
            options = {"connect_args": {"connect_timeout": 10, "options": _SESSION}}
        # Transactions are begun and ended by hand, here and nowhere else.
        self._engine = sa.create_engine(
            url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", **options
        )

    def _open(self) -> sqlite3.Connection:
        assert self.path is not None
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        return db

    def create(self) -> None:
        """Make the tables where there are none; for SQLite call it under a lock on the folder.

        Raises:
            UserError: a newer CustomStudio made them.
        """
        with self._connected() as db:
            if _schema(db) == tables.SCHEMA:
                return
            if self.path is not None:
                db.exec_driver_sql("PRAGMA journal_mode = WAL")
        with self._holding() as db:
            found = _schema(db)
            if found > tables.SCHEMA:
                raise UserError(
                    "the database was made by a newer CustomStudio",
                    where=self.shown,
                    fix="upgrade: pip install --upgrade customstudio",
                )
            if found < tables.SCHEMA:
                _create(db)

    @contextmanager
    def writing(self, part: Part = "submissions") -> Iterator[Connection]:
        """A transaction that holds the only right to write; the part's version grows with it."""
        row = tables.versions.c
        with self._holding() as db:
            yield db
            grown = sa.update(tables.versions).where(row.part == part)
            db.execute(grown.values(number=row.number + 1))

    @contextmanager
    def _holding(self) -> Iterator[Connection]:
        with self._connected() as db:  # what is not committed goes when this is closed
            if self.path is not None:
                db.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                db.exec_driver_sql("BEGIN")
                db.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
                db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield db
            db.exec_driver_sql("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the tables, whatever others write meanwhile."""
        kind = "" if self.path is not None else " ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._connected() as db:
            db.exec_driver_sql(f"BEGIN{kind}")
            yield db

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as db:
                yield db
        except (sa.exc.DatabaseError, ValidationError) as error:
            if not _fails(error):
                raise
            raise Unavailable(
                f"the database fails: {why(error)}",
                where=self.shown,
                fix="see that it is running, or bring the file back from a backup",
            ) from error

    def version(self, part: Part = "submissions") -> int:
        """A number that grows whenever the part changes: what a cache may hold on to."""
        return self._number(part)

    def identity(self) -> int:
        """Drawn when the tables were made: tells one store's database from another's."""
        return self._number("identity")

    def _number(self, part: str) -> int:
        row = tables.versions.c
        with self.reading() as db:
            return int(db.execute(sa.select(row.number).where(row.part == part)).scalar_one())


def new_row(db: Connection, table: sa.Table, **values: object) -> bool:
    """Insert a row; False if one with the same key is there."""
    kind = sqlite if db.dialect.name == "sqlite" else postgresql
    row = kind.insert(table).values(**values).on_conflict_do_nothing()
    key = next(iter(table.primary_key))
    return db.execute(row.returning(key)).first() is not None


def _fails(error: Exception) -> bool:
    """Whether it is the database that fails, and not a statement of ours."""
    cause = getattr(error, "orig", None)
    if isinstance(error, ValidationError):  # a row that is none of ours
        return True
    if isinstance(cause, sqlite3.DatabaseError):
        ours = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        return type(cause) in (sqlite3.OperationalError, sqlite3.DatabaseError) and not ours
    return isinstance(error, sa.exc.OperationalError)


def why(error: Exception) -> str:
    """What went wrong, on one line, without statements and their values."""
    if isinstance(error, UserError):
        return error.what
    if isinstance(error, ValidationError):
        return f"a row is not what it should be ({error.title})"
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__


def _schema(db: Connection) -> int:
    if not sa.inspect(db).has_table(tables.versions.name):
        return 0
    row = tables.versions.c
    found = db.execute(sa.select(row.number).where(row.part == "schema")).scalar()
    return int(found or 0)


def _create(db: Connection) -> None:
    tables.metadata.create_all(db)
    for statement in tables.guards(db.dialect.name):
        db.exec_driver_sql(statement)
    # Versions begin at the time, so that they grow even where the index is made again.
    numbers: dict[str, int] = {part: int(time.time()) for part in PARTS}
    numbers |= {"identity": secrets.randbits(48), "schema": tables.SCHEMA}
    for part, number in numbers.items():
        new_row(db, tables.versions, part=part, number=number)
    made = sa.update(tables.versions).where(tables.versions.c.part == "schema")
    db.execute(made.values(number=tables.SCHEMA))


def _address(text: str) -> URL:
    try:
        url = make_url(text)
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise ValueError(f"{url.drivername} is not supported")
        import psycopg  # noqa: F401
    except ImportError as error:
        raise UserError(
            "psycopg, which talks to PostgreSQL, is not installed",
            where="the store's database",
            fix="pip install 'customstudio[board]'",
        ) from error
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UserError(
            "not the address of a PostgreSQL database",  # the text may hold a password
            where="the store's database",
            fix="write postgresql://USER:PASSWORD@HOST/NAME, or give none for SQLite",
        ) from error
    return url.set(drivername="postgresql+psycopg")
