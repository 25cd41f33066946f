"""The store: what goes in once comes out whole, and nobody changes what is another's."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.submissions import events
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.events import Event, signed
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key
from customstudio.submissions.place import DATABASE
from customstudio.submissions.schema import SCORES
from customstudio.submissions.store import Store
from tests.submissions import factory
from tests.submissions.mutate import with_fields

Gate = Callable[[Contents], Checked]
SQLITE = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
OTHER, MAINTAINER = Key(b"o" * 32), Key(b"m" * 32)


@pytest.fixture
def store(
    tmp_path: Path, gate: Gate, address: str | None, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """An empty store with one maintainer."""
    if address is not None:
        monkeypatch.setenv(DATABASE, address)
    root = tmp_path / "store"
    root.mkdir()
    (root / "maintainers.txt").write_text(f"{MAINTAINER.public} A maintainer\n\n")
    return Store(root, gate=gate)


def test_once(store: Store, good: Contents, key: Key, gate: Gate) -> None:
    first, second = store.publish(good, key), store.publish(good, key)
    assert first.new
    assert not second.new
    assert first.entry == second.entry
    assert [e.kind for e in store.events(good.id)] == ["received", "published"]
    again = Store(store.root, gate=gate)
    assert again.alarms == []
    assert [listed.entry for listed in again.submissions()] == [first.entry]
    assert again.contents(good.id[:8]).files == good.files
    assert list(store.staging.iterdir()) == []


def test_nothing_bad_is_stored(store: Store, good: Contents, key: Key) -> None:
    def lie(document: dict[str, dict[str, dict[str, float]]]) -> None:
        document["overall"]["clip_t"]["mean"] = 0.99

    with pytest.raises(UserError, match="it says"):
        store.publish(with_fields(good, lie), key)
    with pytest.raises(UserError, match="another owner"):
        store.publish(good, OTHER)
    assert store.submissions() == []
    assert list(store.bundles.iterdir()) == []
    assert list(store.staging.iterdir()) == []


def test_recomputed_not_believed(store: Store, good: Contents, key: Key, gate: Gate) -> None:
    results = gate(good).results
    assert results is not None
    assert store.publish(good, key).entry.overall == results.overall


def test_withdraw(store: Store, good: Contents, key: Key) -> None:
    store.publish(good, key)
    with pytest.raises(UserError, match="not signed by one who may"):
        store.withdraw(good.id, OTHER)
    assert store.withdraw(good.id, key, "a mistake in our videos")
    assert not store.withdraw(good.id, key)
    (tombstone,) = store.submissions()
    assert tombstone.state.withdrawn
    assert store.events(good.id)[-1].about == "a mistake in our videos"
    with pytest.raises(UserError, match="withdrawn"):
        store.publish(good, key)


def test_supersede(store: Store, run: Path, good: Contents, key: Key) -> None:
    store.publish(good, key)
    newer = build(run, factory.card(about="Better."), owner=key.public, supersedes=good.id)
    store.publish(newer, key)
    store.publish(newer, key)
    assert store.entry(good.id).state.superseded_by == newer.id
    third = build(run, factory.card(about="Best."), owner=key.public, supersedes=good.id)
    with pytest.raises(UserError, match="superseded already"):
        store.publish(third, key)
    for target, expected in ((newer.id, "another owner"), ("0" * 64, "no such submission")):
        theirs = build(run, factory.card(name="Another"), owner=OTHER.public, supersedes=target)
        with pytest.raises(UserError, match=expected):
            store.publish(theirs, OTHER)
    assert len(store.submissions()) == 2


@pytest.mark.parametrize("name", ["Toy Method", "TOY-METH0D", "T0y.Method"])
def test_names_belong_to_owners(
    store: Store, run: Path, good: Contents, key: Key, name: str
) -> None:
    """A peer's board let anyone overwrite a row by typing its name."""
    store.publish(good, key)
    with pytest.raises(UserError, match="looks like it, is another owner's"):
        store.publish(build(run, factory.card(name=name), owner=OTHER.public), OTHER)
    mine = build(run, factory.card(name=name, about="My own again."), owner=key.public)
    assert store.publish(mine, key).new


def test_copies_are_flagged(store: Store, run: Path, good: Contents, key: Key) -> None:
    store.publish(good, key)
    theirs = store.publish(build(run, factory.card(name="Copy"), owner=OTHER.public), OTHER)
    assert theirs.entry.flags == (
        f"the same scores as submission {good.id}",
        f"24 of 24 sampled videos are those of submission {good.id}",
    )


