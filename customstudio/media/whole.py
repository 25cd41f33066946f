"""Walks the outer boxes of a container, to tell a whole file from one that was cut short.

The demuxers hide a cut: most of them play what is there. A video that is silently shorter than
its author's would get a score, so the boxes' own sizes are held against the file's.
"""

from collections.abc import Callable

from customstudio.media.boxes import check_boxes
from customstudio.media.limits import Limits, MediaError
from customstudio.media.local import LocalFile
from customstudio.media.sniff import Kind

_SEGMENT = b"\x18\x53\x80\x67"


def check_whole(file: LocalFile, kind: Kind, limits: Limits) -> None:
    """Return when every outer box of the file ends inside it.

    Raises:
        MediaError: the file is cut short, unfinished, or its boxes make no sense.
    """
    _WALKS[kind](file, limits)
    file.seek(0)


def webp_durations(file: LocalFile) -> list[int]:
    """Milliseconds that each frame of a webp is declared to be shown; none for a still image.

    Raises:
        MediaError: it is cut short.
    """
    durations: list[int] = []
    at, end = 12, min(file.size, 8 + file.little(4, 4))
    while at + 8 <= end:
        name, size = file.at(at, 4), file.little(at + 4, 4)
        if at + 8 + size > end:
            raise MediaError("cut short: it ends inside a frame")
        if name == b"ANMF":
            durations.append(file.little(at + 20, 3))
        at += 8 + size + size % 2
    return durations


def _matroska(file: LocalFile, limits: Limits) -> None:
    at = 0
    while at < file.size:
        width = _ebml_width(file, at)
        name, at = file.at(at, width), at + width
        width = _ebml_width(file, at)
        # A size of all ones is a live recording's: its end is not declared anywhere.
        largest = (1 << 7 * width) - 1
        size, at = file.big(at, width) & largest, at + width
        if name == _SEGMENT:
            if size != largest and at + size > file.size:
                raise MediaError(
                    f"cut short: {at + size:,} bytes are declared, {file.size:,} are here"
                )
            return
        at += size
    raise MediaError("corrupt or cut short: no Matroska segment follows the header")


def _ebml_width(file: LocalFile, at: int) -> int:
    """Bytes of the variable-length number at `at` (RFC 8794, section 4)."""
    width = 9 - file.at(at, 1)[0].bit_length()
    if width > 8:
        raise MediaError(f"corrupt: no element begins at byte {at:,}")
    return width


def _riff(file: LocalFile, limits: Limits) -> None:
    at = 0
    while at + 12 <= file.size and file.at(at, 4) == b"RIFF":
        size = file.little(at + 4, 4)
        if size in (0, 0xFFFFFFFF):
            raise MediaError("unfinished: the writer never stored its length")
        if at + 8 + size > file.size:
            raise MediaError(
                f"cut short: {at + 8 + size:,} bytes are declared, {file.size:,} are here"
            )
        at += 8 + size + size % 2


def _gif(file: LocalFile, limits: Limits) -> None:
    width, height, flags = file.little(6, 2), file.little(8, 2), file.at(10, 1)[0]
    if width * height > limits.pixels:
        raise MediaError(f"frames of {width}x{height}, above the limit of {limits.pixels:,} pixels")
    at = 13 + _palette_bytes(flags)
    while True:
        mark = file.at(at, 1)
        if mark == b";":
            return
        if mark == b"!":
            at = _skip_blocks(file, at + 2)
        elif mark == b",":
            at = _skip_blocks(file, at + 11 + _palette_bytes(file.at(at + 9, 1)[0]))
        else:
            raise MediaError(f"corrupt: no GIF block begins at byte {at}")


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(file: LocalFile, at: int) -> int:
    while size := file.at(at, 1)[0]:
        at += 1 + size
    return at + 1


_WALKS: dict[Kind, Callable[[LocalFile, Limits], None]] = {
    "mov": lambda file, limits: check_boxes(file),
    "matroska": _matroska,
    "avi": _riff,
    "gif": _gif,
    "webp": _riff,
}
