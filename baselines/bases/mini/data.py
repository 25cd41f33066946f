"""What the mini base models are trained on: latents of pictures and of videos, with what is true.

Pictures are those of `customstudio.mini.training_data` (with their individuals' colours in words),
some cut out on white; videos are drawn here. Individuals have seeds below 10,000; suite `mini`
uses those from 1,000,000 on.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from customstudio.baselines.bases.mini.words import SIZES, Claims, colours, held_out
from customstudio.mini.captions import CLASSES
from customstudio.mini.look import Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.training import views
from customstudio.mini.training_data import Pictures, individuals
from customstudio.mini.world import ACTIONS, CAMERAS, LIGHTS, Scene, render

CHUNK = 200
"""Videos a file of the cache."""
ALONE, CUT_OUT, CLOSE = 0.7, 0.5, 0.2
"""Parts of the pictures that show one subject, that lose their place, and (of those of one subject)
that come closer: a class is learnt where little else is to be seen."""
TINTED = (0.8, 0.1, 0.1)
"""Parts in each light."""


@dataclass(frozen=True, eq=False)
class Videos:
    """Videos of the world in daylight; rows belong together."""

    frames: UInt8[Array, "n frames size size 3"]
    claims: tuple[Claims, ...]


def videos(cache: Path, count: int, workers: int = 1) -> Videos:
    """The first videos, drawn where they are not in the cache yet."""
    cache.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK))
    todo = [n for n in chunks if not _path(cache, n).exists()]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_draw, [cache] * len(todo), todo))
    frames = np.concatenate([np.load(_path(cache, n), allow_pickle=False) for n in chunks])[:count]
    return Videos(frames, tuple(_claims(scene(n)) for n in range(count)))


def scene(number: int) -> Scene:
    """The scene of a video: one to three individuals of unlike classes."""
    rng = np.random.default_rng([41, number])
    nouns = rng.choice(CLASSES, int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15])), replace=False)
    subjects = tuple(Identity(str(noun), int(rng.integers(6000, 10_000))) for noun in nouns)
    classes = [CLASSES.index(noun) for noun in nouns]
    while True:
        action, place = int(rng.integers(len(ACTIONS))), int(rng.integers(len(PLACES)))
        if not held_out(classes, action, place):
            break
    camera, seed = str(rng.choice(CAMERAS)), int(rng.integers(1 << 30))
    return Scene(subjects, ACTIONS[action], PLACES[place], camera, seed=seed)


def video_batch(
    data: Videos, rng: np.random.Generator, count: int
) -> tuple[Float[Tensor, "batch 3 frames size size"], list[Claims]]:
    """Videos in [-1, 1], mirrored half of the time, in any light, with what is true of each."""
    rows = rng.integers(len(data.frames), size=count)
    lights = rng.choice(3, count, p=TINTED)
    tints = np.array(list(LIGHTS.values()))[lights]
    frames = data.frames[rows].astype(np.float32) / 255 * tints[:, None, None, None]
    mirrored = rng.random(count) < 0.5
    frames[mirrored] = frames[mirrored, :, :, ::-1]
    pixels = torch.from_numpy(frames.clip(0, 1)).permute(0, 4, 1, 2, 3).float() * 2 - 1
    told = [
        Claims(c.classes, c.colours, c.action, c.place, int(light))
        for c, light in zip((data.claims[r] for r in rows), lights, strict=True)
    ]
    return pixels, told


class PictureBatches:
    """Batches of single pictures."""

    def __init__(self, data: Pictures) -> None:
        self._data = data
        told = zip(data.classes, data.action, data.place, strict=True)
        self._rows = np.flatnonzero([not held_out(c.tolist(), a, p) for c, a, p in told])
        alone = (data.classes[self._rows] >= 0).sum(1) == 1
        self._chance = np.where(alone, ALONE / alone.sum(), (1 - ALONE) / (~alone).sum())
        count = int(data.cohort.max()) + 1
        self._colours = [colours(a.look) for cohort in range(count) for a in individuals(cohort)]

    def draw(
        self, rng: np.random.Generator, count: int
    ) -> tuple[Float[Tensor, "batch 3 1 size size"], Bool[Tensor, "batch size size"], list[Claims]]:
        """Pictures in [-1, 1], where their subjects are, and what is true of each."""
        data, rows = self._data, rng.choice(self._rows, count, p=self._chance)
        images, told = data.images[rows].copy(), []
        larger, lights = np.ones(count), rng.choice(3, count, p=TINTED)
        for n, row in enumerate(rows):
            present = data.classes[row] >= 0
            place: int | None = int(data.place[row])
            size = ""
            if rng.random() < CUT_OUT:
                images[n][data.labels[row] == 0], place, lights[n] = 255, None, 0
            if present.sum() == 1 and rng.random() < CLOSE:
                larger[n], size = rng.uniform(1.3, 1.8), SIZES[1]
            told.append(
                Claims(
                    tuple(int(c) for c in data.classes[row][present]),
                    tuple(self._colours[w] for w in data.who[row][present]),
                    int(data.action[row]), place, int(lights[n]), size,
                )
            )  # fmt: skip
        zoom = (larger, larger + 0.03)
        pixels, where = views(images, data.labels[rows], lights, zoom, rng, noise=0)
        return pixels[:, :, None] * 2 - 1, where > 0, told


@torch.no_grad()
def latents(vae: Any, pixels: Tensor) -> Float[Tensor, "batch 4 frames h w"]:
    """The VAE's latents, drawn from the posterior, at unit scale."""
    batch, frames = pixels.shape[0], pixels.shape[2]
    flat = pixels.permute(0, 2, 1, 3, 4).flatten(0, 1)
    found: Tensor = vae.encode(flat).latent_dist.sample() * vae.config.scaling_factor
    return found.reshape(batch, frames, *found.shape[1:]).permute(0, 2, 1, 3, 4)


def _path(cache: Path, chunk: int) -> Path:
    return cache / f"videos-{chunk:03d}.npy"


def _draw(cache: Path, chunk: int) -> None:
    numbers = range(chunk * CHUNK, (chunk + 1) * CHUNK)
    frames = np.stack([render(scene(number)).frames for number in numbers])
    part = _path(cache, chunk).with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, frames)
    part.replace(_path(cache, chunk))


def _claims(told: Scene) -> Claims:
    return Claims(
        tuple(CLASSES.index(s.noun) for s in told.subjects),
        tuple(colours(s.look) for s in told.subjects),
        ACTIONS.index(told.action),
        PLACES.index(told.place),
    )
