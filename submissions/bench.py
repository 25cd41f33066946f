"""Times of submitting: `python -m customstudio.submissions.bench`; prints a Markdown table.

The submissions are made up, at full size: every job of the suite, every metric of the protocol.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from customstudio.client import Server
from customstudio.metrics import catalog
from customstudio.submissions import parquet
from customstudio.submissions.archive import pack
from customstudio.submissions.contents import Contents, sealed
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import check
from customstudio.submissions.keys import Key
from customstudio.submissions.limits import Limits
from customstudio.submissions.recompute import recompute
from customstudio.submissions.schema import ENV, SCORES, SUBMISSION, VIDEOS, Env, Submission
from customstudio.submissions.store import Store
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Suite
from customstudio.weights.networks import manifest

PROTOCOL = "customstudio-v1"


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50, help="who send at once")
    parser.add_argument("--rounds", type=int, default=5, help="times the gate is run")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}\n")
    print("| what | wall | processor | details |\n|---|---|---|---|", flush=True)
    contents = made_up(np.random.default_rng(0))
    jobs = len(load_suite("customstudio").jobs)
    packed = len(pack(contents))
    print(f"| size of a submission | – | – | {contents.bytes:,} bytes; {packed:,} as a zip; "
          f"{jobs:,} videos |", flush=True)  # fmt: skip
    _gate(contents, options.rounds)
    _crowd([_of_another(contents, number) for number in range(options.clients)])


def _gate(contents: Contents, rounds: int) -> None:
    def cold() -> None:
        assert check(contents).verdict.passed

    _row("the gate, with a Parquet process of its own", _timed(cold, 2)[1:], "second of two")
    with Decoder() as decoder:

        def warm() -> None:
            assert check(contents, decoder=decoder).verdict.passed

        times = _timed(warm, rounds)
        _row("the gate, as a server runs it", [min(times)], f"best of {rounds}")


def _crowd(made: list[tuple[Contents, Key]]) -> None:
    import uvicorn

    from customstudio.submissions.server import application, serving

    with tempfile.TemporaryDirectory() as folder:
        store = serving(Path(folder))
        limits = Limits(burst=len(made), uploads=len(made))
        config = uvicorn.Config(application(store, limits), port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        host = server.servers[0].sockets[0].getsockname()
        try:
            _send_all(f"http://127.0.0.1:{host[1]}", made, store)
        finally:
            server.should_exit = True
            thread.join()


def _send_all(address: str, made: list[tuple[Contents, Key]], store: Store) -> None:
    waits: list[float] = []

    def send(one: tuple[Contents, Key]) -> None:
        start = time.perf_counter()
        Server(address).publish(*one)  # one that waited too long asks again
        waits.append(time.perf_counter() - start)

    def everybody() -> None:
        with ThreadPoolExecutor(len(made)) as pool:
            list(pool.map(send, made))

    (took,) = _timed(everybody, 1)
    assert len(store.submissions()) == len(made)
    details = f"to one server; all are there; longest wait {max(waits):.1f} s"
    _row(f"{len(made)} send at once", [took], details)


def _timed(work: Callable[[], None], rounds: int) -> list[tuple[float, float]]:
    """Wall and processor seconds (of this process and its ended children), a round."""
    times = []
    for _ in range(rounds):
        start, used = time.perf_counter(), _used()
        work()
        times.append((time.perf_counter() - start, _used() - used))
    return times


def _used() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def _row(what: str, times: list[tuple[float, float]], details: str) -> None:
    ((wall, used),) = times
    print(f"| {what} | {wall:.2f} s | {used:.2f} s | {details} |", flush=True)


def _of_another(contents: Contents, number: int) -> tuple[Contents, Key]:
    """The same results under another name and owner."""
    key = Key((number + 1).to_bytes(32))
    document = json.loads(contents.files[SUBMISSION])
    document["owner"], document["card"]["name"] = key.public, f"Method {number:03d}"
    return sealed({**contents.files, SUBMISSION: json.dumps(document).encode()}), key


def made_up(rng: np.random.Generator) -> Contents:
    """A full submission of random scores."""
    suite = load_suite("customstudio")
    metrics = list(catalog.protocol(PROTOCOL).metrics)
    scores = pd.DataFrame(list(_scores(suite, metrics, rng)), columns=parquet.SCORES.names)
    videos = {
        "job": sorted(job.id for job in suite.jobs),
        "sha256": [rng.bytes(32).hex() for _ in suite.jobs],
        "bytes": rng.integers(10_000, 500_000, len(suite.jobs)),
        "frames": [24] * len(suite.jobs),
        "width": [576] * len(suite.jobs),
        "height": [320] * len(suite.jobs),
        "fps": [8.0] * len(suite.jobs),
    }
    table = pa.Table.from_pandas(scores, parquet.SCORES, preserve_index=False)
    table = table.sort_by([(n, "ascending") for n in ("job", "metric", "subject")])
    submission = _submission(suite, metrics, table)
    env = Env(customstudio="0.1.0", commit=None, dirty=False, python="3.11", platform="Linux",
              device_name="NVIDIA H100", packages={"torch": "2.7"})  # fmt: skip
    files = {
        SUBMISSION: submission.model_dump_json(indent=1).encode(),
        ENV: env.model_dump_json().encode(),
        SCORES: parquet.write(table),
        VIDEOS: parquet.write(pa.table(videos, parquet.VIDEOS)),
    }
    return sealed(files)


def _submission(suite: Suite, metrics: list[str], scores: pa.Table) -> Submission:
    protocol = catalog.protocol(PROTOCOL)
    versions = {metric: catalog.spec(metric).version for metric in metrics}
    results = recompute(scores.to_pandas(), suite, protocol, versions)
    used = sorted({subject for pair in suite.pairs.values() for subject in pair.subjects})
    networks = []
    for role in catalog.roles(catalog.features(metrics)):
        network = manifest()[protocol.networks[role]]
        hashes = {file.name: "ab" * 32 for file in network.files}
        networks.append({"role": role, "id": network.id, "sha256": hashes})
    card = {"name": "Method", "tuning": "per pair", "base_model": "none", "licence": "MIT",
            "open_weights": True, "year": 2026, "authors": ["A. Author"]}  # fmt: skip
    return Submission.model_validate(
        {
            "schema_version": 1,
            "owner": Key(bytes(32)).public,
            "card": card,
            "suite": {
                "name": suite.name,
                "version": suite.version,
                "prompt_set": suite.prompt_set,
                "digest": suite.digest,
                "jobs": len(suite.jobs),
            },
            "protocol": PROTOCOL,
            "metrics": versions,
            "networks": networks,
            "references": {subject: ["cd" * 32] * 4 for subject in used},
            "settings": {
                "chunk": 16,
                "batch": 32,
                "device": "cuda:0",
                "precision": "float32",
                "threads": 8,
            },
            "plan_digest": "ef" * 32,
            "evaluated": "2026-11-21T12:00:00+00:00",
            "overall": {name: one.model_dump() for name, one in results.overall.items()},
            "coverage": {name: one.model_dump() for name, one in results.coverage.items()},
            "supersedes": None,
        }
    )


def _scores(
    suite: Suite, metrics: list[str], rng: np.random.Generator
) -> Iterator[tuple[Any, ...]]:
    for job in suite.jobs:
        for metric in metrics:
            spec = catalog.spec(metric)
            for key in spec.keys:
                alone = not spec.per_subject or key == f"{metric}.pooled"
                values: list[float | str] = []
                for subject in () if alone else job.subjects:
                    category = suite.subjects[subject].category
                    values.append(_value(spec.applies_to, category, key, rng))
                    yield _row_of(job.id, key, subject, values[-1])
                numbers = [value for value in values if isinstance(value, float)]
                if alone:
                    yield _row_of(job.id, key, None, float(np.float32(rng.random())))
                elif numbers:
                    yield _row_of(job.id, key, None, float(np.mean(numbers)))
                else:
                    yield _row_of(job.id, key, None, values[0])


def _value(applies_to: Any, category: str, key: str, rng: np.random.Generator) -> float | str:
    if applies_to is not None and category not in applies_to:
        return "not_applicable: not a person"
    if key.endswith(".masked"):
        return "not_applicable: no masks"
    return float(np.float32(rng.random()))


def _row_of(job: str, key: str, subject: str | None, value: float | str) -> tuple[Any, ...]:
    is_value = isinstance(value, float)
    return job, key, subject, value if is_value else None, None if is_value else value


if __name__ == "__main__":
    main()
