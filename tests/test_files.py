"""Files are whole or not there, whatever happens while they are written."""

import errno
import os
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.files import locked, replacing, write_text


def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.json"
    write_text(path, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="the disk is full") as caught:
        write_text(path, "new")
    assert "run the same command again" in caught.value.fix
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_truly_full_disk(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    (tmp_path / "target").symlink_to("/dev/full")
    with pytest.raises(UserError, match="the disk is full"):
        _write_through(tmp_path / "out", tmp_path / "target")
    assert not (tmp_path / "out").exists()


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scores.parquet"
    with pytest.raises(ZeroDivisionError):
        _write_half(path)
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_text(tmp_path / "runs" / "a.json", "{}")
    with pytest.raises(UserError, match="cannot write"), locked(tmp_path / "runs"):
        pass


def test_results_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "{}")
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def _write_through(path: Path, full: Path) -> None:
    with replacing(path), full.open("wb") as file:
        file.write(b"x" * 100_000)


def _write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
