"""How far the small world's optical flow is from the exact one, on scenes it has never seen."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from customstudio.metrics.dynamic_degree import top_mean
from customstudio.mini.check import HELD_OUT, Result
from customstudio.mini.shapes import Array
from customstudio.mini.train_flow import clip_scene
from customstudio.mini.world import SIDE, render

UNSEEN = range(HELD_OUT, HELD_OUT + 400_000)


class Motion(Protocol):
    """A network of kind flow."""

    def motion(
        self, first: UInt8[Array, "n height width 3"], second: UInt8[Array, "n height width 3"]
    ) -> Float32[Array, "n"]:
        """For each pair of frames, the mean of the largest 5% of flow magnitudes, in pixels."""


def accuracy(network: Motion, clips: int = 100, side: int = SIDE) -> list[Result]:
    """The statistic that the metric uses, against the exact flow's: one pair of frames a clip."""
    pairs = [held_out(index, side) for index in range(clips)]
    first, second, flow = (np.stack(parts) for parts in zip(*pairs, strict=True))
    truth = np.array([top_mean(np.hypot(f[..., 0], f[..., 1])) for f in flow])
    found = network.motion(first, second)
    error = np.abs(found - truth)
    about = f"top-5% mean magnitude of {clips} pairs, {side} pixels; exact: {truth.mean():.2f}"
    name = "mini-flow: "
    return [
        Result(f"{name}correlation with exact motion", correlation(found, truth), 0.8, about),
        Result(f"{name}mean error", float(error.mean()), None, "pixels; less is better"),
        Result(f"{name}median error", float(np.median(error)), None, "pixels; less is better"),
    ]


def held_out(index: int, side: int) -> tuple[Array, Array, Array]:
    """Two consecutive frames and the exact flow between them."""
    rng = np.random.default_rng([37, index])
    scene = clip_scene(rng, UNSEEN)
    start = int(rng.integers(scene.frames - 1))
    clip = render(scene, side, only=[start, start + 1])
    return clip.frames[0], clip.frames[1], clip.flow[0]


def end_point_error(
    flow_of: Callable[[Array, Array], Array], clips: int = 100, side: int = SIDE
) -> float:
    """Mean distance of a flow from the exact one, over all pixels, in pixels."""
    errors = []
    for index in range(clips):
        first, second, truth = held_out(index, side)
        away = flow_of(first, second) - truth
        errors.append(np.hypot(away[..., 0], away[..., 1]).mean())
    return float(np.mean(errors))


def correlation(a: Float32[Array, "n"], b: Float32[Array, "n"]) -> float:
    """Pearson's.

    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    return float(np.corrcoef(a, b)[0, 1])
