"""What a pair and a video cost with each method: its own `fit` and `generate`, at full size.

Few steps are timed and scaled up to as many as the method makes: a step costs the same throughout.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from customstudio.baselines import catalog
from customstudio.baselines.bases.full import full_base, small_base
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.text2video_zero_model import Text2VideoZero
from customstudio.baselines.options import Options, override
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.trial import drawn_jobs, drawn_task
from customstudio.errors import UserError, some
from customstudio.metrics.spec import Array
from customstudio.suites.schema import VideoSpec
from customstudio.weights.networks import find

DEFAULT = (
    "untuned", "customvideo", "dreambooth", "custom_diffusion", "textual_inversion", "lora",
    "customcrafter", "svdiff", "dreamvideo", "untuned@animatediff", "dreambooth@animatediff", "vcd",
    "videodreamer", "videomaker", "ip_adapter", "ip_adapter_plus", "ip_adapter_faceid",
    "untuned@text2video-zero", "videodreamer@text2video-zero", "disendiff_svd", "wan_vace",
)  # fmt: skip
"""Every method on its own base."""
TRAINED = ("steps", "adapter_steps")
"""Options that count a fit's steps, in their order."""
DENOISED = ("sampling_steps", "svd_steps")
"""Options that count a video's."""
FACES = "faces"
"""Kind of a face network."""
FIT_STEPS = 5
"""Of each stage, timed after a first fit of one."""


@dataclass(frozen=True)
class Cost:
    """What was measured of a method."""

    steps: dict[str, tuple[int, float]]
    """Option that counts a fit's steps -> their number, seconds of one."""
    fit: float
    """Seconds of a pair's fit, without class images."""
    fit_memory: float
    """GB at most."""
    video: float
    """Seconds of a video, one at a time."""
    video_memory: float


class DrawnFaces:
    """In place of a face network, which with random values finds no face: it finds one, at random.

    So a fit costs nothing there, and a video what it does.
    """

    def find(self, frame: Array) -> Float32[Array, "1 512"]:
        """A face of any frame."""
        return np.random.default_rng(0).standard_normal((1, 512), np.float32)


class Clock:
    """Time and memory of a device."""

    def __init__(self, device: str) -> None:
        self.gpu = device.startswith("cuda")

    def now(self) -> float:
        """Seconds, once all that was asked for is done."""
        if self.gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    def forget(self) -> None:
        """Measure the most memory from here on."""
        if self.gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory(self) -> float:
        """GB at most since then; on a CPU not a number."""
        return torch.cuda.max_memory_allocated() / 1e9 if self.gpu else float("nan")


def measure(name: str, bases: Bases[Any], task: Task, few: Sequence[str], clock: Clock) -> Cost:
    """Time a method's fit and a video.

    Args:
        name: `METHOD` or `METHOD@BASE`.
        few: `name=value` of options that make what is timed smaller.
    """
    method, options = wanted(name)
    short = override(options, [c for c in few if c.partition("=")[0] in type(options).model_fields])
    module, jobs = catalog.method(method), drawn_jobs(task, 1)
    phases = [option for option in TRAINED if hasattr(options, option)]
    stamps: list[float] = []

    def fit(steps: int) -> Any:
        own = _with(short, dict.fromkeys(phases, steps) | dict.fromkeys(_denoised(short), 2))
        return module.fit(bases, task, own, lambda: stamps.append(clock.now()))

    fit(1)  # makes the class images, and warms up
    clock.forget()
    stamps[:] = [clock.now()]
    tuned = fit(FIT_STEPS)
    whole, memory = clock.now() - stamps[0], clock.memory()
    # Steps come last: class images, which are progress too, are made before them.
    steps, at = {}, len(stamps) - FIT_STEPS * len(phases)
    for option in phases:
        own = stamps[at : at + FIT_STEPS]
        steps[option] = (
            int(getattr(options, option)), median(b - a for a, b in pairwise(own))
        )  # fmt: skip
        at += FIT_STEPS
    fitting = sum(count * seconds for count, seconds in steps.values()) if steps else whole

    def video(counts: dict[str, int]) -> float:
        start = clock.now()
        module.generate(bases, tuned, task, jobs, _with(short, counts), lambda: None)
        return clock.now() - start

    seconds, most = _video(video, options, bases, clock)
    return Cost(steps, fitting, memory, seconds, most)


