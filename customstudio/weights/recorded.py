"""`recorded.json`: what the first fetch of each file saw, where its publisher states no digest."""

import json
from pathlib import Path

from pydantic import ValidationError

from customstudio.errors import UserError
from customstudio.files import write_text
from customstudio.records import Record


class Recorded(Record):
    """One fetched file."""

    sha256: str
    bytes: int
    origin: str
    """Address, or repository and commit, that it came from."""
    fetched: str
    """Time, UTC, ISO 8601."""


def read_recorded(directory: Path) -> dict[str, Recorded]:
    """`NETWORK/FILE` -> what was recorded; empty where nothing was.

    Raises:
        UserError: the file is damaged.
    """
    path = directory / "recorded.json"
    try:
        rows = json.loads(path.read_text())
        return {key: Recorded.model_validate(row) for key, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, ValidationError) as error:
        raise UserError(
            "the record of fetched weights is damaged",
            where=str(path),
            fix="remove it and run `customstudio weights fetch` again",
        ) from error


def record(directory: Path, key: str, row: Recorded) -> None:
    """Add a file to `recorded.json`."""
    rows = {**read_recorded(directory), key: row}
    text = json.dumps({k: r.model_dump() for k, r in sorted(rows.items())}, indent=2)
    write_text(directory / "recorded.json", text + "\n")
