"""Fetching, shown on a server of this machine: resumed, checked, recorded, or nothing at all."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.weights.download import address
from customstudio.weights.fetch import fetch
from customstudio.weights.networks import Network, WeightFile, manifest
from customstudio.weights.store import Store
from customstudio.weights.verify import verify

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def run(folder: Path, network: Network) -> list[str]:
    lines: list[str] = []
    fetch(Store(folder, networks={"net": network}), ["net"], announce=lines.append)
    return lines


def test_licence_and_size_come_first_then_the_file_and_its_record(tmp_path, server) -> None:
    server.files["net.bin"] = CONTENT
    lines = run(tmp_path, server.network())
    assert lines[0] == "net: a network; licence: MIT"
    assert lines[1] == f"  net.bin: 0.1 MB from {server.address}/net.bin"
    assert (tmp_path / "net" / "net.bin").read_bytes() == CONTENT
    row = json.loads((tmp_path / "recorded.json").read_text())["net/net.bin"]
    assert (row["sha256"], row["bytes"]) == (SHA256, len(CONTENT))
    assert row["origin"] == f"{server.address}/net.bin"
    assert sorted(p.name for p in (tmp_path / "net").iterdir()) == ["net.bin"]
    assert run(tmp_path, server.network()) == []
    assert len(server.asked) == 1


def test_a_download_that_was_cut_off_is_resumed(tmp_path, server) -> None:
    server.files["net.bin"], server.cut_after = CONTENT, 100_000
    with pytest.raises(UserError, match="cannot fetch"):
        run(tmp_path, server.network(sha256=SHA256))
    assert not (tmp_path / "net" / "net.bin").exists()
    server.cut_after = None
    run(tmp_path, server.network(sha256=SHA256))
    assert (tmp_path / "net" / "net.bin").read_bytes() == CONTENT
    assert server.asked[1] == ("/net.bin", "bytes=100000-")


def test_a_source_that_changed_meanwhile_is_fetched_anew(tmp_path, server) -> None:
    server.files["net.bin"], server.cut_after = CONTENT, 100_000
    with pytest.raises(UserError):
        run(tmp_path, server.network())
    server.files["net.bin"], server.cut_after = CONTENT[::-1], None
    run(tmp_path, server.network())
    assert (tmp_path / "net" / "net.bin").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("published", [{"sha256": "0" * 64}, {"sha256_prefix": "00000000"}])
def test_bytes_that_are_not_the_published_ones_are_not_kept(tmp_path, server, published) -> None:
    server.files["net.bin"] = CONTENT
    with pytest.raises(UserError, match="not the published file"):
        run(tmp_path, server.network(**published))
    assert list((tmp_path / "net").iterdir()) == []


def test_a_second_fetch_must_bring_what_the_first_recorded(tmp_path, server) -> None:
    server.files["net.bin"] = CONTENT
    run(tmp_path, server.network())
    (tmp_path / "net" / "net.bin").unlink()
    server.files["net.bin"] = CONTENT[::-1]
    with pytest.raises(UserError, match="not the recorded from"):
        run(tmp_path, server.network())


def test_a_missing_page_and_offline_say_so(tmp_path, server, monkeypatch) -> None:
    with pytest.raises(UserError, match="cannot fetch: HTTP Error 404"):
        run(tmp_path, server.network())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        run(tmp_path, server.network())
    assert len(server.asked) == 1


def test_only_http_addresses_are_opened(tmp_path, server) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    with pytest.raises(UserError, match="not an http"):
        run(tmp_path, server.network(url=secret.as_uri()))


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(name.replace("__", "/"), content)
    return file.getvalue()


def test_the_named_member_of_an_archive_is_taken_and_nothing_else(tmp_path, server) -> None:
    server.files["pack.zip"] = archive(
        **{"..__..__evil.bin": b"evil", "pack__net.bin": CONTENT, "other.bin": b"x"}
    )
    run(tmp_path, server.network(url=f"{server.address}/pack.zip", member="net.bin"))
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert written == ["net/net.bin", "recorded.json"]
    assert not (tmp_path.parent / "evil.bin").exists()


def test_an_archive_of_two_files_is_fetched_once(tmp_path, server) -> None:
    server.files["pack.zip"] = archive(**{"one.bin": b"1", "two.bin": b"2"})
    url = f"{server.address}/pack.zip"
    files = tuple(WeightFile(name=n, url=url, member=n) for n in ("one.bin", "two.bin"))
    run(tmp_path, server.network().model_copy(update={"files": files}))
    found = {p.name: p.read_bytes() for p in (tmp_path / "net").iterdir()}
    assert found == {"one.bin": b"1", "two.bin": b"2"}
    assert len(server.asked) == 1


def test_a_member_that_points_outside_lands_inside(tmp_path, server) -> None:
    server.files["pack.zip"] = archive(**{"..__..__net.bin": CONTENT})
    run(tmp_path, server.network(url=f"{server.address}/pack.zip", member="net.bin"))
    assert (tmp_path / "net" / "net.bin").read_bytes() == CONTENT
    assert not (tmp_path.parent / "net.bin").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "not a zip file"),
        (archive(other=b"x"), "it holds 0 files named net.bin"),
        (archive(**{"a__net.bin": b"x", "b__net.bin": b"y"}), "it holds 2 files named net.bin"),
    ],
)
def test_a_bad_archive_is_refused(tmp_path, server, content: bytes, reason: str) -> None:
    server.files["pack.zip"] = content
    with pytest.raises(UserError, match=reason):
        run(tmp_path, server.network(url=f"{server.address}/pack.zip", member="net.bin"))
    assert not (tmp_path / "net" / "net.bin").exists()


def test_a_folder_of_random_values_is_not_mixed_with_fetched_files(tmp_path, server) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "RANDOM.txt").write_text("random")
    with pytest.raises(UserError, match="holds random values"):
        run(tmp_path, server.network())


def test_verify_says_of_every_file_what_it_is(tmp_path, server) -> None:
    network = server.network(sha256=SHA256)
    store = Store(tmp_path, networks={"net": network})
    assert [row.state for row in verify(store, [])] == ["missing"]
    server.files["net.bin"] = CONTENT
    run(tmp_path, network)
    assert [(r.state, r.sha256, r.wrong) for r in verify(store, [])] == [
        ("official", SHA256, False)
    ]
    (tmp_path / "net" / "net.bin").write_bytes(b"other")
    assert [(r.state, r.wrong) for r in verify(store, ["net"])] == [("unofficial", True)]


def test_torchvisions_own_addresses_end_in_the_files_names() -> None:
    files = [f for n in manifest().values() for f in n.files if f.torchvision]
    assert len(files) == 2
    for file in files:
        assert address(file).endswith(f"/{file.name}")
        assert file.name.endswith(f"-{file.sha256_prefix}.pth")


@pytest.mark.parametrize("folder", ["", "models/deep/"])
def test_the_hub_is_asked_through_its_own_client(tmp_path: Path, server, folder: str) -> None:
    """A hub on this machine: huggingface_hub fetches, the commit and the digest are recorded."""
    code = """
