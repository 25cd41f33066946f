"""Labelled faces of the small world: frames with persons among other subjects.

Nobody of the suite or of the tests is among those trained on: their seeds start at 1,000,000.
Clothes are redrawn in every frame, so that nothing but the head tells one person from another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from customstudio.files import replacing
from customstudio.mini.bodies import HEAD
from customstudio.mini.look import NOUNS, Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, CAMERAS, FPS, LIGHTS, Actor, Clip, Scene, render

TRAINED = range(1500)
"""Seeds of each of the two nouns that are trained on."""
COUNTS = {64: 9000, 128: 3000, 256: 800}
"""Side of the frame in pixels -> how many frames are rendered."""
PERSONS = tuple(HEAD)
OTHERS = tuple(noun for noun in NOUNS if noun not in HEAD)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Frames of one size and the faces on them."""

    frames: UInt8[Array, "n side side 3"]
    frame: Int64[Array, "faces"]
    """Whose frame a face is on."""
    points: Float32[Array, "faces 5 2"]
    """Landmarks in pixels, (0, 0) in the middle of the first pixel; see `unmirrored`."""
    who: Int64[Array, "faces"]
    """Number of the individual: twice its seed, plus one for a woman."""
    seen: Int64[Array, "faces"]
    """How many of the five landmarks can be seen."""


def labelled(side: int, count: int, seed: int, cache: Path) -> Labelled:
    """Frames of one size, rendered on first use."""
    stem = cache / f"faces-{side}-{count}-{seed}"
    frames, truth = stem.with_suffix(".npy"), stem.with_suffix(".npz")
    if not truth.exists():
        pictures = np.empty((count, side, side, 3), np.uint8)
        rows: list[tuple[int, Array, int, int]] = []
        for index in range(count):
            rng = np.random.default_rng([17, seed, side, index])
            scene, time = random_scene(rng, TRAINED)
            clip = render(scene, side, dressed(scene, rng), only=[time])
            pictures[index] = clip.frames[0]
            rows += [(index, *face) for face in faces(scene, clip)]
        which, points, who, seen = zip(*rows, strict=True)
        with replacing(frames) as file:
            np.save(file, pictures)
        with replacing(truth) as file:
            np.savez(file, frame=which, points=np.array(points, np.float32), who=who, seen=seen)
    with np.load(truth, allow_pickle=False) as arrays:
        return Labelled(np.load(frames, mmap_mode="r", allow_pickle=False), **arrays)


def random_scene(
    rng: np.random.Generator, seeds: range, subjects: int | None = None
) -> tuple[Scene, int]:
    """One to three subjects, seven in ten of them persons, and a moment of the video."""
    count = int(rng.integers(1, 4)) if subjects is None else subjects
    nouns = [str(rng.choice(PERSONS if rng.uniform() < 0.7 else OTHERS)) for _ in range(count)]
    scene = Scene(
        tuple(Identity(noun, int(rng.integers(seeds.start, seeds.stop))) for noun in nouns),
        action=str(rng.choice(ACTIONS)),
        place=str(rng.choice(PLACES)),
        camera=str(rng.choice(CAMERAS)),
        light=str(rng.choice(list(LIGHTS))),
        seed=int(rng.integers(1 << 30)),
    )
    return scene, int(rng.integers(round(1.5 * FPS)))


def dressed(scene: Scene, rng: np.random.Generator) -> tuple[Actor, ...]:
    """The subjects of a scene, persons among them in clothes of somebody else."""
    actors = []
    for actor in scene.actors:
        other = Identity(actor.noun, int(rng.integers(1_000_000))).look
        clothes = {name: getattr(other, name) for name in ("main", "pattern", "angle", "count")}
        look = replace(actor.look, **clothes) if actor.noun in HEAD else actor.look
        actors.append(Actor(actor.noun, look))
    return tuple(actors)


def faces(scene: Scene, clip: Clip, frame: int = 0) -> Iterator[tuple[Array, int, int]]:
    """Landmarks, individual and number of visible landmarks of each face on a frame."""
    persons = [i for i, subject in enumerate(scene.subjects) if subject.noun in HEAD]
    for subject, points in zip(persons, clip.faces[frame], strict=True):
        identity = scene.subjects[subject]
        cells = np.floor(points).astype(int)
        inside = cells[((cells >= 0) & (cells < clip.size)).all(axis=1)]
        seen = int((clip.labels[frame][inside[:, 1], inside[:, 0]] == subject + 1).sum())
        yield unmirrored(points) - 0.5, 2 * identity.seed + PERSONS.index(identity.noun), seen


def unmirrored(points: Array) -> Array:
    """Landmarks with the left eye of the picture first, also where the person was mirrored.

    >>> unmirrored(np.array([[2.0, 0], [0, 0], [1, 1], [2, 2], [0, 2]]))[:, 0].tolist()
    [0.0, 2.0, 1.0, 0.0, 2.0]
    """
    across, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    mirrored = across[0] * down[1] - across[1] * down[0] < 0
    ordered: Array = points[[1, 0, 2, 4, 3]] if mirrored else points
    return ordered


def circles(points: Float32[Array, "n 5 2"]) -> Float32[Array, "n 3"]:
    """Centre and radius of each face, in the unit of its landmarks, whichever way it is turned."""
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    length = np.linalg.norm(down, axis=1, keepdims=True)
    return np.concatenate([eyes + 0.2 * down, 1.6 * length], axis=1)
