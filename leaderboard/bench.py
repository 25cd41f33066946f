"""`python -m customstudio.leaderboard.bench`: how long a large board's pages take, and its memory.

The store is filled with made-up rows (every job of suite `customstudio`, every key of ten metrics,
under a protocol of this module alone), twelve sets of them in turn; cards and section say so. Its
gate is left out: it is timed elsewhere, and a thousand runs of it would take most of an hour. Means
and intervals are those of one set of rows, shifted at random. Times are of a page's script on the
server, by Streamlit's test runner.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from customstudio.evaluation.records import Estimate, MethodSummary
from customstudio.leaderboard import derived
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.records import digest
from customstudio.submissions import parquet
from customstudio.submissions.contents import Contents, sealed
from customstudio.submissions.gate import Checked
from customstudio.submissions.keys import Key
from customstudio.submissions.recompute import recompute
from customstudio.submissions.schema import (
    ENV,
    SCORES,
    SUBMISSION,
    VIDEOS,
    Env,
    MethodCard,
    RunSettings,
    Submission,
    SuiteRef,
    Verdict,
)
from customstudio.submissions.store import Store
from customstudio.suites.load import load_suite

MADE_UP = "made-up rows, to time the board's pages"
PROTOCOL = Protocol(
    id="bench-v0",
    about=f"ten metrics: {MADE_UP}",
    metrics=catalog.METRICS[:10],
    networks=catalog.protocol("customstudio-v1").networks,
    official=False,
)
"""Known while a store is filled and looked at here; no gate and no other board knows it."""
SUITE = load_suite("customstudio")
KEYS = tuple(k for m in PROTOCOL.metrics for k in catalog.spec(m).keys)
OWNER = Key(bytes(range(32)))
TUNINGS = ("none", "per pair", "per subject")
KINDS = 12
"""Different sets of rows; the submissions have them in turn."""


def rows(number: int) -> pd.DataFrame:
    """Made-up values of one method: its own level, and noise over pairs and over videos."""
    rng = np.random.default_rng([20261121, number])
    jobs = [job.id for job in SUITE.jobs]
    pairs = pd.factorize(np.array([job.pair for job in SUITE.jobs]))[0]
    values = (
        0.5
        + 0.1 * rng.standard_normal()
        + 0.04 * rng.standard_normal((len(SUITE.pairs), len(KEYS)))[pairs]
        + 0.05 * rng.standard_normal((len(jobs), len(KEYS)))
    ).clip(0, 1)
    return pd.DataFrame(
        {
            "job": np.repeat(jobs, len(KEYS)),
            "metric": np.tile(KEYS, len(jobs)),
            "subject": None,
            "value": values.astype(np.float32).ravel(),
            "reason": None,
        }
    )


def submission(number: int, results: MethodSummary) -> Submission:
    """The record of one made-up method."""
    references: dict[str, tuple[str, ...]] = {
        subject: (digest(subject),) for pair in SUITE.pairs.values() for subject in pair.subjects
    }
    return Submission(
        schema_version=1,
        owner=OWNER.public,
        card=MethodCard(
            name=f"Made up {number:04d}", tuning=TUNINGS[number % 3],  # type: ignore[arg-type]
            base_model=f"base-{number % 7}", licence="Apache-2.0", open_weights=number % 2 == 0,
            year=2023 + number % 4, authors=("A. Author",),
            about="Made-up rows, to time the pages of a board.",
        ),
        suite=SuiteRef(name=SUITE.name, version=SUITE.version, prompt_set=SUITE.prompt_set,
                       digest=SUITE.digest, jobs=len(SUITE.jobs)),
        protocol=PROTOCOL.id,
        metrics={m: catalog.spec(m).version for m in PROTOCOL.metrics},
        networks=(),
        references=references,
        settings=RunSettings(chunk=16, batch=32, device="cpu", precision="float32", threads=1),
        plan_digest="0" * 64,
        evaluated="2026-11-21T00:00:00+00:00",
        overall=results.overall,
        coverage=results.coverage,
        supersedes=None,
    )  # fmt: skip


@cache
def tables(kind: int) -> dict[str, bytes]:
    """`scores.parquet` and `videos.parquet` of one of `KINDS` made-up methods."""
    table = pa.Table.from_pandas(rows(kind), parquet.SCORES, preserve_index=False)
    videos = pa.Table.from_pylist(
        [
            {"job": job.id, "sha256": digest([kind, job.id]), "bytes": 1, "frames": 16,
             "width": 256, "height": 256, "fps": 8.0}
            for job in SUITE.jobs
        ],
        parquet.VIDEOS,
    )  # fmt: skip
    return {SCORES: parquet.write(table), VIDEOS: parquet.write(videos)}


def contents(number: int, results: MethodSummary) -> Contents:
    """The five files of one made-up method."""
    env = Env(customstudio="0", commit=None, dirty=None, python="3", platform="none",
              device_name="none", packages={})  # fmt: skip
    return sealed(
        {
            SUBMISSION: submission(number, results).model_dump_json().encode(),
            ENV: env.model_dump_json().encode(),
            **tables(number % KINDS),
        }
    )


def shifted(results: MethodSummary, by: float) -> MethodSummary:
    """The same results, all moved."""

    def moved(value: float | None) -> float | None:
        return None if value is None else min(max(value + by, 0.0), 1.0)

    overall = {
        key: Estimate(**{**e.model_dump(), "mean": moved(e.mean), "low": moved(e.low),
                         "high": moved(e.high)})
        for key, e in results.overall.items()
    }  # fmt: skip
    return results.model_copy(update={"overall": overall})


def accepted(results: MethodSummary, found: Contents) -> Checked:
    """What the gate would say of rows that are good."""
    told = Submission.model_validate_json(found.files[SUBMISSION])
    videos = tuple(sorted(digest([found.id, n]) for n in range(64)))
    verdict = Verdict(id=found.id, findings=(), unofficial_because=(MADE_UP,))
    return Checked(verdict, told, results, videos, found.id)


def fill(root: Path, count: int) -> Store:
    """A store of that many made-up submissions; one that is filled already is taken as it is."""
    catalog.PROTOCOLS.setdefault(PROTOCOL.id, PROTOCOL)
    store = Store(root)
    there = len(store.submissions())
    first = recompute(rows(0), SUITE, PROTOCOL, {m: 1 for m in PROTOCOL.metrics})
    rng = np.random.default_rng(20261121)
    for number, by in enumerate(0.12 * rng.standard_normal(count)):
        if number >= there:
            results = shifted(first, float(by))
            store.gate = partial(accepted, results)
            store.publish(contents(number, results), OWNER)
    return store


def timed(run: Callable[[], Any], times: int = 5) -> str:
    """Wall time and processor time of a call that has been made once before: medians, ranges."""
    run()
    walls, works = [], []
    for _ in range(times):
        wall, work = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return f"{_middle(walls)} | {_middle(works)}"


def once(run: Callable[[], Any]) -> str:
    """The same of one call."""
    wall, work = time.perf_counter(), time.process_time()
    run()
    return f"{time.perf_counter() - wall:.2f} s | {time.process_time() - work:.2f} s"


def _middle(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def page(name: str, **parameters: Any) -> Callable[[], Any]:
    """One run of a page's script at an address, by Streamlit's own test runner."""
    from streamlit.testing.v1 import AppTest

    def script(name: str) -> None:
        from importlib import import_module

        import_module(f"customstudio.leaderboard.views.{name}").page()

    def run() -> None:
        at = AppTest.from_function(script, args=(name,), default_timeout=600)
        for key, value in parameters.items():
            at.query_params[key] = value
        at.run()
        assert not at.exception, at.exception

    return run


def measures(store: Store) -> Iterator[tuple[str, str]]:
    """What is timed, in words, and the result."""
    entries = [one.entry for one in store.submissions()]
    ids = [entry.id for entry in entries]
    yield "first look at the board, nothing cached", once(page("board"))
    yield "first page of the board", timed(page("board"))
    yield "a filter and another order", timed(page("board", tuning="none", sort="dino_i"))
    yield "groups of one submission, once", once(lambda: derived.details(store, entries[0]))
    yield "a method's page", timed(page("method", id=ids[0]))
    for entry in entries[1:5]:
        derived.details(store, entry)
    yield "five methods compared for the first time", once(page("compare", id=ids[:5]))
    yield "the same comparison again", timed(page("compare", id=ids[:5]))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield "peak memory of the process", f"{most:.0f} MiB |"
    size = sum(path.stat().st_size for path in store.bundles.rglob("*") if path.is_file())
    yield "size of the store's bundles", f"{size / 2**20:.0f} MiB |"


def main() -> None:
    """Fill a store, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--store", type=Path, help="keep the store here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.store or Path(folder)
        store = fill(root, chosen.submissions)
        import os

        os.environ["CUSTOMSTUDIO_STORE"] = str(root)
        print(f"{chosen.submissions} submissions of {len(SUITE.jobs)} videos, made up: "
              f"{len(PROTOCOL.metrics)} metrics, {len(KEYS)} keys")  # fmt: skip
        for what, result in measures(store):
            print(f"| {what} | {result} |", flush=True)


if __name__ == "__main__":
    main()
