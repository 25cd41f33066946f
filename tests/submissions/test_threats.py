"""The threats of the design that no other file here tests; those of the boards are tested there.

Archives, JSON, texts and Parquet: `test_reading`. Lies and copies: `test_gate`, `test_store`.
"""

import ast
import contextlib
import io
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customstudio.submissions
from customstudio.errors import UserError
from customstudio.submissions import parquet
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.events import signed
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key
from customstudio.submissions.recovery import opening_of
from customstudio.submissions.schema import ENV
from customstudio.submissions.store import Store
from tests.submissions import factory
from tests.submissions.mutate import resealed

Gate = Callable[[Contents], Checked]


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    "name", ["submission_json", "env_json", "scores_parquet", "videos_parquet"]
)
def test_no_pickle(good: Contents, gate: Gate, name: str) -> None:
    assert not gate(resealed(good, **{name: pickle.dumps(Evil())})).verdict.passed
    archive = io.BytesIO()
    np.savez(archive, values=np.array([Evil()], dtype=object))
    assert not gate(resealed(good, **{name: archive.getvalue()})).verdict.passed


def test_no_yaml(good: Contents, gate: Gate) -> None:
    """Aliases of aliases: 306 bytes that walk to 10^8 leaves; and `no` as a truth value."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
        for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    for text in (bomb, "dirty: no\n"):
        verdict = gate(resealed(good, env_json=text.encode())).verdict
        assert any("cannot be read as JSON" in f.what for f in verdict.findings)


def test_nothing_is_fetched_and_nothing_unpickled() -> None:
    """No address of a submission can be asked for: there is nothing to ask with."""
    banned = {"urllib", "http", "requests", "socket", "httpx", "pickle", "yaml", "torch", "marshal"}
    for path in Path(customstudio.submissions.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not banned & {name.split(".")[0] for name in names}, path
    calls = ("extractall", "extract(", "shell=True", "eval(", "exec(")
    for path in Path(customstudio.submissions.__file__).parent.glob("*.py"):
        assert not [call for call in calls if call in path.read_text()], path


def _nulls(rows: int, groups: int) -> bytes:
    columns = [pa.nulls(rows // groups, field.type) for field in parquet.SCORES]
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, parquet.SCORES, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(pa.Table.from_arrays(columns, schema=parquet.SCORES), rows)
    return buffer.getvalue()


def test_many_rows_in_little(decoder: Decoder) -> None:
    """A hundred million rows in a small file are refused by their number, unread."""
    data = _nulls(100_000_000, 5)
    assert len(data) < 2 * 2**20
    start = time.monotonic()
    with pytest.raises(Refused, match="100,000,000 rows instead of"):
        decoder.read("scores", data, 1, 100_000)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("which", ["all", "first", "groups"])
def test_row_numbers_that_lie(decoder: Decoder, which: str) -> None:
    """The footer says 24 rows (in the same number of bytes); the pages hold twenty million."""
    data = _nulls(20_000_000, 1)
    true, lie = bytes([0x80, 0xB4, 0x89, 0x13]), bytes([0xB0, 0x80, 0x80, 0x00])  # zigzag varints
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    body, footer = data[:at], data[at:]
    assert footer.count(true) > 3
    if which == "first":
        footer = footer.replace(true, lie, 1)
    elif which == "groups":
        last = footer.rindex(true)
        footer = footer.replace(true, lie, 1)[:last] + lie + footer[last + 4 :]
    else:
        footer = footer.replace(true, lie)
    start = time.monotonic()
    try:
        table = decoder.read("scores", body + footer, 1, 100_000)
    except Refused:
        pass
    else:
        assert table.num_rows == 24  # what it claims, and no more of it, was read
    assert time.monotonic() - start < 20


def test_footers_that_end_the_process(decoder: Decoder) -> None:
    """One changed byte of a footer can make pyarrow abort: the worker dies, the gate does not."""
    rows = [{"job": "x", "metric": "x", "subject": "x", "value": 0.5, "reason": "x"}]
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(rows, parquet.SCORES)
    pq.write_table(table, buffer, compression="zstd", store_schema=False)
    data = buffer.getvalue()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for at in range(start + 15, start + 95, 5):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with contextlib.suppress(Refused):
            assert decoder.read("scores", changed, 1, 10).num_rows == 1
    assert decoder.read("scores", data, 1, 10).num_rows == 1


def test_no_answer_in_time() -> None:
    with Decoder(wall_seconds=0.0) as decoder:
        with pytest.raises(Refused, match="too much memory or time"):
            decoder.read("scores", b"PAR1", 1, 1)
        assert decoder._worker is None


def test_dead_worker(good: Contents, gate: Gate) -> None:
    """A worker that is killed in mid-gate is a refusal, not a pass."""
    with Decoder() as decoder:
        decoder.start()
        assert decoder._worker is not None
        decoder._worker.terminate()
        from customstudio.submissions.gate import check
        from tests.submissions import factory

        checked = check(good, rules=factory.rules(), decoder=decoder)
        refused = any("within the limits" in f.what for f in checked.verdict.findings)
        assert refused or checked.verdict.passed  # it died in time to be replaced
        assert checked.verdict.passed == (checked.results is not None)


def test_replayed_events(tmp_path: Path, good: Contents, key: Key, gate: Gate) -> None:
    """An event counts once, for its submission and protocol alone."""
    maintainer = Key(b"m" * 32)
    (tmp_path / "maintainers.txt").write_text(f"{maintainer.public} Somebody\n")
    store = Store(tmp_path, gate=gate)
    entry = store.publish(good, key).entry
    event = signed(maintainer, "recomputed", good.id, entry.protocol)
    assert [store.append(event) for _ in range(3)] == [True, False, False]
    elsewhere = event.model_copy(update={"submission": "0" * 64})
    assert not elsewhere.is_signed()
    assert len(store.events(good.id)) == 3


def test_events_of_another_time(tmp_path: Path, good: Contents, key: Key, gate: Gate) -> None:
    """One of years ahead would stay on top of the feed; one of the past may be a replay."""
    store = Store(tmp_path / "store", gate=gate)
    entry = store.publish(good, key).entry
    now = signed(key, "withdrawn", good.id, entry.protocol)
    for at in ("9999-12-31T23:59:59+00:00", "2020-01-01T00:00:00+00:00"):
        other = now.model_copy(update={"at": at})
        other = other.model_copy(update={"signature": key.sign(other.message)})
        assert other.is_signed()
        with pytest.raises(UserError, match="it was signed at"):
            store.append(other)
    assert not store.entry(good.id).state.withdrawn
    assert store.append(now)


def test_opening_events_that_would_count_for_nothing(
    tmp_path: Path, run: Path, good: Contents, key: Key, gate: Gate
) -> None:
    """Signed for another protocol, or of another successor: half published, or two rows of one."""
    store = Store(tmp_path / "store", gate=gate)
    with pytest.raises(UserError, match="not signed by its owner"):
        store.publish_signed(good, opening_of(good.id, "mini-v1", None, key))
    assert store.submissions() == []
    protocol = store.publish(good, key).entry.protocol
    newer = build(run, factory.card(about="Better."), owner=key.public, supersedes=good.id)
    *first, last = opening_of(newer.id, protocol, good.id, key)
    for wrong in (
        signed(key, "superseded", good.id, "mini-v1", other=newer.id),
        signed(key, "superseded", good.id, protocol, other="0" * 64),
        signed(key, "superseded", good.id, protocol),
    ):
        with pytest.raises(UserError, match="not signed by its owner"):
            store.publish_signed(newer, (*first, wrong))
    assert len(store.submissions()) == 1
    store.publish_signed(newer, (*first, last))
    assert store.entry(good.id).state.superseded_by == newer.id


def test_nothing_is_superseded_from_another_board(
    tmp_path: Path, good: Contents, key: Key, gate: Gate
) -> None:
    store = Store(tmp_path / "store", gate=gate)
    store.publish(good, key)
    run = factory.write_run(tmp_path / "run", protocol="dreamvideo-script")
    other = build(run, factory.card(), owner=key.public, supersedes=good.id)
    with pytest.raises(UserError, match="of another suite or protocol"):
        store.publish(other, key)
    assert store.entry(good.id).state.superseded_by is None


def test_secrets_in_the_environment(good: Contents, gate: Gate) -> None:
    import json

    env = json.loads(good.files[ENV])
    for change in (
        {"hostname": "machine"},
        {"device_name": "hf_" + "a" * 24},
        {"platform": "see /home/me/.ssh"},
        {"packages": {"my-secret-package": "1"}},
    ):
        text = json.dumps(env | change).encode()
        assert not gate(resealed(good, env_json=text)).verdict.passed
