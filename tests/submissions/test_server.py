"""The store over HTTP: a real server on localhost, honest clients and hostile ones."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from customstudio.client import Server
from customstudio.errors import Problems, UserError
from customstudio.submissions import wire
from customstudio.submissions.archive import MOST_BYTES, pack
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.events import signed
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key
from customstudio.submissions.limits import Limits
from customstudio.submissions.recovery import opening_of
from customstudio.submissions.schema import FILES
from customstudio.submissions.store import Store
from tests.submissions import factory
from tests.submissions.mutate import with_fields
from tests.submissions.serving import asked, serving

Gate = Callable[[Contents], Checked]
OTHER, MAINTAINER = Key(b"o" * 32), Key(b"m" * 32)
POSTED = "/api/v1/submissions"


@pytest.fixture
def store(tmp_path: Path, gate: Gate) -> Store:
    """An empty store with one maintainer."""
    root = tmp_path / "store"
    root.mkdir()
    (root / "maintainers.txt").write_text(f"{MAINTAINER.public} A maintainer\n")
    return Store(root, gate=gate)


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    """A server that holds it."""
    with serving(store, Limits(burst=100)) as address:
        yield address


def posted(address: str, body: bytes, events: str, kind: str = wire.ZIP) -> tuple[int, Any]:
    """What the server says to a submission."""
    headers = {"Content_Type": kind, "CustomStudio_Events": events}
    response, text = asked(address, "POST", POSTED, body, **headers)
    return response.status, json.loads(text)


def test_from_submit_to_tombstone(address: str, store: Store, good: Contents, key: Key) -> None:
    server = Server(address)
    first, second = server.publish(good, key), server.publish(good, key)
    assert (first.new, second.new) == (True, False)
    assert first.entry == store.entry(good.id).entry
    assert server.entry(good.id[:8]).entry == first.entry
    assert [event.kind for event in store.events(good.id)] == ["received", "published"]
    assert server.withdraw(good.id, key, "A mistake in our videos.")
    assert not server.withdraw(good.id, key)
    assert store.entry(good.id).state.withdrawn
    with pytest.raises(UserError, match="withdrawn"):
        server.publish(good, key)


def test_what_can_be_read(address: str, store: Store, good: Contents, key: Key) -> None:
    store.publish(good, key)
    response, text = asked(address, "GET", POSTED)
    (row,) = json.loads(text)["submissions"]
    assert (row["id"], row["name"], row["tier"]) == (good.id, "Toy Method", "self-reported")
    tag = response.headers["ETag"]
    assert asked(address, "GET", POSTED, If_None_Match=tag)[0].status == 304
    store.withdraw(good.id, key)
    assert asked(address, "GET", POSTED, If_None_Match=tag)[0].status == 200
    for name in FILES:
        response, data = asked(address, "GET", f"{POSTED}/{good.id}/files/{name}")
        assert data == good.files[name]
        assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    events = json.loads(asked(address, "GET", f"{POSTED}/{good.id}/events")[1])["events"]
    assert [event["kind"] for event in events] == ["received", "published", "withdrawn"]
    health = json.loads(asked(address, "GET", "/api/v1/health")[1])
    assert health == {"status": "ok", "version": store.version()}


@pytest.mark.parametrize(
    "path",
    [
        f"{POSTED}/{'0' * 64}",
        f"{POSTED}/%25",
        f"{POSTED}/{'0' * 64}/events",
        f"{POSTED}/..%2f..%2f..%2fetc%2fpasswd",
        f"{POSTED}/ID/files/events.json",
        f"{POSTED}/ID/files/..%2f..%2findex.sqlite",
        f"{POSTED}/ID/files/%2e%2e/env.json",
        "/api/v1/nothing",
    ],
)
def test_nothing_else(address: str, store: Store, good: Contents, key: Key, path: str) -> None:
    store.publish(good, key)
    response, text = asked(address, "GET", path.replace("ID", good.id))
    assert response.status == 404
    assert str(store.root).encode() not in text


def test_headers(address: str, good: Contents) -> None:
    for method, path in (("GET", POSTED), ("GET", f"{POSTED}/0"), ("POST", POSTED)):
        response, _ = asked(address, method, path)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in response.headers


def test_the_same_findings(address: str, store: Store, good: Contents, key: Key) -> None:
    """What the server finds is what `submit --check` finds, line for line."""

    def lie(document: Any) -> None:
        document["overall"]["clip_t"]["mean"] = 0.99
        document["metrics"]["dino_i"] = 99

    bad = with_fields(good, lie)
    found = store.gate(bad).verdict.findings
    with pytest.raises(UserError) as caught:
        Server(address).publish(bad, key)
    told = caught.value.problems if isinstance(caught.value, Problems) else [caught.value]
    assert [(one.where, one.what, one.fix) for one in told] == [
        (finding.place, finding.what, finding.fix) for finding in found
    ]
    assert store.submissions() == []
    assert list(store.staging.iterdir()) == []


def test_not_a_submission(address: str, store: Store, good: Contents, key: Key) -> None:
    events = wire.written(opening_of(good.id, "customstudio-v1", None, key))
    body = pack(good)
    assert posted(address, b"", events)[0] == 422
    assert posted(address, body[:-1], events)[0] == 422
    assert posted(address, body + b"\0", events)[0] == 422
    assert posted(address, body, events, "text/plain")[0] == 415
    assert posted(address, body, events, "multipart/form-data")[0] == 415
    for header in ("", "!", "eyJ9", wire.written(()) + "x", "A" * 40_000):
        assert posted(address, body, header)[0] == 400
    assert asked(address, "PUT", POSTED, body)[0].status == 405
    assert store.submissions() == []


def test_others_events(address: str, store: Store, good: Contents, key: Key) -> None:
    body = pack(good)
    mine = opening_of(good.id, "customstudio-v1", None, key)
    theirs = opening_of(good.id, "customstudio-v1", None, OTHER)
    of_another = opening_of("0" * 64, "customstudio-v1", None, key)
    forged = tuple(event.model_copy(update={"by": key.public}) for event in theirs)
    old = tuple(event.model_copy(update={"at": "2020-01-01T00:00:00+00:00"}) for event in mine)
    old = tuple(e.model_copy(update={"signature": key.sign(e.message)}) for e in old)
    tier = signed(MAINTAINER, "recomputed", good.id, "customstudio-v1")
    for events in (theirs, of_another, forged, old, (), mine[:1], mine[::-1], (*mine, tier)):
        status, answer = posted(address, body, wire.written(events))
        assert status == 422
        assert answer["findings"][0]["place"] == good.id
    assert store.submissions() == []
    assert posted(address, body, wire.written(mine))[0] == 201
    assert posted(address, body, wire.written(mine))[0] == 200


def test_events_over_http(address: str, store: Store, good: Contents, key: Key) -> None:
    entry = store.publish(good, key).entry
    path = f"{POSTED}/{good.id}/events"

    def added(kind: Any, signer: Key, submission: str = good.id) -> int:
        event = signed(signer, kind, submission, entry.protocol)
        body = event.model_dump_json().encode()
        return asked(address, "POST", path, body, Content_Type=wire.JSON)[0].status

    assert added("recomputed", OTHER) == 422
    assert added("withdrawn", OTHER) == 422
    assert added("recomputed", key) == 422
    assert added("recomputed", MAINTAINER, "0" * 64) == 422
    assert added("received", MAINTAINER) == 422
    assert asked(address, "POST", path, b"{" * 9, Content_Type=wire.JSON)[0].status == 422
    assert asked(address, "POST", path, b"0" * 20_000, Content_Type=wire.JSON)[0].status == 413
    assert store.entry(good.id).state.tier == "self-reported"
    assert added("recomputed", MAINTAINER) == 201
    assert store.entry(good.id).state.tier == "recomputed"


def test_too_large(address: str, store: Store, good: Contents, key: Key) -> None:
    """Refused by what it claims, and, where it claims nothing, while it is read."""
    events = wire.written(opening_of(good.id, "customstudio-v1", None, key))
    fields = f"Content-Type: {wire.ZIP}\r\n{wire.SIGNED}: {events}\r\n"
    head = f"POST {POSTED} HTTP/1.1\r\nHost: x\r\n{fields}"
    port = int(address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
        raw.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert raw.recv(12) == b"HTTP/1.1 413"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        part = b"100000\r\n" + b"\0" * 2**20 + b"\r\n"
        try:
            for _ in range(MOST_BYTES // 2**20 + 4):
                raw.sendall(part)
            answer = raw.recv(12)
        except ConnectionError:  # it has answered, and hung up
            answer = b"HTTP/1.1 413"
        assert answer == b"HTTP/1.1 413"
    assert store.submissions() == []


def test_slow_and_many(store: Store, good: Contents, key: Key) -> None:
    events = wire.written(opening_of(good.id, "customstudio-v1", None, key))
    fields = f"Content-Type: {wire.ZIP}\r\n{wire.SIGNED}: {events}\r\nContent-Length: 100\r\n"
    with serving(store, Limits(burst=3, seconds=100, upload_seconds=0.3)) as address:
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(f"POST {POSTED} HTTP/1.1\r\nHost: x\r\n{fields}\r\nPK".encode())
            assert raw.recv(12) == b"HTTP/1.1 408"
        assert [posted(address, b"", events)[0] for _ in range(3)] == [422, 422, 429]
        response, _ = asked(address, "POST", POSTED, b"", Content_Type=wire.ZIP)
        assert 90 <= int(response.headers["Retry-After"]) <= 101
        assert asked(address, "GET", POSTED)[0].status == 200
    with serving(store, Limits(uploads=0)) as address:
        assert posted(address, b"", events)[0] == 503


def test_many_at_once(address: str, store: Store, run: Path) -> None:
    keys = [Key(bytes([number]) * 32) for number in range(12)]
    sent = [
        (build(run, factory.card(name=f"Method {chr(65 + i)}x{i}"), owner=key.public), key)
        for i, key in enumerate(keys)
    ]
    with ThreadPoolExecutor(12) as pool:
        receipts = list(pool.map(lambda one: Server(address).publish(*one), sent * 2))
    assert sum(receipt.new for receipt in receipts) == len(sent)
    assert {one.entry.id for one in store.submissions()} == {c.id for c, _ in sent}
    assert store.version() > 0


def test_a_store_in_trouble(address: str, store: Store, good: Contents, key: Key) -> None:
    (store.staging).rmdir()
    waits: list[float] = []
    with pytest.raises(UserError, match="the server did not take it, 5 times: status 503") as got:
        Server(address, sleep=waits.append).publish(good, key)
    assert str(store.root) not in str(got.value)
    assert waits == [10.0] * 4
    store.staging.mkdir()
    assert Server(address).publish(good, key).new


def test_no_server(good: Contents, key: Key) -> None:
    waits: list[float] = []
    with pytest.raises(UserError, match=r"did not take it, 5 times: .*refused") as caught:
        Server("http://127.0.0.1:1", sleep=waits.append).publish(good, key)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert "it does nothing twice" in caught.value.fix
    for wrong in ("https://", "ftp://x", "https://u:p@h", "https://h/?a", "http://h\nx"):
        with pytest.raises(UserError, match="not the address of a server"):
            Server(wrong)


def test_the_commands(address: str, store: Store, tmp_path: Path, run: Path) -> None:
    """To a server as to a folder; a mistake is three lines, and no folder is made of an address."""
    (tmp_path / "card.toml").write_text(factory.CARD)

    def said(*arguments: str) -> tuple[int, str]:
        program = "from customstudio.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env={"CUSTOMSTUDIO_KEY": "owner.key", "CUSTOMSTUDIO_STORE": address, "PATH": ""},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr or done.stdout

    submit = ("submit", str(run), "--card", "card.toml")
    status, text = said(*submit)
    assert (status, text.split()[0]) == (0, "published:")
    assert f"store: {address}" in text
    assert said(*submit, "--to", address)[1].startswith("there already: ")
    (one,) = store.submissions()
    status, text = said("submissions", "list")
    assert (status, text.splitlines()[0]) == (2, "error: this needs a store's folder, not a server")
    status, text = said("submissions", "withdraw", "00000000")
    assert (status, text.splitlines()[0]) == (2, "error: no such submission")
    assert said("submissions", "withdraw", one.entry.id[:8]) == (0, f"withdrawn: {one.entry.id}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.toml", "owner.key", "store"]


def test_no_torch() -> None:
    program = "import sys; import customstudio.submissions.server, customstudio.client"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(
    "wrong", ["https://board..example.org", f"https://{'a' * 70}.org", "http://.", "https://a b"]
)
def test_addresses_that_are_none(wrong: str) -> None:
    """Some are found out only when they are looked up: at once, and in three lines."""
    with pytest.raises(UserError, match="not the address of a server") as caught:
        Server(wrong, sleep=lambda seconds: pytest.fail("it tried again")).entry("0" * 8)
    assert len(str(caught.value).splitlines()) == 3
