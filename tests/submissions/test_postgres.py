"""What is peculiar to a store whose index is in PostgreSQL."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from customstudio.errors import UserError
from customstudio.submissions.contents import Contents
from customstudio.submissions.events import signed
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key
from customstudio.submissions.place import DATABASE
from customstudio.submissions.store import Store
from tests.submissions.postgres import Cluster, running

Gate = Callable[[Contents], Checked]


@pytest.fixture
def opened(tmp_path: Path, gate: Gate, postgres: Cluster) -> Callable[[], Store]:
    """Opens one store, whose folder may be shared by several hosts, again and again."""
    address = postgres.new()
    return lambda: Store(tmp_path / "store", gate=gate, database=address)


def test_two_hosts(opened: Callable[[], Store], good: Contents, key: Key) -> None:
    here, there = opened(), opened()
    before = there.version()
    assert here.publish(good, key).new
    assert not there.publish(good, key).new
    assert there.version() > before
    assert there.withdraw(good.id, key)
    assert here.entry(good.id).state.withdrawn


def test_forged_in_the_tables(opened: Callable[[], Store], good: Contents, key: Key) -> None:
    store = opened()
    entry = store.publish(good, key).entry
    forged = signed(Key(b"o" * 32), "reproduced", good.id, entry.protocol)
    row = {"id": forged.id, "submission": good.id, "document": json.dumps(forged.model_dump())}
    insert = "INSERT INTO events (id, submission, kind, document, chain)"
    with store.index.writing() as db:
        db.execute(text(f"{insert} VALUES (:id, :submission, 'reproduced', :document, 'x')"), row)
    for change in (
        "DELETE FROM events",
        "UPDATE events SET kind = 'reproduced'",
        "TRUNCATE events",
    ):
        with pytest.raises(DatabaseError, match="append-only"), store.index.writing() as db:
            db.execute(text(change))
    assert store.entry(good.id).state.tier == "self-reported"
    assert "somebody wrote into the events" in opened().alarms[0]


def test_the_folder_belongs_to_its_database(
    opened: Callable[[], Store],
    good: Contents,
    key: Key,
    gate: Gate,
    postgres: Cluster,
    tmp_path: Path,
) -> None:
    store = opened()
    store.publish(good, key)
    with pytest.raises(UserError, match="the store's index is in PostgreSQL"):
        Store(store.root, gate=gate)
    with pytest.raises(UserError, match="the database is another store's"):
        Store(store.root, gate=gate, database=postgres.new())
    Store(tmp_path / "plain", gate=gate)
    with pytest.raises(UserError, match=f"SQLite file\n.*\n.*leave {DATABASE} out") as caught:
        Store(tmp_path / "plain", gate=gate, database=postgres.new())
    assert caught.value.fix
    assert [one.entry.id for one in opened().submissions()] == [good.id]


def test_index_can_be_made_again(
    opened: Callable[[], Store], good: Contents, key: Key, gate: Gate, postgres: Cluster
) -> None:
    store = opened()
    store.publish(good, key)
    before = store.submissions()
    (store.root / "index.postgresql").unlink()
    again = Store(store.root, gate=gate, database=postgres.new())
    assert again.alarms == []
    assert again.submissions() == before


def test_the_server_dies(
    tmp_path: Path, good: Contents, key: Key, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the rename, before the index: an error now, and a whole submission afterwards."""
    with running() as cluster:
        if cluster is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        address = cluster.new()
        store = Store(tmp_path / "store", gate=gate, database=address)
        rename = os.rename

        def crash(source: str, target: str) -> None:
            rename(source, target)
            cluster.stop()

        monkeypatch.setattr(os, "rename", crash)
        with pytest.raises(UserError, match="cannot write to the store") as caught:
            store.publish(good, key)
        assert "INSERT" not in str(caught.value)
        monkeypatch.undo()
        with pytest.raises(UserError, match="cannot open the store"):
            Store(store.root, gate=gate, database=address)
        cluster.start()
        again = Store(store.root, gate=gate, database=address)
        assert [one.entry.id for one in again.submissions()] == [good.id]
        assert not again.publish(good, key).new
        assert again.alarms == []
        shutil.rmtree(store.root)