def _video(
    video: Callable[[dict[str, int]], float], options: Options, bases: Bases[Any], clock: Clock
) -> tuple[float, float]:
    """Seconds of a video with all its steps, from two numbers of them each; GB at most."""
    names = _denoised(options)
    low = dict.fromkeys(names, 2)
    # Text2Video-Zero's first steps are of one frame alone, so that all of them are made.
    whole = isinstance(bases.main, Text2VideoZero)
    video(low)
    clock.forget()
    found = video(low)
    for name in names:
        count = int(getattr(options, name))
        more = count if whole else 6
        slope = (video({**low, name: more}) - video(low)) / (more - 2)
        found += (count - 2) * slope
    return found, clock.memory()


def base_of(name: str) -> str:
    """The base of `METHOD` or `METHOD@BASE`."""
    method, _, base = name.partition("@")
    return base or catalog.card(method).base


def wanted(name: str) -> tuple[str, Options]:
    """Method and options of `METHOD` or `METHOD@BASE`.

    Raises:
        UserError: unknown, or the method cannot use the base.
    """
    method, base = name.partition("@")[0], base_of(name)
    catalog.require_fit(method, base)
    return method, catalog.defaults(method, base)


@contextmanager
def networks(
    name: str, device: str, video: VideoSpec, weights: Path
) -> Iterator[tuple[Bases[Any], Task]]:
    """A method's networks with random values, at full size on a GPU, and a drawn pair.

    Args:
        weights: folder of random weights; what is missing is written there.

    Raises:
        UserError: on a CPU, a method whose further networks have no small size.
    """
    from customstudio.weights.random_weights import write
    from customstudio.weights.store import Store

    method, options = wanted(name)
    base, store = base_of(name), Store(weights)
    wanting = find(store.networks, options.networks(catalog.base(base)))
    needed = [network.id for network in wanting if network.kind != FACES]
    faces = {network.id: DrawnFaces() for network in wanting if network.kind == FACES}
    if device == "cpu" and needed:
        raise UserError(
            f"no small size of {some(needed)}", where=f"--methods {name}", fix="use a GPU"
        )
    absent = [network.id for network in find(store.networks, needed) if store.missing(network)]
    if absent:
        list(write(weights, absent))
    build = small_base if device == "cpu" else partial(full_base, device=device)
    with tempfile.TemporaryDirectory() as directory:
        folder, main = Path(directory), build(base)
        bases: Bases[Any] = Bases(
            main,
            animator=build(options.second_base) if options.second_base else None,
            weights=_own_weights(method, options, main, folder),
            networks=store.locate(needed) if needed else {},
            _loaded=dict(faces),
        )
        task = replace(drawn_task(folder / "pair"), video=video)
        yield bases, replace(task, subjects=task.subjects[: options.most_subjects])


def _own_weights(method: str, options: Options, main: Any, folder: Path) -> dict[str, BaseFolder]:
    """VideoMaker's, the only ones, of the base's random values."""
    from customstudio.baselines.videomaker_weights import OURS, write_weights

    found = {}
    for spec in catalog.own_weights(method, options):
        write_weights(folder / OURS, main.unet, "random values")
        found[spec.id] = BaseFolder(spec, folder, (OURS,))
    return found


def _denoised(options: Options) -> list[str]:
    return [name for name in DENOISED if name in type(options).model_fields]


def _with(options: Options, counts: dict[str, int]) -> Options:
    return override(options, [f"{name}={count}" for name, count in counts.items()])
