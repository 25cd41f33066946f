"""A local Ray cluster of two workers: the same bytes, and a worker that dies loses nothing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import customstudio

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def evaluate(videos: Path, weights: Path, out: Path, **options: object) -> bytes:
    run = customstudio.evaluate(
        videos,
        protocol="toy-v0",
        weights_dir=weights,
        out=out,
        chunk=2,
        batch=8,
        device="cpu",
        threads=1,
        metrics=["clip_t", "clip_i", "stitch_score"],
        **options,  # type: ignore[arg-type]
    )
    return (run.path / "scores.parquet").read_bytes()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray's own sockets
@pytest.mark.filterwarnings("ignore::FutureWarning:ray")
def test_a_cluster_gives_the_same_bytes_even_if_a_worker_dies(
    cluster: None, toy_videos: Path, toy_weights: Path, tmp_path: Path
) -> None:
    expected = evaluate(toy_videos, toy_weights, tmp_path / "here")
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for process in psutil.Process().children(recursive=True):
                try:
                    if "_Worker" in " ".join(process.cmdline()):
                        os.kill(process.pid, signal.SIGKILL)
                        killed.append(process.pid)
                        return
                except (psutil.Error, ProcessLookupError):
                    continue
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = evaluate(toy_videos, toy_weights, tmp_path / "there", ray="auto")
    killer.join()
    assert killed, "no worker was killed: the test shows nothing"
    assert found == expected
