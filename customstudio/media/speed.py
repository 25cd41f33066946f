"""Measures decoding and resizing: `python -m customstudio.media.speed`."""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from customstudio.media.transform import Transform
from customstudio.media.video import read_video, write_video

FRAMES, HEIGHT, WIDTH = 24, 320, 576


def main() -> None:
    """Print milliseconds for a video of the suite's size (24 frames of 576x320)."""
    rng = np.random.default_rng(0)
    coarse = rng.random((HEIGHT // 8, WIDTH // 8 + FRAMES, 3))
    scene = (255 * coarse.repeat(8, 0).repeat(8, 1)).astype(np.uint8)
    frames = [np.ascontiguousarray(scene[:, 2 * at : 2 * at + WIDTH]) for at in range(FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, frames, 8.0)
        alone = best(lambda: read_video(path))
        print(f"decode, one thread: {alone:.1f} ms a video of {path.stat().st_size:,} bytes")
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            many = best(lambda: list(pool.map(lambda _: read_video(path), range(4 * threads))))
        print(f"decode, {threads} threads: {many / (4 * threads):.1f} ms a video")
    for transform in (Transform(224, 224), Transform(256, 224)):
        spent = best(lambda transform=transform: [transform(frame) for frame in frames])  # type: ignore[misc]
        print(f"resize {transform.resize}, crop {transform.crop}: {spent / FRAMES:.2f} ms a frame")


def best(work: Callable[[], object], rounds: int = 7) -> float:
    """The fastest of a few rounds, in milliseconds."""
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return 1000 * min(spent)


if __name__ == "__main__":
    main()
