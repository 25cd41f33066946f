"""Does mini-CLIP find the right prompt for a video of held-out individuals?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from customstudio.metrics.backbones.clip import Clip
from customstudio.mini.captions import CLASSES
from customstudio.mini.check import HELD_OUT, Result
from customstudio.mini.look import Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, CAMERAS, LIGHTS, Scene, render

PROMPTS = 20


def retrieval(network: Clip, draws: int = 10) -> list[Result]:
    """Top-1 of videos among prompts: 20 drawn freely, and those that change one word of the truth.

    Args:
        network: the network.
        draws: how many times 20 scenes are drawn, of one to three subjects.
    """
    sets = [_scenes(draw) for draw in range(draws)]
    flat = [scene for scenes in sets for scene in scenes]
    videos = np.stack([video(network, scene) for scene in flat])
    texts = _texts(network, (scene.caption for scene in flat))
    right = []
    for start in range(0, len(flat), PROMPTS):
        similarity = videos[start : start + PROMPTS] @ texts[start : start + PROMPTS].T
        right.append(similarity.argmax(1) == np.arange(PROMPTS))
    top = float(np.mean(right))
    return [
        Result("mini-clip: prompt of a video, of 20", top, 0.9, f"{len(flat)} videos, top-1"),
        *(_hard(network, flat, videos, name, change) for name, change in CHANGES.items()),
    ]


def video(network: Clip, scene: Scene) -> Float32[Array, "dim"]:
    """A video's feature: the mean of its frames' features of length one, of length one."""
    frames = np.stack([network.transform(frame) for frame in render(scene).frames])
    return _unit(_unit(network.embed(frames)).mean(0))


def _scenes(draw: int) -> list[Scene]:
    rng = np.random.default_rng([31, draw])
    scenes: dict[str, Scene] = {}
    while len(scenes) < PROMPTS:
        nouns = rng.choice(CLASSES, int(rng.integers(1, 4)), replace=False).tolist()
        scene = Scene(
            tuple(Identity(noun, HELD_OUT + int(rng.integers(400_000))) for noun in nouns),
            str(rng.choice(ACTIONS)),
            str(rng.choice(PLACES)),
            str(rng.choice(CAMERAS)),
            str(rng.choice(list(LIGHTS), p=(0.6, 0.2, 0.2))),
            int(rng.integers(1 << 30)),
        )
        scenes.setdefault(scene.caption, scene)
    return list(scenes.values())


def _other_classes(scene: Scene) -> list[Scene]:
    have = [subject.noun for subject in scene.subjects]
    return [
        replace(scene, subjects=(*scene.subjects[:-1], Identity(noun, 0)))
        for noun in CLASSES
        if noun not in have
    ]


CHANGES: dict[str, Callable[[Scene], list[Scene]]] = {
    "one class": _other_classes,
    "the action": lambda s: [replace(s, action=a) for a in ACTIONS if a != s.action],
    "the place": lambda s: [replace(s, place=p) for p in PLACES if p != s.place],
    "the light": lambda s: [replace(s, light=t) for t in LIGHTS if t != s.light],
}
"""What is changed -> all scenes that differ from one in that alone."""


def _hard(
    network: Clip,
    scenes: Sequence[Scene],
    videos: Array,
    name: str,
    change: Callable[[Scene], list[Scene]],
) -> Result:
    right, count = [], 0
    for scene, feature in zip(scenes, videos, strict=True):
        wrong = change(scene)
        count = max(count, len(wrong) + 1)
        texts = _texts(network, (s.caption for s in (scene, *wrong)))
        right.append((texts @ feature).argmax() == 0)
    about = f"all prompts that differ in it, at most {count}"
    return Result(f"mini-clip: only {name} differs", float(np.mean(right)), None, about)


def _texts(network: Clip, texts: Iterable[str]) -> Float32[Array, "texts dim"]:
    return _unit(network.embed_texts(list(texts)))


def _unit(features: Array) -> Array:
    return np.asarray(features / np.linalg.norm(features, axis=-1, keepdims=True), np.float32)