import json, sys
from pathlib import Path
from customstudio.weights.networks import Network
from customstudio.weights.fetch import fetch
from customstudio.weights.store import Store
network = Network.model_validate(json.loads(sys.argv[1]))
fetch(Store(Path(sys.argv[2]), networks={"net": network}), ["net"], announce=print)
"""
    network = server.network().model_copy(
        update={"files": (WeightFile(name="net.bin", hub="timm/net", path=folder),)}
    )
    hub = _hub(CONTENT)
    command = [sys.executable, "-c", code, network.model_dump_json(), str(tmp_path / "weights")]
    with hub as endpoint:
        environment = os.environ | {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        subprocess.run(command, env=environment, check=True, capture_output=True)
    row = json.loads((tmp_path / "weights" / "recorded.json").read_text())["net/net.bin"]
    assert row["origin"] == f"timm/net@{COMMIT}"
    assert row["sha256"] == SHA256
    # Offline the hub's cache serves; without it the error says that nothing may be fetched.
    offline = environment | {"HF_HUB_OFFLINE": "1"}
    (tmp_path / "weights" / "net" / "net.bin").unlink()
    subprocess.run(command, env=offline, check=True, capture_output=True)
    assert (tmp_path / "weights" / "net" / "net.bin").read_bytes() == CONTENT
    empty = offline | {"HF_HOME": str(tmp_path / "empty")}
    command[-1] = str(tmp_path / "more")
    failed = subprocess.run(command, env=empty, check=False, capture_output=True, text=True)
    assert "HF_HUB_OFFLINE is set" in failed.stderr


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _hub(content: bytes):
    """A server with the few headers that huggingface_hub reads of a file."""
    import contextlib
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    @contextlib.contextmanager
    def serve():
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
            threading.Thread(target=http.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{http.server_address[1]}"
            http.shutdown()

    return serve()


def test_networks_of_methods_are_fetched_by_name_alone(tmp_path: Path, server) -> None:
    server.files["net.bin"] = CONTENT
    network = server.network().model_copy(update={"kind": "image_adapter"})
    store = Store(tmp_path, networks={"net": network})
    assert fetch(store, [], announce=lambda _: None) == []
    assert len(fetch(store, ["net"], announce=lambda _: None)) == 1
