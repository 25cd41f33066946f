"""What was fetched, as it was at first: `record.json` in the data folder, verified ever after.

No source of reference images publishes digests of them; so the first fetch records each file's
SHA-256, size and, by decoding it whole, its width and height.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from customstudio.errors import UserError
from customstudio.files import sha256_file, write_text
from customstudio.records import Record
from customstudio.suites.images import image_files, inspect

RECORD = "record.json"
State = Literal["ok", "changed", "missing", "unrecorded"]


class FileEntry(Record):
    """One image as it was when it came."""

    sha256: str
    bytes: int
    width: int
    height: int
    source: str
    """Id of the source, `local folder`, or `found in place`."""
    origin: str
    """Its address, its name in the archive, or its name in the local folder."""


class Inventory(Record):
    """`record.json`: every file by its path in the data folder, such as `refs/pet_cat/00.jpg`."""

    schema_version: Literal[1] = 1
    suite: str
    files: dict[str, FileEntry] = Field(default_factory=dict)
    archives: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each archive that was unpacked, by its address."""

    def with_files(self, files: Mapping[str, FileEntry]) -> "Inventory":
        """The same with some entries added or replaced."""
        return self.model_copy(update={"files": dict(sorted({**self.files, **files}.items()))})

    def of_subject(self, subject: str) -> dict[str, FileEntry]:
        """The entries of one subject's images."""
        start = f"refs/{subject}/"
        return {path: entry for path, entry in self.files.items() if path.startswith(start)}


def read_inventory(folder: Path, suite: str) -> Inventory:
    """The record in a data folder; an empty one where nothing was fetched yet.

    Raises:
        UserError: the file is damaged, or belongs to another suite.
    """
    path = folder / RECORD
    if not path.exists():
        return Inventory(suite=suite)
    try:
        inventory = Inventory.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(
            "the record of the fetched files cannot be read",
            where=str(path),
            fix="move it away and run `customstudio data fetch` again: it is written anew",
        ) from error
    if inventory.suite != suite:
        raise UserError(
            f"this folder holds the data of suite {inventory.suite!r}, not of {suite!r}",
            where=str(path),
            fix="set CUSTOMSTUDIO_DATA to another folder",
        )
    return inventory


def write_inventory(folder: Path, inventory: Inventory) -> None:
    """Write `record.json`, whole or not at all."""
    write_text(folder / RECORD, inventory.model_dump_json(indent=1) + "\n")


def describe(path: Path, source: str, origin: str) -> FileEntry:
    """What is to be recorded of an image.

    Raises:
        UserError: it is empty, not an image or cut off.
    """
    size = inspect(path)
    return FileEntry(
        sha256=sha256_file(path),
        bytes=path.stat().st_size,
        width=size.width,
        height=size.height,
        source=source,
        origin=origin,
    )


def state_of(folder: Path, path: str, inventory: Inventory) -> State:
    """How a file in the data folder compares to its record; reads the whole file."""
    entry, file = inventory.files.get(path), folder / path
    if not file.is_file():
        return "missing"
    if entry is None:
        return "unrecorded"
    same = file.stat().st_size == entry.bytes and sha256_file(file) == entry.sha256
    return "ok" if same else "changed"


def states(folder: Path, subjects: Iterable[str], inventory: Inventory) -> dict[str, State]:
    """The state of every recorded or present image and mask of the given subjects."""
    paths = set()
    for subject in subjects:
        for kind in ("refs", "masks"):
            start = f"{kind}/{subject}/"
            paths |= {path for path in inventory.files if path.startswith(start)}
            paths |= {start + image.name for image in image_files(folder / kind / subject)}
    return {path: state_of(folder, path, inventory) for path in sorted(paths)}
