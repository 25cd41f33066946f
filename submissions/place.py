"""Where a store is: a folder, and the database that belongs to it."""

import os
from pathlib import Path

from customstudio.errors import UserError
from customstudio.files import write_text
from customstudio.submissions.database import Database
from customstudio.submissions.disk import lock

STORE = "CUSTOMSTUDIO_STORE"
DATABASE = "CUSTOMSTUDIO_DATABASE"
"""Variable with the address of a PostgreSQL database; a command line would show its password."""
SQLITE, POSTGRESQL = "index.sqlite", "index.postgresql"


def default_store() -> Path:
    """`$CUSTOMSTUDIO_STORE`, or `customstudio/store` among the user's data.

    Raises:
        UserError: the variable names a server.
    """
    from platformdirs import user_data_dir

    named = os.environ.get(STORE, "")
    if named.startswith(("https://", "http://")):
        raise UserError(
            "this needs a store's folder, not a server",
            where=f"{STORE}={named[:200]!a}",
            fix="give --store FOLDER, or look at the board in a browser",
        )
    return Path(named) if named else Path(user_data_dir("customstudio")) / "store"


def open_database(root: Path, address: str | None = None) -> Database:
    """The database of the store in a folder, with its tables.

    A folder belongs to one database: it holds `index.sqlite`, or `index.postgresql` with the
    identity of a database elsewhere, so that a store is never opened with another's.

    Args:
        root: the store's folder; it is there.
        address: of PostgreSQL; None: `$CUSTOMSTUDIO_DATABASE`, or SQLite in the folder.

    Raises:
        UserError: the folder belongs to another database.
    """
    address = address or os.environ.get(DATABASE) or None
    file, mark = root / SQLITE, root / POSTGRESQL
    with lock(root):
        if address is None:
            if mark.exists():
                raise _other("the store's index is in PostgreSQL", mark, f"give {DATABASE}")
            database = Database(file)
            database.create()
            return database
        if file.exists():
            raise _other("the store's index is a SQLite file", file, f"leave {DATABASE} out")
        database = Database(address)
        database.create()
        identity = f"{database.identity()}\n"
        if not mark.exists():
            write_text(mark, identity)
        elif mark.read_text(errors="replace") != identity:
            raise _other("the database is another store's", mark, f"give another {DATABASE}")
        return database


def _other(what: str, file: Path, fix: str) -> UserError:
    return UserError(what, where=str(file), fix=f"{fix}, or another folder")
