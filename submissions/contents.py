"""The five files of a submission as bytes: read from a folder, sealed and named by a manifest."""

import hashlib
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from customstudio.errors import UserError
from customstudio.submissions.findings import Finding, first_of
from customstudio.submissions.schema import ENV, FILES, MANIFEST, SCORES, SUBMISSION, VIDEOS

LIMITS = {
    SUBMISSION: 512 * 2**10,
    SCORES: 8 * 2**20,
    VIDEOS: 4 * 2**20,
    ENV: 16 * 2**10,
    MANIFEST: 4 * 2**10,
}
"""Most bytes of each file; a full submission to the suite has about 400 kB in all."""
_LISTED = tuple(sorted(name for name in FILES if name != MANIFEST))


@dataclass(frozen=True)
class Contents:
    """The files of one submission, by name; nothing has been checked but names and sizes."""

    files: Mapping[str, bytes]

    @property
    def id(self) -> str:
        """SHA-256 of the manifest, and so of everything; empty where there is no manifest."""
        data = self.files.get(MANIFEST)
        return hashlib.sha256(data).hexdigest() if data is not None else ""

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(map(len, self.files.values()))


def sealed(files: Mapping[str, bytes]) -> Contents:
    """The submission made of these four files, with its manifest."""
    return Contents({**files, MANIFEST: manifest_text(files).encode()})


def manifest_text(files: Mapping[str, bytes]) -> str:
    """The one text of the manifest: the format of `sha256sum`, sorted by name."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in _LISTED]
    return "".join(lines)


def check_contents(contents: Contents) -> list[Finding]:
    """Whether the five files are there, small enough, and those that the manifest names."""
    missing = [name for name in FILES if name not in contents.files]
    if missing:
        return [Finding(place=", ".join(missing), what="missing from the submission", fix=_REBUILD)]
    findings = [
        Finding(place=name, what=f"larger than {limit:,} bytes", fix=_REBUILD)
        for name, limit in LIMITS.items()
        if len(contents.files[name]) > limit
    ]
    others = sorted(set(contents.files) - set(FILES))
    if others:
        findings.append(
            Finding(
                place=first_of(others),
                what="not a file of a submission",
                fix=f"send exactly these: {', '.join(FILES)}",
            )
        )
    if contents.files[MANIFEST] != manifest_text(contents.files).encode():
        what = "the SHA-256 in it are not those of the files"
        findings.append(Finding(place=MANIFEST, what=what, fix=_REBUILD))
    return findings


def read_folder(folder: Path, *, beside: Collection[str] = ()) -> Contents:
    """Read a submission's folder; links, pipes and other files are refused, not followed.

    Files whose names are in `beside` may be there, and are not read.

    Raises:
        UserError: not a folder, or it holds anything but the five files.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(
            f"cannot read the submission: {error.strerror}",
            where=str(folder),
            fix="give the folder, or the .zip, that `customstudio submit --save` wrote",
        ) from error
    names = [name for name in names if name not in beside]
    others = [name for name in names if name not in FILES]
    if others:
        raise UserError(
            "not a submission: it holds other files",
            where=f"{folder}: {first_of(others)}",
            fix=f"give a folder with exactly these: {', '.join(FILES)}",
        )
    return Contents({name: read_bounded(folder / name, LIMITS[name]) for name in names})


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a regular file that is no link and not larger than `limit`.

    Raises:
        UserError: it is something else, or larger.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(path, error.strerror or "cannot be opened") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refused(path, "not a regular file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _refused(path, f"larger than {limit:,} bytes")
    return data


def _refused(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), fix=_REBUILD)


_REBUILD = "build the submission again with `customstudio submit`"
