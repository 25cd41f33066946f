"""`make bench`: the engine against bare networks and against the way public scripts work.

Every figure is a ratio of two things timed in the same process, in turn. Videos are rendered,
weights are random values of full size: speed does not depend on what the numbers are.
"""

import argparse
import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from customstudio.evaluation.api import compute_here, evaluate
from customstudio.evaluation.devices import resolve
from customstudio.evaluation.discover import discover
from customstudio.evaluation.plan import Plan, make_plan
from customstudio.evaluation.records import Settings
from customstudio.media.image import load_image
from customstudio.media.video import read_video, write_video
from customstudio.metrics import backbones, catalog
from customstudio.metrics.similarity import consecutive_cosine, cosine
from customstudio.metrics.spec import Array
from customstudio.suites.load import load_suite
from customstudio.weights import random_weights
from customstudio.weights.store import Store

FOUR = ("clip_t", "clip_i", "dino_i", "temporal_consistency")
BATCH = 32
PRECISIONS: tuple[Literal["float32", "tf32", "amp"], ...] = ("float32", "tf32", "amp")


def main() -> None:
    """Run the benchmarks and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=("speed", "memory", "resume", "stages"), action="append")
    parser.add_argument("--rounds", type=int, default=2, help="times each thing is measured")
    parser.add_argument("--device", default="auto", help="for stages: auto, cpu or cuda")
    parser.add_argument("--videos", type=int, default=64, help="for stages: videos to score")
    parser.add_argument("--memory-child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_child:
        _memory_child(options.memory_child)
        return
    chosen = options.only or ["speed", "memory", "resume"]
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}\n")
    print("| what | ratio or time | of | details |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        os.environ["CUSTOMSTUDIO_CACHE"] = str(folder / "cache")
        os.environ["CUSTOMSTUDIO_DATA"] = str(folder / "data")
        if "speed" in chosen:
            list(random_weights.write(folder / "weights", ("clip-vit-b32-openai", "dino-vits16")))
            _speed(folder, frames=24, videos=12, rounds=options.rounds, scripts=False)
            _speed(folder, frames=8, videos=32, rounds=options.rounds, scripts=True)
        if "memory" in chosen:
            _memory(folder)
        if "resume" in chosen:
            _resume(folder)
        if "stages" in chosen:
            _stages(folder, resolve(options.device), options.videos)


def _row(what: str, figure: str, of: str, details: str) -> None:
    print(f"| {what} | {figure} | {of} | {details} |", flush=True)


def _make_videos(folder: Path, *, videos: int, frames: int, size: tuple[int, int]) -> Path:
    """A manifest of rendered videos with two subjects of five references each."""
    rng = np.random.default_rng(0)
    for subject in ("person_1", "pet_dog"):
        for number in range(5):
            path = folder / "references" / subject / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_moving(rng, 1, (512, 512))[0]).save(path)
    rows = []
    for number in range(videos):
        write_video(folder / f"{number}.mp4", _moving(rng, frames, size), 8.0)
        prompt = f"a person and a dog, number {number % 4}"
        rows.append([f"{number}.mp4", prompt, "person_1;pet_dog", number])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "prompt", "subjects", "seed"], *rows])
    return folder


def _moving(rng: np.random.Generator, frames: int, size: tuple[int, int]) -> Array:
    width, height = size
    picture = Image.fromarray(rng.integers(0, 255, (9, 16, 3), np.uint8))
    wide = np.asarray(picture.resize((width + 4 * frames, height), Image.Resampling.BICUBIC))
    return np.stack([wide[:, 4 * f : 4 * f + width] for f in range(frames)])


def _plan(
    videos: Path,
    weights: Path,
    *,
    metrics: Sequence[str],
    device: str = "cpu",
    precision: Literal["float32", "tf32", "amp"] = "float32",
) -> Plan:
    settings = Settings(
        chunk=16,
        batch=BATCH,
        device=device,
        precision=precision,
        threads=len(os.sched_getaffinity(0)),
        keep_features=False,
    )
    return make_plan(
        discover(videos),
        protocol=catalog.protocol("customstudio-v1"),
        metrics=metrics,
        settings=settings,
        store=Store(weights),
    )


def _speed(folder: Path, *, frames: int, videos: int, rounds: int, scripts: bool) -> None:
    data = _make_videos(folder / f"v{frames}", videos=videos, frames=frames, size=(576, 320))
    plan = _plan(data, folder / "weights", metrics=FOUR)
    networks = _load(plan)
    inputs = {
        role: np.concatenate([_crops(networks[role], i.path) for i in plan.collection.items])
        for role in networks
    }
    for role, network in networks.items():
        network.embed(inputs[role][:BATCH])  # warm
    tasks: dict[str, Callable[[], object]] = {
        "engine": lambda: _engine(plan),
        "bare": lambda: _bare(networks, inputs),
    }
    if scripts:
        tasks["scripts"] = lambda: _as_scripts(plan)
    times = _in_turn(tasks, rounds)
    details = f"{videos} videos of {frames} frames, 576x320, 10 references; median of {rounds}"
    bare = statistics.median(times["bare"])
    rate = f"bare: {videos * frames / bare:.1f} frames/s"
    _row("engine", _ratio(times, "engine", "bare"), "bare forward passes", f"{details}; {rate}")
    if scripts:
        _row(
            "public scripts' way", _ratio(times, "scripts", "bare"), "bare forward passes", details
        )
        _row("public scripts' way", _ratio(times, "scripts", "engine"), "engine", details)


def _load(plan: Plan) -> dict[str, Any]:
    return {
        role: backbones.load(role, located, device="cpu", precision="float32", options={})
        for role, located in plan.networks.items()
    }


def _ratio(times: dict[str, list[float]], a: str, b: str) -> str:
    ratios = sorted(x / y for x, y in zip(times[a], times[b], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def _in_turn(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return times


def _crops(network: Any, path: Path | None) -> Array:
    assert path is not None
    return np.stack([network.transform(frame) for frame in read_video(path).frames])


def _engine(plan: Plan) -> None:
    """All of it: loading the networks, references and texts (from a cold cache), decoding."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CUSTOMSTUDIO_CACHE"] = cache
        results = list(compute_here(plan, range(len(plan.chunks)), workers=plan.settings.threads))
    assert sum(len(result.videos) for result in results) == len(plan.collection.items)


