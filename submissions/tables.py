"""The tables of a store's database: the same in SQLite and in PostgreSQL."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA = 3
"""Grows with every change of the tables."""
_ONCE = text("kind IN ('received', 'published', 'superseded', 'withdrawn')")
_STRICT: dict[str, Any] = {"sqlite_strict": True}
_BARE: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
metadata = MetaData()


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _whole(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


entries = Table(
    "entries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _text("id", unique=True),
    _text("owner"),
    _text("scores_digest", index=True),
    _text("document"),
    sqlite_autoincrement=True,
    **_STRICT,
)
names = Table("names", metadata, _text("skeleton", primary_key=True), _text("owner"), **_BARE)
samples = Table(
    "samples",
    metadata,
    _text("video", primary_key=True),
    _text("submission", primary_key=True),
    **_BARE,
)
events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _text("id", unique=True),
    _text("submission", index=True),
    _text("kind"),
    _text("document"),
    _text("chain"),
    Index(
        "events_once", "submission", "kind", unique=True, sqlite_where=_ONCE, postgresql_where=_ONCE
    ),
    sqlite_autoincrement=True,
    **_STRICT,
)
votes = Table(
    "votes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _text("ticket"),
    _text("board", index=True),
    _text("job"),
    _text("left"),
    _text("right"),
    _text("question"),
    _text("answer"),
    _text("rater"),
    _whole("gold"),
    _whole("swapped"),
    _text("at"),
    UniqueConstraint("ticket", "question"),
    CheckConstraint("gold IN (0, 1) AND swapped IN (0, 1)", name="votes_flags"),
    sqlite_autoincrement=True,
    **_STRICT,
)
previews = Table(
    "previews",
    metadata,
    _text("submission", primary_key=True),
    _text("job", primary_key=True),
    _text("sha256"),
    **_BARE,
)
"""Small copies of submitted videos: files by their SHA-256."""
versions = Table(
    "versions",
    metadata,
    _text("part", primary_key=True),
    Column("number", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    **_BARE,
)
"""What a cache may hold on to: a number that grows with every change of its part."""

APPEND_ONLY = (events, votes)
"""Rows of these are never changed or removed: the database itself refuses to."""


def guards(dialect: str) -> list[str]:
    """Statements after which rows of the append-only tables stay as they are."""
    statements = []
    for table in APPEND_ONLY:
        name, refusal = table.name, f"{table.name} are append-only"
        if dialect == "sqlite":
            statements += [
                f"CREATE TRIGGER IF NOT EXISTS {name}_{verb} BEFORE {change} ON {name}"
                f" BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
                for verb, change in (("stay", "UPDATE"), ("remain", "DELETE"))
            ]
        else:
            statements += [
                f"CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN RAISE EXCEPTION '{refusal}'; END $$",
                f"DROP TRIGGER IF EXISTS {name}_stay ON {name}",
                f"CREATE TRIGGER {name}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
                f" EXECUTE FUNCTION {name}_refuse()",
            ]
    return statements
