"""Take reference images from a folder on this machine: checked first, then copied."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from customstudio.errors import UserError, raise_all
from customstudio.files import sha256_file, write_bytes
from customstudio.suites.images import image_files, natural_order
from customstudio.suites.inventory import (
    FileEntry,
    Inventory,
    describe,
    state_of,
    write_inventory,
)
from customstudio.suites.schema import Subject

Layout = Literal["ids", "source"]
"""Folders named by subject id (`pet_cat/`), or as in the source (`dataset/cat/`)."""


class Copy(NamedTuple):
    """One file to copy: from where, to which path in the data folder, and what it is."""

    file: Path
    to: str
    entry: FileEntry


def copy_from(
    local: Path, folder: Path, subjects: Iterable[Subject], inventory: Inventory, layout: Layout
) -> Inventory:
    """Copy what a local folder has of the subjects' images, and the masks beside it.

    Everything is read and checked before the first file is written. Files that are there already
    are left alone.

    Args:
        local: with one folder a subject; masks in `<local>/../masks/<subject>/<same stem>.png`.
        folder: the data folder.

    Raises:
        UserError: no such folder, none of the subjects in it, unreadable images, or another image
            is in the data folder under the same name.
    """
    if not local.is_dir():
        raise UserError("no such folder", where=str(local), fix="check --from")
    plan, problems = _plan(local, folder, subjects, inventory, layout)
    raise_all(problems)
    for copy in plan:
        if state_of(folder, copy.to, inventory) != "ok":
            write_bytes(folder / copy.to, copy.file.read_bytes())
    inventory = inventory.with_files({copy.to: copy.entry for copy in plan})
    write_inventory(folder, inventory)
    return inventory


def _plan(
    local: Path, folder: Path, subjects: Iterable[Subject], inventory: Inventory, layout: Layout
) -> tuple[list[Copy], list[UserError]]:
    plan: list[Copy] = []
    problems: list[UserError] = []
    named = []
    for subject in subjects:
        name = subject.id if layout == "ids" else subject.source_path
        named.append(name)
        for file, to in _files(local, name, subject.id, layout):
            try:
                copy = Copy(file, to, describe(file, "local folder", f"{name}/{file.name}"))
                _check_conflict(folder, copy, inventory)
                plan.append(copy)
            except UserError as problem:
                problems.append(problem)
    if not plan and not problems:
        raise UserError(
            "none of the suite's subjects is in this folder",
            where=str(local),
            fix=f"it should hold folders such as {named[0]}/ (--layout {layout})"
            if named
            else "the suite publishes no subjects",
        )
    return plan, problems


def _files(local: Path, name: str, subject: str, layout: Layout) -> list[tuple[Path, str]]:
    """The image files of a subject and their masks, with their paths in the data folder."""
    images = sorted(image_files(local / name), key=natural_order)
    found = []
    for index, image in enumerate(images):
        stem = image.stem if layout == "ids" else f"{index:02d}"
        found.append((image, f"refs/{subject}/{stem}{image.suffix.lower()}"))
        mask = local.resolve().parent / "masks" / subject / f"{image.stem}.png"
        if layout == "ids" and mask.is_file():
            found.append((mask, f"masks/{subject}/{stem}.png"))
    return found


def _check_conflict(folder: Path, copy: Copy, inventory: Inventory) -> None:
    known, there = inventory.files.get(copy.to), folder / copy.to
    if known is not None:
        digest, origin = known.sha256, known.source
    elif there.is_file():
        digest, origin = sha256_file(there), "an unrecorded file"
    else:
        return
    if digest != copy.entry.sha256:
        raise UserError(
            "the data folder has another image of this name",
            where=f"{copy.file}, against {there} ({origin})",
            fix="set CUSTOMSTUDIO_DATA to another folder: references of two origins never mix",
        )
