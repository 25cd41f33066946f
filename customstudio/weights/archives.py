"""Take one named file out of a zip archive, and nothing else."""

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from customstudio.errors import UserError
from customstudio.files import replacing

LIMIT = 2 * 2**30
"""Bytes that a member may have unpacked: beyond it is a bomb, not a network."""


def extract(archive: Path, member: str, path: Path) -> None:
    """Write the archive's member of that file name to `path`; names inside decide no path.

    The member may lie in a folder of the archive; exactly one must bear the name.

    Raises:
        UserError: not a zip archive, damaged, no such member or several, encrypted, too large.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [
                info
                for info in opened.infolist()
                if PurePosixPath(info.filename).name == member and not info.is_dir()
            ]
            if len(found) != 1:
                raise _bad(archive, f"it holds {len(found)} files named {member}")
            if found[0].file_size > LIMIT:
                raise _bad(archive, f"{member} would be {found[0].file_size:,} bytes")
            with opened.open(found[0]) as source, replacing(path) as target:
                shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _bad(archive, str(error)) from error


def _bad(archive: Path, why: str) -> UserError:
    return UserError(
        f"cannot unpack the archive: {why}",
        where=str(archive),
        fix="remove it and run `customstudio weights fetch` again",
    )
