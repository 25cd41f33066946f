"""Downloads against a server on this machine: resumed, verified, never half-written."""

import hashlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from customstudio.errors import UserError
from customstudio.suites.download import download

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_whole_at_once(web: Any, tmp_path: Path) -> None:
    web.files["/a.zip"] = CONTENT
    seen: list[int] = []
    to = tmp_path / "deep" / "a.zip"
    assert download(f"{web.url}/a.zip", to, sha256=DIGEST, advance=seen.append) == DIGEST
    assert to.read_bytes() == CONTENT
    assert seen[-1] == len(CONTENT)
    assert names(to.parent) == ["a.zip"]


def test_goes_on_within_one_call(web: Any, tmp_path: Path) -> None:
    web.files["/a"], web.cuts["/a"] = CONTENT, [300_000, 200_000]
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST
    assert web.ranges == [("/a", None), ("/a", "bytes=300000-"), ("/a", "bytes=500000-")]


def test_goes_on_in_the_next_call(web: Any, tmp_path: Path) -> None:
    web.files["/a"], web.cuts["/a"] = CONTENT, [100_000, 0, 0, 0]
    with pytest.raises(UserError, match="failed 4 times") as caught:
        download(f"{web.url}/a", tmp_path / "a", pause=0)
    assert "100,000 bytes are kept" in caught.value.where
    assert names(tmp_path) == ["a.part", "a.part.json"]
    web.ranges.clear()
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST
    assert web.ranges == [("/a", "bytes=100000-")]
    assert names(tmp_path) == ["a"]


def test_starts_again_when_the_file_has_changed(web: Any, tmp_path: Path) -> None:
    web.files["/a"], web.cuts["/a"] = b"old" * 90_000, [1000, 0, 0, 0]
    with pytest.raises(UserError):
        download(f"{web.url}/a", tmp_path / "a", pause=0)
    web.files["/a"], web.etag = CONTENT, '"v2"'
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_part_that_is_whole_or_too_long(web: Any, tmp_path: Path, extra: bytes) -> None:
    web.files["/a"] = CONTENT
    (tmp_path / "a.part").write_bytes(CONTENT + extra)
    size = len(CONTENT)
    (tmp_path / "a.part.json").write_text(f'{{"validator": "\\"v1\\"", "bytes": {size}}}')
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST
    assert len(web.ranges) == (2 if extra else 0)


def test_part_without_its_note_is_not_trusted(web: Any, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    (tmp_path / "a.part").write_bytes(b"something else")
    assert download(f"{web.url}/a", tmp_path / "a") == DIGEST
    assert web.ranges == [("/a", None)]


def test_wrong_digest_is_refused_and_leaves_nothing(web: Any, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    with pytest.raises(UserError, match="not the expected file") as caught:
        download(f"{web.url}/a", tmp_path / "a", sha256="0" * 64)
    assert DIGEST in caught.value.where
    assert names(tmp_path) == []


def test_refusal_is_final(web: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the server refuses: 404"):
        download(f"{web.url}/nothing", tmp_path / "a", pause=0)
    assert len(web.ranges) == 1
    assert names(tmp_path) == []


def test_busy_server_is_asked_again(web: Any, tmp_path: Path) -> None:
    web.files["/a"], web.status["/a"] = CONTENT, [503, 429]
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST
    assert len(web.ranges) == 3


def test_only_http(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not an HTTP address"):
        download("file:///etc/hosts", tmp_path / "a", pause=0)


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Sets the size that no file may exceed: the system refuses the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_keeps_what_is_there(
    web: Any, tmp_path: Path, limit: Callable[[int], None]
) -> None:
    web.files["/a"] = CONTENT
    limit(60_000)
    with pytest.raises(UserError, match="cannot write: File too large"):
        download(f"{web.url}/a", tmp_path / "a", pause=0)
    limit(2_000_000)
    assert (tmp_path / "a.part").stat().st_size == 60_000
    assert download(f"{web.url}/a", tmp_path / "a", pause=0) == DIGEST
    assert web.ranges[-1] == ("/a", "bytes=60000-")
