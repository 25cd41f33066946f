"""A submission as one zip file: packed the same every time, unpacked without trust."""

import io
import struct
import zipfile
from pathlib import Path

from customstudio.errors import UserError
from customstudio.submissions.contents import LIMITS, Contents, read_bounded
from customstudio.submissions.findings import shown
from customstudio.submissions.schema import FILES

MOST_BYTES = sum(LIMITS.values()) + 4096
_END = struct.Struct("<4s4H2LH")
_LOCAL = struct.Struct("<4s5H3L2H")
_TYPES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LINK_OR_WORSE = 0o170000


def pack(contents: Contents) -> bytes:
    """The zip of a submission: the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, contents.files[name])
    return buffer.getvalue()


def read_archive(path: Path) -> Contents:
    """Read a submission from a zip file.

    Raises:
        UserError: it cannot be read, or is not what `pack` writes.
    """
    try:
        return unpack(read_bounded(path, MOST_BYTES), place=str(path))
    except OSError as error:
        raise UserError(
            f"cannot read the submission: {error.strerror}",
            where=str(path),
            fix="give the .zip that `customstudio submit --save` wrote",
        ) from error


def unpack(data: bytes, place: str = "the archive") -> Contents:
    """The files of a zip; nothing is written, and no name of the archive decides a path.

    Only what `pack` writes is taken: five regular files of known names, one after another,
    without comments, encryption, zip64, or bytes before, between or after.

    Raises:
        UserError: anything else, before it is decompressed; more bytes than a file may have,
            while it is.
    """
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES:,} bytes")
        directory = _check_end(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            _check_places(data, entries, directory)
            return Contents({entry.filename: _read(archive, entry) for entry in entries})
    except Exception as error:  # zipfile and zlib raise many kinds for a damaged archive
        raise UserError(
            f"not the zip of a submission: {shown(error, 200)}",
            where=place,
            fix="pack it with `customstudio submit RUN --card card.toml --save FILE.zip`",
        ) from error


def _check_end(data: bytes) -> int:
    if len(data) < _END.size:
        raise ValueError("too short for a zip")
    end = _END.unpack(data[-_END.size :])
    mark, disk, first_disk, here, count, size, offset, comment = end
    if mark != b"PK\5\6" or comment or disk or first_disk:
        raise ValueError("it does not end as a plain zip does")
    if here != count or count != len(FILES):
        raise ValueError(f"{count} entries instead of {len(FILES)}")
    if offset + size + _END.size != len(data):
        raise ValueError("there are bytes that belong to no entry")
    return int(offset)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.orig_filename for entry in entries]
    if sorted(names) != sorted(FILES):
        raise ValueError(f"it holds {', '.join(map(shown, sorted(names)))}")
    for entry in entries:
        kind = (entry.external_attr >> 16) & _LINK_OR_WORSE
        if kind not in (0, 0o100000) or entry.flag_bits & ~0x806 or entry.is_dir():
            raise ValueError(f"{entry.filename} is not a plain file")
        if entry.compress_type not in _TYPES or entry.comment or entry.extra:
            raise ValueError(f"{entry.filename} is packed in an unusual way")
        if entry.file_size > LIMITS[entry.filename]:
            raise ValueError(f"{entry.filename} is larger than {LIMITS[entry.filename]:,} bytes")


def _check_places(data: bytes, entries: list[zipfile.ZipInfo], directory: int) -> None:
    at = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset != at:
            raise ValueError("entries overlap, or leave room between them")
        local = _LOCAL.unpack(data[at : at + _LOCAL.size])
        at += _LOCAL.size + local[-2] + local[-1] + entry.compress_size
    if at != directory:
        raise ValueError("entries overlap, or leave room between them")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    limit = LIMITS[entry.filename]
    with archive.open(entry) as file:
        data = file.read(limit + 1)
    if len(data) != entry.file_size:
        raise ValueError(f"{entry.filename} is not as large as it claims")
    return data