def _bare(networks: dict[str, Any], inputs: dict[str, Array]) -> None:
    for role, network in networks.items():
        for start in range(0, len(inputs[role]), BATCH):
            network.embed(inputs[role][start : start + BATCH])


def _as_scripts(plan: Plan) -> None:
    """One video at a time, decoded and embedded anew for each metric, with its references.

    The networks are loaded once, not once a metric: kinder than the scripts are.
    """
    networks = _load(plan)
    clip, dino = networks["clip"], networks["dino"]
    for item in plan.collection.items:
        references = [load_image(r.path) for s in item.subjects for r in s.references]
        text = clip.embed_texts([item.prompt])
        cosine(clip.embed(_crops(clip, item.path)), text).mean()
        for network in (clip, dino):
            frames = network.embed(_crops(network, item.path))
            images = network.embed(np.stack([network.transform(image) for image in references]))
            cosine(frames, images).mean()
        consecutive_cosine(clip.embed(_crops(clip, item.path))).mean()


def _memory(folder: Path) -> None:
    """Peak memory of a process that evaluates 16 videos, and of one that evaluates 160."""
    list(random_weights.write(folder / "toys", toy=True))
    peaks = []
    for videos in (16, 160):
        data = folder / f"m{videos}"
        _make_videos(data / "videos", videos=videos, frames=16, size=(320, 192))
        command = [sys.executable, "-m", "customstudio.evaluation.bench", "--memory-child"]
        done = subprocess.run([*command, str(data)], check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.split()[-1]))
    _row(
        "peak memory, 160 videos",
        f"{peaks[1] / peaks[0]:.3f}",
        "peak memory, 16 videos",
        f"{peaks[0] / 1024:.0f} and {peaks[1] / 1024:.0f} MiB; 16 frames, 320x192; "
        "protocol toy-v0, CLIP, DINO and seam metrics",
    )


def _memory_child(data: Path) -> None:
    evaluate(
        data / "videos",
        protocol="toy-v0",
        metrics=(*FOUR, "stitch_score"),
        weights_dir=data.parent / "toys",
        out=data / "run",
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _resume(folder: Path) -> None:
    """A finished run of all 2,720 jobs, asked for once more."""
    list(random_weights.write(folder / "toys", toy=True))
    suite = load_suite("customstudio")
    rng = np.random.default_rng(0)
    for subject in suite.subjects:
        path = folder / "refs" / subject / "00.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_moving(rng, 1, (64, 64))[0]).save(path)
    one = folder / "one.mp4"
    write_video(one, _moving(rng, 4, (64, 64)), 8.0)
    for job in suite.jobs:
        path = folder / "tree" / f"{job.id}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(one, path)
    command = [
        *(sys.executable, "-m", "customstudio", "evaluate", str(folder / "tree")),
        *(
            "--protocol",
            "toy-v0",
            "--metrics",
            ",".join(FOUR),
            "--references",
            str(folder / "refs"),
        ),
        *("--weights-dir", str(folder / "toys"), "--out", str(folder / "done")),
    ]
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    rows = json.loads((folder / "done" / "summary.json").read_text())["methods"][0]["coverage"]
    _row(
        "resume of a finished run",
        f"{statistics.median(seconds[1:]):.2f} s",
        f"{seconds[0]:.0f} s for the run itself",
        f"{rows['clip_t']['scored']:,} videos, whole process; toy networks, videos of 4 frames",
    )


def _stages(folder: Path, device: str, videos: int) -> None:
    """The seven metrics at full size, with where the time goes, scaled up to 2,720 videos."""
    weights = folder / "seven"
    protocol = catalog.protocol("customstudio-v1")
    roles = catalog.roles(catalog.features(protocol.metrics))
    list(random_weights.write(weights, [protocol.networks[role] for role in roles]))
    data = _make_videos(folder / "stages", videos=videos, frames=24, size=(576, 320))
    for precision in ("float32",) if device == "cpu" else PRECISIONS:
        plan = _plan(data, weights, metrics=protocol.metrics, device=device, precision=precision)
        start = time.perf_counter()
        seconds: dict[str, float] = {}
        for result in compute_here(plan, range(len(plan.chunks)), workers=plan.settings.threads):
            for stage, value in result.seconds.items():
                seconds[stage] = seconds.get(stage, 0.0) + value
        total = time.perf_counter() - start
        parts = ", ".join(
            f"{stage} {value:.1f} s ({videos * 24 / value:.0f} frames/s)"
            for stage, value in sorted(seconds.items(), key=lambda pair: -pair[1])
            if stage != "wall" and value > 0.05
        )
        what = f"seven metrics, {device}, {precision}"
        whole = f"{total / videos * 2720 / 60:.1f} min"
        _row(what, whole, "2,720 videos, scaled up", f"{videos} videos; {parts}")


if __name__ == "__main__":
    main()
