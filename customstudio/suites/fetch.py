"""Fetch a suite's reference images into its data folder; what is whole is not fetched again."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from customstudio.errors import UserError
from customstudio.files import locked
from customstudio.suites.archive import extract, members
from customstudio.suites.declaration import Declaration, Source
from customstudio.suites.download import Advance, download
from customstudio.suites.images import image_files
from customstudio.suites.inventory import (
    FileEntry,
    Inventory,
    describe,
    read_inventory,
    state_of,
    write_inventory,
)
from customstudio.suites.local import Layout, copy_from
from customstudio.suites.schema import Subject, Suite

Progress = Callable[[str], Advance]
"""Told what is fetched now; gives the function that is told the bytes."""


def quiet(label: str) -> Advance:
    """Progress that is shown to nobody."""
    return lambda count: None


def fetch(
    suite: Suite,
    declaration: Declaration,
    folder: Path,
    *,
    local: Path | None = None,
    layout: Layout = "ids",
    progress: Progress = quiet,
) -> Inventory:
    """Fill `folder/refs` (and `folder/masks`) and keep `folder/record.json`.

    From the suite's own sources, or, with `local`, from a folder on this machine. Each file is
    decoded and recorded before it takes its place; one that was recorded before must come back
    the same. Images that a person put in place are recorded as they are found.

    Raises:
        UserError: a download fails, an image is broken, or a file is not the recorded one.
    """
    subjects = tuple(suite.subjects.values())
    if not subjects:
        raise UserError(
            f"suite {suite.name} publishes no subjects: there is nothing to fetch",
            where=f"suite {suite.name} ({suite.label})",
            fix="use your own images with --references DIR (see `customstudio suites show`)",
        )
    with locked(folder):
        inventory = read_inventory(folder, suite.name)
        if local is not None:
            return copy_from(local, folder, subjects, inventory, layout)
        inventory = _adopt(folder, subjects, inventory)
        for source in declaration.sources:
            mine = [
                subject
                for subject in subjects
                if subject.source_dataset == source.dataset
                and _may_come_from(source, subject.id, inventory)
            ]
            inventory = _fetch_source(source, mine, folder, inventory, progress)
        return inventory


def is_whole(folder: Path, subject: str, inventory: Inventory) -> bool:
    """Whether a subject has recorded images and all of them are unchanged."""
    entries = inventory.of_subject(subject)
    return bool(entries) and all(state_of(folder, path, inventory) == "ok" for path in entries)


def _may_come_from(source: Source, subject: str, inventory: Inventory) -> bool:
    # Images of two origins (a local copy at another size, the originals) never mix in a subject.
    return all(entry.source == source.id for entry in inventory.of_subject(subject).values())


def _fetch_source(
    source: Source,
    subjects: Sequence[Subject],
    folder: Path,
    inventory: Inventory,
    progress: Progress,
) -> Inventory:
    if source.kind == "files":
        for subject in subjects:
            inventory = _fetch_files(source, subject, folder, inventory, progress)
    lacking = [s for s in subjects if not is_whole(folder, s.id, inventory)]
    if source.kind == "zip" and lacking:
        inventory = _fetch_zip(source, lacking, folder, inventory, progress)
    return inventory


def _fetch_files(
    source: Source, subject: Subject, folder: Path, inventory: Inventory, progress: Progress
) -> Inventory:
    advance = progress(subject.id)
    for index in range(subject.n_images or 0):
        name = source.names.format(index=index)
        path = f"refs/{subject.id}/{name}"
        if state_of(folder, path, inventory) == "ok":
            continue
        url = source.url_of(subject.source_path, name)
        known = inventory.files.get(path)
        waiting = folder / "downloads" / f"{subject.id}-{name}"
        download(url, waiting, sha256=known.sha256 if known else None, advance=advance)
        inventory = _place(folder, {path: (waiting, url)}, source, inventory)
    return inventory


def _fetch_zip(
    source: Source,
    subjects: Sequence[Subject],
    folder: Path,
    inventory: Inventory,
    progress: Progress,
) -> Inventory:
    url = source.url_of()
    archive = folder / "downloads" / f"{source.id}.zip"
    if not archive.exists():
        digest = download(
            url, archive, sha256=inventory.archives.get(url), advance=progress(f"{source.id}.zip")
        )
        inventory = inventory.model_copy(update={"archives": {**inventory.archives, url: digest}})
        write_inventory(folder, inventory)
    listed = members(archive, [subject.source_path for subject in subjects])
    for subject in subjects:
        names = listed[subject.source_path]
        if not names:
            raise UserError(
                f"the archive has no images of {subject.id} (folder {subject.source_path})",
                where=str(archive),
                fix=f"compare with {source.home}; if the source has changed, please report it",
            )
        waiting = {}
        for index, name in enumerate(names):
            suffix = Path(name).suffix.lower()
            file = folder / "downloads" / f"{subject.id}-{index:02d}{suffix}"
            extract(archive, name, file)
            waiting[f"refs/{subject.id}/{index:02d}{suffix}"] = (file, name)
        inventory = _place(folder, waiting, source, inventory)
    archive.unlink()
    return inventory


def _place(
    folder: Path, waiting: dict[str, tuple[Path, str]], source: Source, inventory: Inventory
) -> Inventory:
    """Decode, record, then move into place: a file under `refs` is always a recorded one."""
    entries: dict[str, FileEntry] = {}
    for path, (file, origin) in waiting.items():
        entries[path] = describe(file, source.id, origin)
        known = inventory.files.get(path)
        if known is not None and known.sha256 != entries[path].sha256:
            raise UserError(
                "the source has another image now than at the first fetch",
                where=f"{folder / path}, from {origin}",
                fix="set CUSTOMSTUDIO_DATA to a new folder: scores with it are another series",
            )
    inventory = inventory.with_files(entries)
    write_inventory(folder, inventory)
    for path, (file, _) in waiting.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, folder / path)
    return inventory


def _adopt(folder: Path, subjects: Sequence[Subject], inventory: Inventory) -> Inventory:
    """Record images that a person put into the data folder."""
    found = {}
    for subject in subjects:
        for image in image_files(folder / "refs" / subject.id):
            path = f"refs/{subject.id}/{image.name}"
            if path not in inventory.files:
                found[path] = describe(image, "found in place", image.name)
    if found:
        inventory = inventory.with_files(found)
        write_inventory(folder, inventory)
    return inventory
