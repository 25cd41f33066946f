"""A local Ray cluster of two workers: the same bytes, and a worker that dies loses nothing."""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from customstudio.generation import runner
from customstudio.generation.cluster import _outcome
from customstudio.generation.prepare import prepare
from customstudio.generation.records import Failure
from customstudio.ray_cluster import Done, RayCluster
from customstudio.suites.schema import Suite
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import FAST, Silent, request_of, suite, videos  # noqa: F401

ray = pytest.importorskip("ray")
torch.set_num_threads(1)
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray's own sockets
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]


@pytest.fixture
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def records(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.json"))}


def kill_a_worker_that_has_written(out: Path, killed: list[int]) -> None:
    """SIGKILL to a worker once a first video is there, in the middle of its pair."""
    deadline = time.monotonic() + 240
    while not killed and time.monotonic() < deadline:
        for process in psutil.Process().children(recursive=True) if videos(out) else ():
            try:
                if "_Worker" in " ".join(process.cmdline()):
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.pid)
                    return
            except (psutil.Error, ProcessLookupError):
                continue
        time.sleep(0.01)


def test_a_cluster_makes_the_same_bytes_even_if_a_worker_dies(
    cluster: None,
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    tmp_path: Path,
) -> None:
    here = request_of("custom_diffusion", changes=FAST)
    runner.run(prepare(here), Silent())
    there = dataclasses.replace(here, out=tmp_path / "there")
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker_that_has_written, args=(there.out, killed))
    killer.start()
    progress = Silent()
    outcome = runner.run(prepare(there), progress, RayCluster("auto"))
    killer.join()
    assert killed, "no worker was killed: the test shows nothing"
    assert not outcome.failures
    assert not outcome.busy
    assert outcome.made == len(suite.jobs) == 8
    assert progress.steps == progress.total
    assert videos(there.out) == videos(here.out)
    assert records(there.out) == records(here.out)
    assert not list(there.out.rglob("*.safetensors"))
    again = runner.run(prepare(there), Silent(), RayCluster("auto"))
    assert (again.made, again.there) == (0, 8)


def test_a_pair_that_kills_its_workers_is_recorded(request_of: Any) -> None:  # noqa: F811
    prepared = prepare(request_of())
    work = prepared.left[0]
    lost = _outcome(prepared, Done(work, error=RuntimeError("The actor died: out of memory")))
    assert lost.failure is not None
    path = prepared.request.out / ".pairs" / work.pair / "failure.json"
    written = Failure.model_validate_json(path.read_bytes())
    assert written == lost.failure
    assert "died again and again" in written.reason
    assert "--batch" in written.fix
