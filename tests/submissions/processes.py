"""Run as a program: publishers that are killed, and fifty at once. Prints what came of it as JSON.

    python -m tests.submissions.processes kill|crowd CLIENTS [FOLDER-OF-A-POSTGRESQL-SERVER]

One process loads everything and runs the gate; its children publish with the gate's answer.
"""

import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.place import DATABASE
from customstudio.submissions.store import Store
from tests.submissions import factory
from tests.submissions.postgres import Cluster

KEY = Key(b"k" * 32)


def prepared(root: Path, names: int) -> tuple[list[tuple[Contents, Key]], dict[str, Checked]]:
    """Submissions under different names and owners, and what the gate says of each."""
    run = factory.write_run(root / "run")
    keys = [KEY, *(Key(os.urandom(32)) for _ in range(names - 1))]
    pairs = [
        (build(run, factory.card(name=f"Method {chr(65 + i // 26)}{chr(65 + i % 26)}x{i}"),
               owner=key.public), key) for i, key in enumerate(keys)
    ]  # fmt: skip
    with Decoder() as decoder:
        first = check(pairs[0][0], rules=factory.rules(), decoder=decoder)
    assert first.verdict.passed, first.verdict.findings
    answers = {}
    for contents, key in pairs:
        document = json.loads(contents.files["submission.json"])
        assert first.submission is not None
        submission = type(first.submission).model_validate(document)
        verdict = first.verdict.model_copy(update={"id": contents.id})
        answers[contents.id] = Checked(
            verdict, submission, first.results, first.videos, first.scores_digest
        )
        assert submission.owner == key.public
    return pairs, answers


def in_child(action: Callable[[], object]) -> int:
    """Start a child that does something; its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return pid


def killed_at(step: int) -> Callable[[], None]:
    """Make this process kill itself just before its n-th call that changes the disk."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("fsync", "rename", "mkdir", "chmod", "rmdir", "unlink"):
        plain = getattr(os, name)

        def counted(*args: object, plain: Callable[..., object] = plain, **kw: object) -> object:
            count()
            return plain(*args, **kw)

        setattr(os, name, counted)
    connect = sqlite3.connect

    def watched(*args: object, **options: object) -> sqlite3.Connection:
        db = connect(*args, **options)  # type: ignore[call-overload]
        db.set_trace_callback(lambda _: count())
        return db  # type: ignore[no-any-return]

    sqlite3.connect = watched  # type: ignore[assignment]
    if os.environ.get(DATABASE):
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: count())
    return count


def new_database(cluster: Cluster | None) -> None:
    """From now on, stores of this process and its children use a new database."""
    if cluster is not None:
        os.environ[DATABASE] = cluster.new()


def kill_everywhere(root: Path, cluster: Cluster | None) -> dict[str, object]:
    """Kill a publisher at every step in turn; after each, the store must be whole."""
    (pair,), answers = prepared(root, 1)
    contents, key = pair
    results = {"steps": 0, "taken in": 0, "wrong": []}
    for step in range(1, 500):
        folder = root / f"store{step}"
        new_database(cluster)

        def publish(folder: Path = folder, step: int = step) -> None:
            killed_at(step)
            Store(folder, gate=_gate(answers)).publish(contents, key)

        _, status = os.waitpid(in_child(publish), 0)
        store = Store(folder, gate=_gate(answers))
        taken = len(store.submissions())
        before = store.publish(contents, key).new
        whole = store.contents(contents.id).files == contents.files
        kinds = [event.kind for event in store.events(contents.id)]
        good = taken == int(not before) and whole and kinds == ["received", "published"]
        if not good or store.alarms or len(store.submissions()) != 1:
            results["wrong"].append([step, taken, before, kinds, store.alarms])  # type: ignore
        results["taken in"] += int(os.WIFSIGNALED(status) and taken)  # type: ignore[operator]
        if not os.WIFSIGNALED(status):
            break
        results["steps"] = step
    return results


def crowd(root: Path, cluster: Cluster | None, clients: int) -> dict[str, object]:
    """Clients that all publish at once: each its own submission, and all of them one more."""
    pairs, answers = prepared(root, clients + 1)
    shared, key = pairs[0]
    new_database(cluster)
    folder = root / "store"
    start = time.monotonic() + 0.5

    def client(own: tuple[Contents, Key]) -> None:
        time.sleep(max(0.0, start - time.monotonic()))
        store = Store(folder, gate=_gate(answers))
        store.publish(*own)
        store.publish(shared, key)
        store.publish(*own)

    pids = [in_child(lambda own=own: client(own)) for own in pairs[1:]]
    failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    seconds = time.monotonic() - start
    store = Store(folder, gate=_gate(answers))
    listed = store.submissions()
    return {
        "failed": failed,
        "seconds": seconds,
        "entries": len(listed),
        "different": len({one.entry.id for one in listed}),
        "published": sum(one.state.published for one in listed),
        "bundles": len(list(store.bundles.iterdir())),
        "staged": len(list(store.staging.iterdir())),
        "events": sum(len(store.events(one.entry.id)) for one in listed),
        "alarms": store.alarms,
    }


def _gate(answers: dict[str, Checked]) -> Callable[[Contents], Checked]:
    return lambda contents: answers[contents.id]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        what = Path(temporary)
        server = Cluster(Path(sys.argv[3])) if len(sys.argv) > 3 else None
        kill = sys.argv[1] == "kill"
        done = kill_everywhere(what, server) if kill else crowd(what, server, int(sys.argv[2]))
    print(json.dumps(done))
