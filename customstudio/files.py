"""Files that are whole or not there: temporary file, fsync, rename; and a lock on a folder."""

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from customstudio.errors import UserError


def cache_folder() -> Path:
    """`$CUSTOMSTUDIO_CACHE`, or the user's cache folder: what may be lost and is made again."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("CUSTOMSTUDIO_CACHE") or user_cache_dir("customstudio"))


@contextmanager
def replacing(path: Path, *, keep: bool = False) -> Iterator[IO[bytes]]:
    """A file to write that becomes `path` at the end, or nothing at all if writing fails.

    Args:
        keep: a file that is there at the end, whoever wrote it meanwhile, stays.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp's 0600 would hide results from the rest of a group
        if keep:
            _link(name, path)
        else:
            os.replace(name, path)
        _fsync_folder(path.parent)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str, *, keep: bool = False) -> None:
    """Write a UTF-8 text whole or not at all; `keep` as for `replacing`."""
    with replacing(path, keep=keep) as file:
        file.write(text.encode())


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the lock goes with the process, however it ends.

    Raises:
        UserError: another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                "another run is writing into this folder",
                where=str(folder),
                fix="wait for it to end, or give another folder",
            ) from error
        except OSError as error:
            raise UserError(
                f"the file system cannot lock a folder: {error.strerror}",
                where=str(folder),
                fix="use a folder of another file system (Lustre: one that is mounted with flock)",
            ) from error
        yield
    finally:
        os.close(handle)


def _link(name: str, path: Path) -> None:
    """Give a file its name unless another has it: of two writers, one can."""
    try:
        os.link(name, path)
    except OSError:
        with locked(path.parent):  # where there are no hard links
            if not path.exists():
                os.replace(name, path)
                return
    os.unlink(name)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> UserError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return UserError(
        "the disk is full" if full else f"cannot write: {error.strerror}",
        where=str(path),
        fix="free some space and run the same command again: finished work is kept"
        if full
        else "check that the folder exists and that you may write there",
    )
