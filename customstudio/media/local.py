"""Opens regular files of this machine, and nothing else."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from customstudio.media.limits import Clock, Limits, MediaError

_WINDOW = 1 << 16
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class LocalFile(io.RawIOBase):
    """A regular file whose every read looks at the clock.

    The decoders get this object and never a path, so that no name, playlist or reference inside
    a file can be turned into another file or an address.
    """

    def __init__(self, handle: int, size: int, clock: Clock) -> None:
        self._file = os.fdopen(handle, "rb", buffering=0)
        self.size, self.clock = size, clock
        self._window, self._start = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        self.clock.check()
        return self._file.readinto(buffer)

    def read(self, size: int = -1) -> bytes:
        self.clock.check()
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`, through a small window, wherever the file was being read.

        Raises:
            MediaError: the file ends before them.
        """
        first = offset - self._start
        if first < 0 or first + count > len(self._window):
            self.seek(offset)
            self._window, self._start, first = self.read(max(count, _WINDOW)), offset, 0
        if first + count > len(self._window):
            raise MediaError(f"cut short: it ends at byte {self.size:,}, inside a box")
        return self._window[first : first + count]

    def little(self, offset: int, count: int) -> int:
        """The little-endian number of `count` bytes at `offset`."""
        return int.from_bytes(self.at(offset, count), "little")

    def big(self, offset: int, count: int) -> int:
        """The big-endian number of `count` bytes at `offset`."""
        return int.from_bytes(self.at(offset, count), "big")

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_local(path: Path, limits: Limits, clock: Clock) -> Iterator[LocalFile]:
    """Open a regular, non-empty file within the size limit; symbolic links are followed.

    Raises:
        MediaError: it is missing, unreadable, empty, too large or not a regular file.
    """
    try:
        # Looked at before it is opened, since opening a device may act on it, and again after.
        _refuse_irregular(os.stat(path).st_mode)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        _refuse_unopened(error)
    status = os.fstat(handle)
    with LocalFile(handle, status.st_size, clock) as file:
        _refuse_irregular(status.st_mode)
        if status.st_size == 0:
            raise MediaError("the file is empty (0 bytes)")
        if status.st_size > limits.bytes:
            raise MediaError(f"{status.st_size:,} bytes, more than the limit of {limits.bytes:,}")
        yield file


def is_folder(path: Path) -> bool:
    """Whether a path is an existing folder.

    Raises:
        MediaError: there is nothing, or it cannot be looked at.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        _refuse_unopened(error)


def _refuse_unopened(error: OSError | ValueError) -> NoReturn:
    """Turn what the system says of a path into a reason."""
    if not isinstance(error, OSError):
        raise MediaError("the path holds a character that no file name can have") from error
    if error.errno == errno.ELOOP:
        raise MediaError("symbolic links that lead in a circle") from error
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        raise MediaError("no such file") from error
    raise MediaError(f"cannot be opened: {error.strerror}") from error


def _refuse_irregular(mode: int) -> None:
    for test, name in _KINDS:
        if test(mode):
            raise MediaError(f"{name}, not a file")
