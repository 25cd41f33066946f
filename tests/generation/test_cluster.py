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

from customstudio.errors import UserError
from customstudio.generation import cluster as cluster_module
from customstudio.generation import runner
from customstudio.generation.cluster import _outcome
from customstudio.generation.prepare import prepare
from customstudio.generation.records import Failure
from customstudio.generation.regenerate import regenerate
from customstudio.generation.rows import Row, requests
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


def test_all_methods_at_once_on_a_cluster(
    cluster: None,
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The same videos and scores as without."""
    common = dataclasses.replace(request_of("untuned", changes=("sampling_steps=1",)), out=tmp_path)
    found = {}
    for ray in (None, "auto"):
        out = tmp_path / str(ray)
        named = list(requests(dataclasses.replace(common, out=out), [Row("untuned")]))
        made = regenerate(named, out, protocol="mini-v1", generation=Silent(), ray=ray)
        assert not made.failures
        (run,) = made.runs.values()
        found[ray] = (videos(named[0][1].out), run.summary.methods[0].overall)
    assert len(found[None][0]) == len(suite.jobs)
    assert found[None] == found["auto"]


class Stillborn:
    """A worker of a node that lacks what it needs."""

    def __init__(self, shared: object) -> None:
        raise OSError(f"{shared} is not here")

    def run(self, item: int) -> int:
        return item


class Somewhere:
    """A worker that says where it is."""

    def __init__(self, shared: object) -> None:
        self.shared = shared

    def run(self, item: int) -> str:
        return os.getcwd()


def test_workers_that_cannot_start_end_it(cluster: None, request_of: Any) -> None:  # noqa: F811
    work = RayCluster("auto").work(Stillborn, "the base model", range(5), threads=1, device="cpu")
    done = list(work)
    assert sorted(one.item for one in done) == list(range(5))
    assert all("the base model is not here" in str(one.error) for one in done)
    prepared = prepare(request_of())
    lost = _outcome(prepared, Done(prepared.left[0], error=done[0].error))
    assert lost.failure is not None
    assert lost.failure.reason == "no worker of the cluster could start"
    assert "OSError: the base model is not here" in lost.failure.where


def test_workers_are_where_the_driver_is(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = list(RayCluster("auto").work(Somewhere, None, range(3), threads=1, device="cpu"))
    assert {one.result for one in done} == {str(tmp_path)}


def test_a_device_that_no_worker_can_have_is_refused(cluster: None) -> None:
    for device in ("cuda", "cuda:1", "tpu"):
        with pytest.raises(UserError, match="no worker of the cluster can have"):
            RayCluster("auto").device(device)
    assert RayCluster("auto").device("auto") == "cpu"


def test_videos_that_a_worker_made_elsewhere_are_missed(
    request_of: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.0)
    prepared = prepare(request_of())
    work = prepared.left[0]
    lost = _outcome(prepared, Done(work, result=runner.PairOutcome(made=len(work.todo))))
    assert lost.failure is not None
    assert "they are not here" in lost.failure.reason


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
