"""Get one file over HTTP, resuming what an earlier try left, or from the Hugging Face hub."""

import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from typing import IO

from customstudio.errors import UserError
from customstudio.files import replacing, sha256_file
from customstudio.weights.networks import WeightFile

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and the bytes in all, where those are known."""
_CHUNK = 1 << 20
_SECONDS = 60.0
_NOTHING_LEFT = 416


def offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def address(file: WeightFile) -> str:
    """The URL of a file that comes over HTTP; torchvision's own are asked of torchvision."""
    if file.torchvision:
        module, _, name = file.torchvision.partition(":")
        enum, _, member = name.partition(".")
        return str(getattr(getattr(import_module(module), enum), member).url)
    if file.url is None:
        raise UserError(
            "this file is generated, not fetched",
            where=file.name,
            fix="customstudio weights random --toy --to DIR",
        )
    return file.url


def over_http(url: str, path: Path, progress: Progress) -> None:
    """Fetch `url` into `path`, whole or not at all; a partial file beside it is resumed.

    Raises:
        UserError: offline, not http(s), refused by the server, or cut off (run again to resume).
    """
    if offline():
        raise _offline(url)
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UserError("not an http(s) address", where=url, fix="correct the manifest")
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    tag = part.with_name(f"{part.name}.etag")
    try:
        total = _resume(url, part, tag, progress)
    except (OSError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == _NOTHING_LEFT:
            part.unlink()  # the source changed under its tag: begin anew next time
        raise _unreachable(url, str(error)) from error
    if total is not None and part.stat().st_size != total:
        raise _unreachable(url, f"cut off after {part.stat().st_size:,} of {total:,} bytes")
    os.replace(part, path)
    tag.unlink(missing_ok=True)


def _resume(url: str, part: Path, tag: Path, progress: Progress) -> int | None:
    """Append what is missing of a partial file, or begin it; the size in all, where it is told."""
    headers = {"User-Agent": "customstudio"}
    have = part.stat().st_size if part.exists() else 0
    if have and tag.exists() and tag.read_text():
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text()}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        have = have if answer.status == 206 else 0
        tag.write_text(answer.headers.get("ETag") or "")
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            _copy(answer, file, have, total, progress)
    return total


def from_hub(file: WeightFile, path: Path) -> str:
    """Fetch a file of the hub through huggingface_hub's own cache into `path`; its origin.

    Raises:
        UserError: offline and not in the cache, refused, or damaged on the way.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repo = str(file.hub)
    try:
        cached = Path(hf_hub_download(repo, file.path + file.name, revision=file.revision))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        if offline():
            raise _offline(f"{repo}/{file.name}") from error
        raise _unreachable(f"{repo}/{file.name}", str(error).splitlines()[0]) from error
    blob = cached.resolve()
    # The hub names a large file's blob by the SHA-256 that its server states.
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and sha256_file(blob) != blob.name:
        raise UserError(
            "a damaged file in the hub's cache: its SHA-256 is not the one the hub states",
            where=str(blob),
            fix="remove it and run the same command again",
        )
    _place(blob, path)
    return f"{repo}@{cached.parents[file.path.count('/')].name}"


def _place(blob: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(blob, part)  # one copy on disk where both are on one file system
        os.replace(part, path)
    except OSError:
        with blob.open("rb") as source, replacing(path) as target:
            shutil.copyfileobj(source, target, _CHUNK)


def _copy(
    source: IO[bytes], target: IO[bytes], have: int, total: int | None, progress: Progress
) -> None:
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        have += len(chunk)
        progress(have, total)


def _offline(where: str) -> UserError:
    return UserError(
        "HF_HUB_OFFLINE is set, so nothing is fetched",
        where=where,
        fix="unset it, or copy the file from a machine that has it and point --weights-dir there",
    )


def _unreachable(where: str, why: str) -> UserError:
    return UserError(
        f"cannot fetch: {why}", where=where, fix="check the network and run the same command again"
    )
