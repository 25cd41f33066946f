"""Take the images of a few folders out of a zip; what else it holds is never written anywhere."""

import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from customstudio.errors import UserError
from customstudio.files import replacing
from customstudio.suites.images import IMAGE_SUFFIXES, natural_order

MEMBER_LIMIT = 64 << 20
"""Bytes that one image may have when unpacked; more is not a photo but an attack."""


def members(archive: Path, folders: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names of the images that lie directly in each of the folders, in natural order.

    Links, hidden files and names that climb out of the archive (`..`, absolute) are left out.

    Raises:
        UserError: the file is not a zip.
    """
    found: dict[str, list[str]] = {folder: [] for folder in folders}
    with _opened(archive) as content:
        for info in content.infolist():
            path = PurePosixPath(info.filename)
            if stat.S_ISLNK(info.external_attr >> 16) or path.name.startswith("."):
                continue
            if path.suffix.lower() in IMAGE_SUFFIXES and str(path.parent) in found:
                found[str(path.parent)].append(info.filename)
    return {
        folder: tuple(sorted(names, key=lambda name: natural_order(Path(name))))
        for folder, names in found.items()
    }


def extract(archive: Path, name: str, to: Path) -> None:
    """Write one member into the file `to`: the name inside the archive never becomes a path.

    Raises:
        UserError: it is larger than an image may be, or damaged (its CRC does not fit).
    """
    with _opened(archive) as content, replacing(to) as file:
        try:
            with content.open(name) as member:
                file.write(_limited(member, f"{archive}: {name}"))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _damaged(f"{archive}: {name}", archive, error) from error


def _limited(member: IO[bytes], where: str) -> bytes:
    content = member.read(MEMBER_LIMIT + 1)
    if len(content) > MEMBER_LIMIT:
        raise UserError(
            f"an image of more than {MEMBER_LIMIT >> 20} MB",
            where=where,
            fix="this archive is not the expected one: delete it and fetch it from its source",
        )
    return content


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(str(archive), archive, error) from error


def _damaged(where: str, archive: Path, error: Exception) -> UserError:
    return UserError(
        f"the archive cannot be unpacked: {error}",
        where=where,
        fix=f"delete {archive} and run the same command again",
    )
