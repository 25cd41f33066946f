"""Walks the boxes of the mp4 and QuickTime family before FFmpeg does.

Two things FFmpeg lets pass: a file that ends before its boxes do, and a few bytes that declare
hundreds of millions of samples, for each of which it allocates an entry of its index.
ISO/IEC 14496-12, sections 4.2, 8.7.3 (stsz) and 8.8.8 (trun).
"""

from collections.abc import Iterator

from customstudio.media.limits import MediaError
from customstudio.media.local import LocalFile

MAX_SAMPLES = 10_000_000
"""Samples that all tables together may declare: 400 MB of FFmpeg's index."""

_FOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})


def check_boxes(file: LocalFile) -> None:
    """Return when every box ends inside the file, and its tables are of a sane length.

    Raises:
        MediaError: it is cut short, unfinished, corrupt, or declares too many samples.
    """
    names, samples = set(), 0
    for name, at in _boxes(file, 0, file.size, depth=0):
        names.add(name)
        if name == b"cmov":
            raise MediaError("its index is compressed (cmov), which is not accepted")
        samples += _samples(file, name, at)
        if samples > MAX_SAMPLES:
            raise MediaError(f"more than {MAX_SAMPLES:,} samples are declared")
    if b"moov" not in names:
        raise MediaError("cut short or unfinished: it has no index (moov)")


def _boxes(file: LocalFile, at: int, end: int, depth: int) -> Iterator[tuple[bytes, int]]:
    while at + 8 <= end:
        file.clock.check()
        size, name, body = file.big(at, 4), file.at(at + 4, 4), at + 8
        if size == 1:
            size, body = file.big(at + 8, 8), at + 16
        elif size == 0:
            if depth:
                return  # QuickTime ends some lists with a zero
            size = end - at
        if size < body - at:
            raise MediaError(f"corrupt: a box of {size} bytes at byte {at:,}")
        if at + size > end:
            raise MediaError(f"cut short: {at + size:,} bytes are declared, {end:,} are here")
        yield name, body
        if name in _FOLDERS and depth < 8:
            yield from _boxes(file, body, at + size, depth + 1)
        at += size


def _samples(file: LocalFile, name: bytes, at: int) -> int:
    if name == b"stsz":
        # Samples of different sizes are listed one by one, so the file's length bounds them.
        return file.big(at + 8, 4) if file.big(at + 4, 4) else 0
    if name == b"trun":
        return file.big(at + 4, 4)
    return 0
