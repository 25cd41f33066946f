"""Pictures to train on: drawn once into a cache, with who is where in each.

A cohort is four classes with twenty individuals each, twelve of their own look and eight between
two of those, so that a batch drawn from one cohort is full of look-alikes of the same class. All
pictures are in daylight: another light is a product with three numbers, done in training.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from customstudio.files import cache_folder
from customstudio.mini.look import NOUNS, Identity, Look, mix
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, CAMERAS, SIDE, Actor, Scene, render

CLASSES = tuple(NOUNS)
HELD_OUT = 1_000_000
"""Seeds of identities from here on are never trained on."""
COHORTS, _CLASSES, _OWN, _MIXED, _SINGLES, _GROUPS = 60, 4, 12, 8, 320, 320
INDIVIDUALS = _CLASSES * (_OWN + _MIXED)
"""Of a cohort."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of the world with their words; rows belong together."""

    images: UInt8[Array, "n size size 3"]
    labels: UInt8[Array, "n size size"]
    """0: background; i + 1: subject i."""
    who: Int[Array, "n 3"]
    """Number of each subject among all individuals; -1: no such subject."""
    classes: Int[Array, "n 3"]
    """Place in `CLASSES` of each subject; -1: no such subject."""
    action: Int[Array, "n"]
    """Place in `ACTIONS`."""
    place: Int[Array, "n"]
    """Place in `PLACES`."""
    cohort: Int[Array, "n"]
    """The cohort that a picture's individuals belong to."""


def default_cache() -> Path:
    """`$CUSTOMSTUDIO_CACHE`, or the user's cache folder; `mini-training` in it."""
    return cache_folder() / "mini-training"


def pictures(cache: Path, cohorts: int = COHORTS, workers: int = 1) -> Pictures:
    """The pictures of the first cohorts, drawn where they are not in the cache yet."""
    cache.mkdir(parents=True, exist_ok=True)
    numbers = range(cohorts)
    todo = [n for n in numbers if not _path(cache, n).exists()]
    if workers == 1 or len(todo) < 2:
        for number in todo:
            _draw(cache, number)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(_draw, [cache] * len(todo), todo))
    return _read([_path(cache, n) for n in numbers])


def individuals(cohort: int) -> list[Actor]:
    """The individuals of a cohort, twenty of each of its classes in turn."""
    rng = np.random.default_rng([21, cohort])
    found = []
    for noun in rng.choice(CLASSES, _CLASSES, replace=False).tolist():
        looks: list[Look] = [Identity(noun, 100 * cohort + n).look for n in range(_OWN)]
        for _ in range(_MIXED):
            first, second = rng.choice(_OWN, 2, replace=False)
            looks.append(mix(looks[first], looks[second], float(rng.uniform(0.2, 0.5))))
        found += [Actor(noun, look) for look in looks]
    return found


def _path(cache: Path, cohort: int) -> Path:
    return cache / f"cohort-{cohort:03d}.npz"


def _read(paths: Sequence[Path]) -> Pictures:
    parts: dict[str, list[Array]] = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as found:
            for name in found.files:
                parts.setdefault(name, []).append(found[name])
    return Pictures(**{name: np.concatenate(values) for name, values in parts.items()})


def _draw(cache: Path, cohort: int) -> None:
    actors = individuals(cohort)
    rng = np.random.default_rng([22, cohort])
    kept: dict[str, list[Array]] = {field: [] for field in Pictures.__dataclass_fields__}
    for number in range(_SINGLES + _GROUPS):
        chosen = [number % INDIVIDUALS] if number < _SINGLES else _group(rng)
        action, place = int(rng.integers(len(ACTIONS))), int(rng.integers(len(PLACES)))
        camera, seed = str(rng.choice(CAMERAS)), int(rng.integers(1 << 30))
        # The scene's own subjects only count: the actors are what is drawn.
        nobody = tuple(Identity(actors[i].noun, 0) for i in chosen)
        scene = Scene(nobody, ACTIONS[action], PLACES[place], camera, seed=seed)
        frame = int(rng.integers(scene.frames))
        clip = render(scene, SIDE, tuple(actors[i] for i in chosen), only=[frame])
        padding = [-1] * (3 - len(chosen))
        row = {
            "images": clip.frames[0],
            "labels": clip.labels[0].astype(np.uint8),
            "who": np.array([cohort * INDIVIDUALS + i for i in chosen] + padding),
            "classes": np.array([CLASSES.index(actors[i].noun) for i in chosen] + padding),
            "action": np.array(action),
            "place": np.array(place),
            "cohort": np.array(cohort),
        }
        for name, value in row.items():
            kept[name].append(value)
    part = _path(cache, cohort).with_suffix(".part")
    with part.open("wb") as file:
        stacked = {name: np.stack(values) for name, values in kept.items()}
        np.savez(file, **stacked)  # type: ignore[arg-type]
    part.replace(_path(cache, cohort))


def _group(rng: np.random.Generator) -> list[int]:
    """Two or three individuals; mostly of different classes."""
    count = int(rng.choice([2, 2, 3]))
    if rng.uniform() < 0.2:
        return [int(i) for i in rng.choice(INDIVIDUALS, count, replace=False)]
    each = _OWN + _MIXED
    kinds = rng.choice(_CLASSES, count, replace=False)
    return [int(kind * each + rng.integers(each)) for kind in kinds]
