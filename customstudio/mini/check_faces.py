"""How well the small world's face networks do on individuals and scenes they have never seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from customstudio.metrics.backbones.faces import Faces
from customstudio.mini.check import HELD_OUT, Result
from customstudio.mini.face_data import PERSONS, circles, dressed, faces, random_scene
from customstudio.mini.look import Identity
from customstudio.mini.shapes import Array
from customstudio.mini.world import SIDE, render

UNSEEN = range(HELD_OUT, HELD_OUT + 400_000)


@dataclass(frozen=True)
class Detection:
    """Faces that were there and faces that were found, over many frames."""

    there: int
    """With four or five landmarks in sight."""
    found: int
    claimed: int
    """Detections, but for those on a face of which one to three landmarks are seen."""
    right: int
    error: float
    """Mean distance of a found face's landmarks from the truth, in radii of the face."""

    @property
    def recall(self) -> float:
        """Share of the faces that are found."""
        return self.found / self.there

    @property
    def precision(self) -> float:
        """Share of the detections that are faces."""
        return self.right / self.claimed


def recognition(network: Faces) -> list[Result]:
    """Detection on two-subject videos of 64 pixels, and verification of whom it finds."""
    found = detection(network)
    everybody, alike, own = verification(network)
    about = f"{found.there} faces in two-subject frames of {SIDE} pixels, score at least 0.5"
    name = "mini-faces: "
    return [
        Result(f"{name}recall", found.recall, 0.95, about),
        Result(f"{name}precision", found.precision, 0.95, about),
        Result(f"{name}landmark error", found.error, None, "radii of the face; less is better"),
        Result(f"{name}verification AUC", everybody, 0.95, "found faces, other scene and clothes"),
        Result(f"{name}verification AUC in a class", alike, 0.95, "men with men, women with women"),
        Result(f"{name}own face first", own, None, "of 150 individuals, top-1"),
    ]


def detection(network: Faces, frames: int = 300, side: int = SIDE) -> Detection:
    """Faces of two-subject scenes; found: a detection with its centre within half a radius."""
    there = found = claimed = right = 0
    errors: list[float] = []
    for index in range(frames):
        rng = np.random.default_rng([23, index])
        scene, time = random_scene(rng, UNSEEN, subjects=2)
        clip = render(scene, side, dressed(scene, rng), only=[time])
        truth = [(points, seen) for points, _, seen in faces(scene, clip) if seen]
        hits = network.landmarks(clip.frames[0])
        matched = [nearest(points, hits) for points, _ in truth]
        pairs = list(zip(truth, matched, strict=True))
        partial = sum(hit is not None and seen < 4 for (_, seen), hit in pairs)
        whole = [(points, hit) for (points, seen), hit in pairs if seen >= 4]
        good = [(points, hits[hit]) for points, hit in whole if hit is not None]
        there, found = there + len(whole), found + len(good)
        claimed, right = claimed + len(hits) - partial, right + len(good)
        errors += [_error(points, hit) for points, hit in good]
    return Detection(there, found, claimed, right, float(np.mean(errors)))


def nearest(points: Float[Array, "5 2"], hits: Float[Array, "n 5 2"]) -> int | None:
    """The detection whose centre is nearest to a face's, if it is within half a radius."""
    if not len(hits):
        return None
    x, y, radius = circles(points[None])[0]
    away = np.hypot(*(circles(hits)[:, :2] - [x, y]).T)
    best = int(away.argmin())
    return best if away[best] < radius / 2 else None


def verification(network: Faces, individuals: int = 150) -> tuple[float, float, float]:
    """Telling individuals apart across scenes, on faces that the detector itself has found.

    Each individual is seen in two two-subject videos of other places, lights, actions and clothes;
    all first faces are compared with all second ones.

    Returns:
        Area under the ROC curve, over all pairs and over those of one class noun (chance: 0.5),
        and the share of individuals whose most similar face is their own.
    """
    rows = list(_embedded(network, individuals))
    first, second, noun = (np.array(column) for column in zip(*rows, strict=True))
    first, second = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (first, second))
    likeness = first @ second.T
    own = np.eye(len(rows), dtype=bool)
    alike = noun[:, None] == noun[None, :]
    return (
        area(likeness[own], likeness[~own]),
        area(likeness[own], likeness[~own & alike]),
        float((likeness.argmax(axis=1) == np.arange(len(rows))).mean()),
    )


def area(same: Float[Array, "m"], other: Float[Array, "n"]) -> float:
    """Probability that a value of the first kind exceeds one of the second; ties count half.

    >>> area(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    0.875
    """
    ordered = np.sort(other)
    below = np.searchsorted(ordered, same, "left") + np.searchsorted(ordered, same, "right")
    return float(below.mean() / 2 / len(other))


def _embedded(network: Faces, individuals: int) -> Iterator[tuple[Array, Array, int]]:
    for index in range(individuals):
        noun = index % len(PERSONS)
        person = Identity(PERSONS[noun], UNSEEN.start + index)
        pair = [_seen(network, person, take) for take in (0, 1)]
        yield pair[0], pair[1], noun


def _seen(network: Faces, person: Identity, take: int) -> Array:
    """The embedding of a person in the first scene of its sequence where the face is found."""
    for attempt in range(20):
        rng = np.random.default_rng([29, person.seed, take, attempt])
        scene, time = random_scene(rng, UNSEEN, subjects=2)
        scene = replace(scene, subjects=(person, scene.subjects[1]))
        clip = render(scene, SIDE, dressed(scene, rng), only=[time])
        points, _, seen = next(faces(scene, clip))
        hits = network.landmarks(clip.frames[0])
        hit = nearest(points, hits) if seen >= 4 else None
        embedding = None if hit is None else network.embed(clip.frames[0], hits[hit])
        if embedding is not None:
            return embedding
    raise RuntimeError(f"the face of {person} was found in none of 20 scenes")


def _error(points: Array, hit: Array) -> float:
    radius = circles(points[None])[0, 2]
    return float(np.hypot(*(points - hit).T).mean() / radius)
