"""The same pairs on a Ray cluster: a pair is a task, the videos and records are the grid's own.

The nodes see the folders of videos, references and weights under the same paths. A worker that dies
is started anew and goes on with its pair where it stopped: what it had written is there.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from customstudio.errors import UserError
from customstudio.generation.failures import record_failure
from customstudio.generation.grid import PAIRS, PairWork, video_path
from customstudio.generation.prepare import Prepared
from customstudio.generation.runner import (
    PairOutcome,
    Progress,
    attempt,
    load_bases,
    steps_of,
)
from customstudio.ray_cluster import Done, RayCluster

PATIENCE = 60.0
"""Seconds until files of another node are missed: NFS keeps what it knew of a folder so long."""


def run_on(
    cluster: RayCluster, prepared: Prepared, todo: Sequence[PairWork], progress: Progress
) -> Iterator[tuple[PairWork, PairOutcome]]:
    """Make pairs on a cluster, in whatever order they finish."""
    device = cluster.device(prepared.request.device) if prepared.parts.base else "cpu"
    threads = torch.get_num_threads()
    progress.start(steps_of(prepared, todo))
    shared = (prepared, device, threads)
    for done in cluster.work(_Worker, shared, todo, threads=threads, device=device):
        progress.advance(steps_of(prepared, [done.item]))
        outcome = _outcome(prepared, done)
        progress.note(f"{done.item.pair}: {outcome.made} videos made")
        yield done.item, outcome


def _outcome(prepared: Prepared, done: Done[PairWork]) -> PairOutcome:
    out, work = prepared.request.out, done.item
    if done.error is not None:
        lines = str(done.error).strip().splitlines() or [""]
        error = UserError(
            f"the worker of the pair died again and again: {type(done.error).__name__}",
            where=lines[0],
            fix="look for its memory: lower --batch or --set batch=1, and run the command again",
        )
        if getattr(done.error, "actor_init_failed", False):
            told = [line for line in lines if "rror: " in line] or lines
            error = UserError(
                "no worker of the cluster could start",
                where=told[-1].strip(),
                fix="mend that; all nodes must see base models and references under the same paths",
            )
        return PairOutcome(failure=record_failure(out / PAIRS / work.pair, work.pair, error))
    outcome: PairOutcome = done.result
    if outcome.failure or outcome.busy:
        return outcome
    if not _seen([video_path(out, job) for job in work.todo]):
        error = UserError(
            "a worker made the pair's videos, and they are not here",
            where=str(out.absolute()),
            fix="all nodes must see it under this path: give --out in a folder that they share",
        )
        return PairOutcome(failure=record_failure(out / PAIRS / work.pair, work.pair, error))
    # What a worker wrote before it died counts as well as what its successor wrote.
    return PairOutcome(len(work.todo))


def _seen(paths: Sequence[Path]) -> bool:
    """Whether files are there; a network file system may show another node's after a while."""
    deadline = time.monotonic() + PATIENCE
    while not all(path.is_file() for path in paths):
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


class _Worker:
    """Holds the base models in a process of its own."""

    def __init__(self, shared: tuple[Prepared, str, int]) -> None:
        self._prepared, self._device, threads = shared
        # As many as in the driver: the last bits of a sum depend on how it is divided.
        torch.set_num_threads(threads)
        self._bases = load_bases(self._prepared, self._device)

    def run(self, work: PairWork) -> PairOutcome:
        """Make one pair."""
        return attempt(self._prepared, self._bases, work, self._device, _Unwatched())


class _Unwatched:
    """A progress that nobody watches: a pair is told when it is done."""

    def start(self, total: int) -> None:
        """Nothing."""

    def advance(self, steps: int) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
