"""Download a file by HTTP: resumed where it broke off, verified, and whole or not there at all."""

import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from customstudio.errors import UserError
from customstudio.files import sha256_file, write_text

Advance = Callable[[int], None]
"""Told the number of bytes that are there, after each piece."""

ATTEMPTS = 4
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
PIECE = 1 << 20
_BROKEN = (OSError, http.client.HTTPException)


def download(
    url: str,
    to: Path,
    *,
    sha256: str | None = None,
    advance: Advance = lambda count: None,
    pause: float = 1.0,
) -> str:
    """Fetch `url` into the file `to` and return its SHA-256.

    What has arrived waits in `<to>.part`; the next call goes on from there as long as the server
    still has the same file (its ETag or date says so). `to` appears only when it is complete.

    Args:
        sha256: the digest it must have, in hex, where one is known.
        pause: seconds before the second attempt, doubled for each further one.

    Raises:
        UserError: the server refuses, the connection keeps breaking, the disk is full, or the
            digest is another one (what arrived is then deleted).
    """
    part = to.with_name(to.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _continue(url, part, advance)
            break
        except _BROKEN as error:
            _raise_if_final(url, part, error, attempt)
            time.sleep(pause * 2 ** (attempt - 1))
    found = sha256_file(part)
    if sha256 is not None and found != sha256:
        _forget(part)
        raise UserError(
            "the download is not the expected file: its SHA-256 is another one",
            where=f"{url}: {found}, expected {sha256}",
            fix="run the command again; if it persists, the source has changed: please report it",
        )
    os.replace(part, to)
    _forget(part)
    return found


def _continue(url: str, part: Path, advance: Advance) -> None:
    """Fetch the rest of a file into `part`; raises what broke the connection."""
    have, validator, total = _progress(part)
    if total is not None and have == total:
        return  # complete, but a kill came before the rename
    headers = {"Range": f"bytes={have}-", "If-Range": validator} if have and validator else {}
    try:
        response = _open(url, headers)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # The part is as long as the file or longer: only a fresh start tells which.
        _forget(part)
        response = _open(url, {})
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        start = have if resumed else 0
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            _forget(part)
            raise http.client.HTTPException("the server sent another range than the one asked for")
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        # Without a length nothing can be checked here; the digest or the decoder is the judge.
        length = response.headers.get("Content-Length")
        expected = start + int(length) if length else None
        if not resumed:
            part.unlink(missing_ok=True)
            note = {"url": url, "validator": validator, "bytes": expected}
            write_text(_note(part), json.dumps(note))
        _receive(response, part, start, advance)
    if expected is not None and part.stat().st_size < expected:
        raise ConnectionError(f"{part.stat().st_size} of {expected} bytes arrived")


def _receive(response: IO[bytes], part: Path, start: int, advance: Advance) -> None:
    # Not through `replacing`: these bytes must outlive a broken run.
    with _writing(part):
        file = part.open("r+b" if start else "wb", buffering=0)
    with file:
        with _writing(part):
            file.truncate(start)
            file.seek(start)
        while piece := response.read(PIECE):
            rest = memoryview(piece)
            with _writing(part):
                while rest:
                    rest = rest[file.write(rest) :]
            advance(file.tell())
        with _writing(part):
            os.fsync(file.fileno())


@contextmanager
def _writing(part: Path) -> Iterator[None]:
    """Tell the disk's errors from the connection's: both are OSErrors."""
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(part.parent).free >> 20
        raise UserError(
            f"cannot write: {error.strerror}",
            where=f"{part} ({free:,} MB are free)",
            fix="make room or check the folder's rights, then run the same command again",
        ) from error


def _open(url: str, headers: dict[str, str]) -> Any:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"not an HTTP address: {url}")
    agent = {"User-Agent": "customstudio", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | headers)
    return urllib.request.urlopen(request, timeout=TIMEOUT)


def _progress(part: Path) -> tuple[int, str | None, int | None]:
    """Bytes that are there; the ETag or date of the file that they are of; its size."""
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        return part.stat().st_size, note["validator"], note["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None, None


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _raise_if_final(url: str, part: Path, error: Exception, attempt: int) -> None:
    """Turn what will not get better into a UserError; return where another attempt may help."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code < 500 and error.code not in (408, 429):
            raise UserError(
                f"the server refuses: {error.code} {error.reason}",
                where=url,
                fix="open the address in a browser; if the file has moved, please report it",
            ) from error
    if attempt == ATTEMPTS:
        have = part.stat().st_size if part.exists() else 0
        raise UserError(
            f"the download failed {ATTEMPTS} times: {error}",
            where=f"{url} ({have:,} bytes are kept)",
            fix="check the network and run the same command again: it goes on from there",
        ) from error
