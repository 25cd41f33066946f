"""Finding and judging files: one list of what is missing, no file but the published one."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.weights import hashes
from customstudio.weights.hashes import Hashes
from customstudio.weights.networks import Network
from customstudio.weights.recorded import Recorded, record
from customstudio.weights.store import Located, Store, default_directory

CONTENT = b"values" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def network(**facts: object) -> Network:
    file = {"name": "net.bin", "megabytes": 12.3, **facts}
    row = {"title": "a network", "kind": "flow", "licence": "MIT", "source": "test"}
    return Network.model_validate({"id": "net", "architecture": "x", "files": [file], **row})


def put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "net" / "net.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def locate(folder: Path | None, **facts: object) -> Located:
    return Store(folder, networks={"net": network(**facts)}).locate(["net"])["net"]


def test_all_that_is_missing_is_one_error_with_sizes_and_the_command(tmp_path: Path) -> None:
    ids = ["clip-vit-b32-openai", "insightface-buffalo-l", "toy-flow"]
    with pytest.raises(UserError) as caught:
        Store(tmp_path).locate(ids)
    text = str(caught.value)
    assert "4 file(s) of 3 network(s)" in text
    for name in ("open_clip_model.safetensors (605.1 MB)", "det_10g.onnx", "w600k_r50.onnx"):
        assert name in text
    assert (
        f"customstudio weights fetch clip-vit-b32-openai insightface-buffalo-l "
        f"--weights-dir {tmp_path}" in text
    )
    assert f"customstudio weights random --toy --to {tmp_path}" in text


def test_an_unknown_network_is_named_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown network 'dino-vits8'") as caught:
        Store(tmp_path).locate(["dino-vits8"])
    assert "dino-vits16" in caught.value.fix


@pytest.mark.parametrize("published", [{"sha256": SHA256}, {"sha256_prefix": SHA256[:8]}])
def test_the_published_file_is_official(tmp_path: Path, published: dict[str, str]) -> None:
    put(tmp_path)
    located = locate(tmp_path, **published)
    assert located.status == "official"
    assert located.sha256 == {"net.bin": SHA256}
    assert located.files == {"net.bin": tmp_path / "net" / "net.bin"}


@pytest.mark.parametrize("published", [{"sha256": "0" * 64}, {"sha256_prefix": "00000000"}])
def test_another_file_is_refused_in_the_default_folder_and_unofficial_elsewhere(
    tmp_path: Path, published: dict[str, str]
) -> None:
    put(default_directory())
    with pytest.raises(UserError, match="not the published file: SHA-256 begins"):
        locate(None, **published)
    put(tmp_path)
    assert locate(tmp_path, **published).status == "unofficial"


def test_a_file_without_a_published_digest_is_unrecorded(tmp_path: Path) -> None:
    put(tmp_path)
    assert locate(tmp_path).status == "unrecorded"


def test_a_file_that_changed_since_it_was_recorded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(tmp_path))
    put(tmp_path)
    row = Recorded(sha256=SHA256, bytes=len(CONTENT), origin="x", fetched="2026-01-01T00:00:00")
    record(tmp_path, "net/net.bin", row)
    assert locate(None).status == "unrecorded"
    put(tmp_path, CONTENT[:-1] + b"!")
    with pytest.raises(UserError, match="not the recorded file"):
        locate(None)
    assert locate(tmp_path).status == "unofficial"


def test_random_values_are_called_random_by_the_mark_of_their_folder(tmp_path: Path) -> None:
    path = put(tmp_path)
    (path.parent / "RANDOM.txt").write_text("random\n")
    assert locate(tmp_path, sha256="0" * 64).status == "random"
    assert locate(tmp_path).status == "random"
    assert locate(tmp_path, sha256=SHA256).status == "official"


def test_toy_networks_are_random_whatever_lies_beside_them(toy_weights: Path) -> None:
    ids = ["toy-clip", "toy-dino", "toy-faces", "toy-flow", "toy-detector", "toy-aesthetic"]
    located = Store(toy_weights).locate(ids)
    assert {row.status for row in located.values()} == {"random"}
    assert set(located["toy-faces"].files) == {"detection.onnx", "recognition.onnx"}


def test_a_damaged_record_is_the_users_to_mend(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "recorded.json").write_text("[1]")
    with pytest.raises(UserError, match="record of fetched weights is damaged"):
        locate(tmp_path)


def test_a_file_is_hashed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path)
    read: list[Path] = []
    plain = hashes.sha256_file
    monkeypatch.setattr(hashes, "sha256_file", lambda p: read.append(p) or plain(p))
    cache = tmp_path / "cache.json"
    assert Hashes(cache).sha256(path) == SHA256
    start = time.perf_counter()
    assert Hashes(cache).sha256(path) == SHA256
    assert time.perf_counter() - start < 0.1
    assert read == [path]
    path.write_bytes(CONTENT[::-1])
    assert Hashes(cache).sha256(path) == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_a_cache_of_hashes_that_cannot_be_written_or_read_only_costs_time(tmp_path: Path) -> None:
    path = put(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert Hashes(blocked / "cache.json").sha256(path) == SHA256
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    assert Hashes(damaged).sha256(path) == SHA256


def test_finding_weights_never_imports_torch() -> None:
    code = (
        "import sys; from customstudio.weights.store import Store; import customstudio.cli.weights;"
        "from customstudio.weights import fetch, verify, download, random_weights;"
        "heavy = {'torch', 'numpy', 'onnx', 'huggingface_hub'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
