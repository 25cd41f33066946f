"""Does mini-DINO tell individuals of one class apart that it has never seen?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from customstudio.metrics.backbones.dino import Dino
from customstudio.mini.captions import CLASSES
from customstudio.mini.check import HELD_OUT, Result
from customstudio.mini.look import Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, CAMERAS, LIGHTS, Clip, Scene, portrait, render

GALLERY, PORTRAITS = 10, 4


@dataclass(frozen=True, eq=False)
class Seen:
    """One picture's features, of length one, and where its subjects are."""

    whole: Float32[Array, "dim"]
    patches: Float32[Array, "patches dim"]
    masks: Bool[Array, "subjects patches"]

    def part(self, subject: int) -> Float32[Array, "dim"]:
        """Mean of a subject's patches."""
        return _unit(self.patches[self.masks[subject]].mean(0))


def recognition(network: Dino, rounds: int = 2) -> list[Result]:
    """Top-1 among ten individuals of the same class, in pictures of other scenes than their own.

    Args:
        network: the network.
        rounds: galleries of each class.
    """
    rows = [
        _gallery(network, noun, HELD_OUT + 1000 * number)
        for noun in CLASSES
        for number in range(rounds)
    ]
    whole, parts, mixed, patches = (float(np.mean([row[i] for row in rows])) for i in range(4))
    alone = f"{GALLERY * len(rows)} individuals: class token, to the mean of {PORTRAITS} portraits"
    return [
        Result("mini-dino: individual alone, of 10", whole, 0.9, alone),
        Result("mini-dino: one of two of a class, of 10", parts, None, "mean of masked patches"),
        Result("mini-dino: the same, to class tokens", mixed, None, "masked patches to portraits"),
        Result("mini-dino: a single patch, of two", patches, None, "nearest portrait's patch"),
    ]


def _gallery(network: Dino, noun: str, seed: int) -> tuple[float, float, float, float]:
    people = [Identity(noun, seed + n) for n in range(GALLERY)]
    rng = np.random.default_rng([32, seed, CLASSES.index(noun)])
    portraits = [[look(network, portrait(p, n)) for n in range(PORTRAITS)] for p in people]
    whole = _unit(np.stack([np.mean([s.whole for s in group], 0) for group in portraits]))
    parts = _unit(np.stack([np.mean([s.part(0) for s in group], 0) for group in portraits]))
    alone = [look(network, _scene(rng, person)).whole for person in people]
    found = [_unit(f) @ whole.T for f in alone]
    first = float(np.mean([s.argmax() == n for n, s in enumerate(found)]))
    hits: list[tuple[bool, bool]] = []
    single: list[float] = []
    bags = [np.concatenate([s.patches[s.masks[0]] for s in group]) for group in portraits]
    for number in range(GALLERY):
        pair = (number, (number + 1) % GALLERY)
        seen = look(network, _scene(rng, *(people[n] for n in pair)))
        for subject, who in enumerate(pair):
            if not seen.masks[subject].any():
                continue
            part = seen.part(subject)
            hits.append(((parts @ part).argmax() == who, (whole @ part).argmax() == who))
            own = (seen.patches[seen.masks[subject]] @ bags[who].T).max(1)
            other = (seen.patches[seen.masks[subject]] @ bags[pair[1 - subject]].T).max(1)
            single.append(float((own > other).mean()))
    to_parts, to_whole = (float(share) for share in np.mean(hits, axis=0))
    return first, to_parts, to_whole, float(np.mean(single))


def look(network: Dino, clip: Clip) -> Seen:
    """The features of a clip's first frame, and which patches each subject mostly covers."""
    tokens = _unit(network.tokens(network.transform(clip.frames[0])[None])[0])
    covers = []
    for subject in range(int(max(1, clip.labels.max()))):
        grey = np.repeat(np.uint8(255) * clip.masks(subject)[0][..., None], 3, axis=2)
        crop = network.transform(grey)[..., 0]
        side = len(crop) // network.grid
        cells = crop.reshape(network.grid, side, network.grid, side).mean(axis=(1, 3)).ravel()
        covers.append((cells > 0) & (cells >= min(127.5, cells.max())))
    return Seen(tokens[0], tokens[1:], np.array(covers))


def _scene(rng: np.random.Generator, *people: Identity) -> Clip:
    scene = Scene(
        people,
        str(rng.choice(ACTIONS)),
        str(rng.choice(PLACES)),
        str(rng.choice(CAMERAS)),
        str(rng.choice(list(LIGHTS))),
        int(rng.integers(1 << 30)),
    )
    return render(scene, only=[int(rng.integers(scene.frames))])


def _unit(features: Array) -> Array:
    return np.asarray(features / np.linalg.norm(features, axis=-1, keepdims=True), np.float32)
