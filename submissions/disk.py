"""Folders that appear whole: written aside under a lock, synced, then renamed."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ABANDONED_SECONDS = 60
"""A staged folder that nobody holds is cleared after this long."""


@contextmanager
def staged(area: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """A synced folder with these files, to be renamed to its place; what stays is removed."""
    folder = Path(tempfile.mkdtemp(dir=area))
    try:
        with lock(folder):
            folder.chmod(0o755)
            for name, data in files.items():
                _write(folder / name, data)
            sync(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(area: Path) -> None:
    """Remove staged folders whose process is gone."""
    for folder in area.iterdir():
        try:
            if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                with lock(folder, wait=False):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # somebody is at work in it, or has just ended
            continue


@contextmanager
def lock(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder; the lock goes with the process, however it ends."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