def test_tiers(store: Store, good: Contents, key: Key) -> None:
    entry = store.publish(good, key).entry
    assert store.entry(good.id).state.tier == "self-reported"
    for signer in (key, OTHER):
        with pytest.raises(UserError, match="not signed by one who may"):
            store.append(signed(signer, "reproduced", good.id, entry.protocol))
    true = signed(MAINTAINER, "recomputed", good.id, entry.protocol, about="All videos.")
    for forged in (
        true.model_copy(update={"kind": "reproduced"}),
        true.model_copy(update={"by": OTHER.public}),
        true.model_copy(update={"signature": "00" * 64}),
        true.model_copy(update={"signature": "no"}),
        signed(MAINTAINER, "recomputed", good.id, "another-protocol"),
        signed(MAINTAINER, "received", good.id, entry.protocol),
    ):
        with pytest.raises(UserError, match="not signed by one who may"):
            store.append(forged)
    assert store.append(true)
    assert not store.append(true)
    assert store.entry(good.id).state.tier == "recomputed"
    store.append(signed(MAINTAINER, "sample-checked", good.id, entry.protocol))
    assert store.entry(good.id).state.tier == "recomputed"
    store.append(signed(MAINTAINER, "disputed", good.id, entry.protocol))
    assert store.entry(good.id).state.disputed


def test_nobody_checks_their_own(store: Store, run: Path) -> None:
    own = build(run, factory.card(), owner=MAINTAINER.public)
    entry = store.publish(own, MAINTAINER).entry
    with pytest.raises(UserError, match="not signed by one who may"):
        store.append(signed(MAINTAINER, "reproduced", own.id, entry.protocol))


@SQLITE
def test_forged_in_the_file(store: Store, good: Contents, key: Key, gate: Gate) -> None:
    """Who can write into the index still cannot make a tier, and is seen."""
    entry = store.publish(good, key).entry
    forged = signed(OTHER, "reproduced", good.id, entry.protocol)
    assert store.index.path is not None
    with sqlite3.connect(store.index.path) as db:
        db.execute(
            "INSERT INTO events (id, submission, kind, document, chain) VALUES (?, ?, ?, ?, 'x')",
            (forged.id, good.id, forged.kind, json.dumps(forged.model_dump(mode="json"))),
        )
        for change in ("DELETE FROM events", "UPDATE events SET kind = 'reproduced'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(change)
    db.close()
    assert store.entry(good.id).state.tier == "self-reported"
    assert len(store.events(good.id)) == 2
    assert "somebody wrote into the events" in Store(store.root, gate=gate).alarms[0]


def test_damage_is_seen(store: Store, good: Contents, key: Key, gate: Gate) -> None:
    store.publish(good, key)
    path = store.bundles / good.id / SCORES
    path.write_bytes(b"PAR1 something else")
    with pytest.raises(UserError, match="not those of the files"):
        store.contents(good.id)
    (store.bundles / good.id).rename(store.root / "gone")
    assert "are missing" in Store(store.root, gate=gate).alarms[0]


@SQLITE
def test_index_can_be_made_again(
    store: Store, run: Path, good: Contents, key: Key, gate: Gate
) -> None:
    """Bundles come back in the order in which one took the place of another."""
    chain = [good]
    store.publish(good, key)
    for number in range(4):
        about = f"Number {number}."
        newer = build(run, factory.card(about=about), owner=key.public, supersedes=chain[-1].id)
        store.publish(newer, key)
        chain.append(newer)
    before = {listed.entry.id: listed for listed in store.submissions()}
    assert store.index.path is not None
    store.index.path.unlink()
    for name in ("index.sqlite-wal", "index.sqlite-shm"):
        (store.root / name).unlink(missing_ok=True)
    again = Store(store.root, gate=gate)
    assert again.alarms == []
    assert [listed.entry.id for listed in again.submissions()] == [one.id for one in chain]
    assert {listed.entry.id: listed for listed in again.submissions()} == before


def test_strange_bundles_are_set_aside(store: Store, good: Contents, gate: Gate) -> None:
    (store.bundles / ("0" * 64)).mkdir()
    forged = store.bundles / good.id
    forged.mkdir()
    for name, data in good.files.items():
        (forged / name).write_bytes(data)
    (forged / "events.json").write_text("[]")
    again = Store(store.root, gate=gate)
    assert len(again.alarms) == 2
    assert again.submissions() == []
    assert list(again.bundles.iterdir()) == []


def test_ids(store: Store, good: Contents, key: Key) -> None:
    store.publish(good, key)
    for wrong in ("", "../../etc", good.id[:7], "zz" * 32, good.id + "0", "%", "' OR 1=1 --"):
        with pytest.raises(UserError, match="no such submission"):
            store.entry(wrong)


def test_maintainers_file(store: Store, gate: Gate) -> None:
    (store.root / "maintainers.txt").write_text("me\n")
    with pytest.raises(UserError, match="public key, space, name"):
        Store(store.root, gate=gate)


def test_event_signatures() -> None:
    event = signed(OTHER, "disputed", "0" * 64, "customstudio-v1", about="See the link.")
    assert event.is_signed()
    assert Event.model_validate_json(event.model_dump_json(), strict=True) == event
    for field, value in (("about", "Another."), ("at", "2020-01-01T00:00:00+00:00")):
        assert not event.model_copy(update={field: value}).is_signed()
    with pytest.raises(ValueError):
        signed(OTHER, "disputed", "0" * 64, "customstudio-v1", about="[x](javascript:alert(1))")
    assert events.state([]) == events.State()
