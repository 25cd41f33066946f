"""`customstudio weights` as a person runs it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from customstudio.cli.weights import app
from customstudio.errors import UserError
from customstudio.weights.networks import manifest


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_shows_licence_size_digest_and_origin() -> None:
    text = run("list")
    for network in manifest().values():
        assert network.id in text
        assert network.licence in text
    assert "raft_large_C_T_V1-22a6c225.pth  21.1 MB  SHA-256 22a6c225" in text
    assert "det_10g.onnx  size unknown  SHA-256 unrecorded" in text


def test_random_then_verify(tmp_path: Path) -> None:
    written = run("random", "toy-dino", "--to", str(tmp_path))
    assert str(tmp_path / "toy-dino" / "model.safetensors") in written
    text = run("verify", "toy-dino", "toy-clip", "--weights-dir", str(tmp_path))
    assert "random      toy-dino/model.safetensors" in text
    assert "missing     toy-clip/open_clip_model.safetensors" in text


def test_verify_of_a_wrong_file_ends_with_one(tmp_path: Path) -> None:
    name = "raft_large_C_T_V1-22a6c225.pth"
    path = tmp_path / "raft-large-c-t-v1" / name
    path.parent.mkdir()
    path.write_bytes(b"x")
    arguments = ["verify", "raft-large-c-t-v1", "--weights-dir", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "unofficial" in result.output


def test_offline_fetch_shows_licence_and_size_then_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = ["fetch", "insightface-buffalo-l", "--weights-dir", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UserError)
    assert "HF_HUB_OFFLINE" in str(result.exception)
    assert "non-commercial research only" in result.output
