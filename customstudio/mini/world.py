"""The renderer: a scene in words and identities, to frames with their ground truth.

Everything follows from the scene alone, so that the same scene gives the same video on every
machine with the same version of OpenCV, at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from customstudio.mini.bodies import HEAD, Pose, body, landmarks
from customstudio.mini.look import Identity, Look
from customstudio.mini.places import OCEAN, PLACES, Layer, place
from customstudio.mini.shapes import (
    Array,
    Colour,
    Shape,
    box,
    ellipse,
    flow,
    paint,
    scale,
    shift,
    turn,
)
from customstudio.suites.articles import article

ACTIONS = ("walking", "jumping", "spinning", "sitting", "playing with a ball")
CAMERAS = ("still", "pan left", "pan right", "zoom in")
LIGHTS: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "at sunset": (1.05, 0.85, 0.70),
    "at night": (0.50, 0.55, 0.80),
}
"""Light -> what red, green and blue are multiplied by."""
SIDE, FPS = 64, 8.0
_SLOTS = {1: (0.5,), 2: (0.28, 0.73), 3: (0.19, 0.5, 0.82)}
_HEIGHTS = {1: 0.60, 2: 0.46, 3: 0.36}


@dataclass(frozen=True, eq=False)
class Actor:
    """A subject as it is to be drawn: its class and look, or absent."""

    noun: str
    look: Look
    present: bool = True


@dataclass(frozen=True)
class Scene:
    """One video of the world, in words."""

    subjects: tuple[Identity, ...]
    action: str
    place: str
    camera: str = "still"
    light: str = "day"
    seed: int = 0
    frames: int = 8

    @property
    def caption(self) -> str:
        """The scene in words, with class nouns.

        >>> Scene((Identity("cat", 1), Identity("dog", 2)), "walking", "in the snow").caption
        'a cat and a dog walking in the snow'
        """
        names = [f"{article(s.noun)} {s.noun}" for s in self.subjects]
        who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        light = "" if self.light == "day" else f" {self.light}"
        return f"{who} {self.action} {self.place}{light}"

    @property
    def actors(self) -> tuple[Actor, ...]:
        """The subjects as they are."""
        return tuple(Actor(s.noun, s.look) for s in self.subjects)


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames and the truth about them; frames are drawn when they are asked for."""

    drawn: tuple[tuple[Shape, ...], ...]
    """The shapes of each frame."""
    light: str
    size: int
    faces: tuple[tuple[Float[Array, "5 2"], ...], ...]
    """For each frame, the landmarks of its faces, in pixels."""

    @cached_property
    def _painted(self) -> list[tuple[Array, Array]]:
        return [paint(shapes, self.size) for shapes in self.drawn]

    @cached_property
    def frames(self) -> UInt8[Array, "frames size size 3"]:
        """The pictures, RGB."""
        tint = np.array(LIGHTS[self.light])
        pictures = np.stack([picture for picture, _ in self._painted])
        if self.light == "day":
            return pictures
        return np.asarray(np.clip(np.round(pictures * tint), 0, 255), np.uint8)

    @cached_property
    def labels(self) -> Int[Array, "frames size size"]:
        """0: background and things; i + 1: subject i."""
        kinds = np.array([shape.label for shape in self.drawn[0]])
        return np.stack([kinds[owner] for _, owner in self._painted])

    def masks(self, subject: int) -> Bool[Array, "frames size size"]:
        """Where one subject is seen."""
        return np.asarray(self.labels == subject + 1)

    @cached_property
    def flow(self) -> Float32[Array, "pairs size size 2"]:
        """Exact optical flow between consecutive frames, in pixels (x, y)."""
        return np.stack(
            [
                flow(now, then, owner)
                for now, then, (_, owner) in zip(
                    self.drawn[:-1], self.drawn[1:], self._painted, strict=False
                )
            ]
        )


def render(
    scene: Scene,
    size: int = SIDE,
    actors: tuple[Actor, ...] | None = None,
    only: Sequence[float] | None = None,
) -> Clip:
    """A scene's clip.

    Args:
        scene: what happens.
        size: pixels across and down.
        actors: who is drawn in the subjects' places; None: the subjects.
        only: the frames to draw, by number (also between two frames); None: all.
    """
    actors = scene.actors if actors is None else actors
    times = np.array(range(scene.frames) if only is None else only) / FPS
    layers = place(scene.place, scene.seed)
    moments = (_moment(scene, layers, actors, float(t), size) for t in times)
    drawn, faces = zip(*moments, strict=True)
    return Clip(drawn, scene.light, size, faces)


def portrait(identity: Identity, number: int, size: int = 128) -> Clip:
    """One reference image of a subject (a clip of one frame): it alone, large."""
    rng = np.random.default_rng([11, identity.seed, number])
    scene = Scene(
        (identity,),
        str(rng.choice([a for a in ACTIONS if a not in ("spinning", "jumping")])),
        PLACES[(number + identity.seed) % len(PLACES)],
        seed=int(rng.integers(1 << 30)),
        frames=1,
    )
    return render(scene, size)


def _moment(
    scene: Scene, layers: list[Layer], actors: tuple[Actor, ...], time: float, size: int
) -> tuple[tuple[Shape, ...], tuple[Array, ...]]:
    view = _camera(scene.camera, time)
    shapes = []
    for depth, shape in layers:
        shapes.append(shape.moved(depth * view + (1 - depth) * np.eye(3)))
    faces = []
    for index, actor in enumerate(actors):
        base, matrix, pose, things = _stage(scene, index, len(actors), time)
        shapes += [t.moved(view @ base) for t in things]
        if not actor.present:
            continue
        shapes += [s.moved(view @ matrix, index + 1) for s in body(actor.noun, actor.look, pose)]
        if actor.noun in HEAD:
            points = landmarks(actor.noun, actor.look)
            placed = view @ matrix
            faces.append((points @ placed[:2, :2].T + placed[:2, 2]) * size)
    if scene.action == "playing with a ball":
        shapes += [b.moved(view) for b in _ball(len(actors), time, scene.seed)]
    return tuple(shapes), tuple(faces)


def _camera(name: str, time: float) -> Float[Array, "3 3"]:
    if name == "zoom in":
        return shift(0.5, 0.5) @ scale(1 + 0.2 * time) @ shift(-0.5, -0.5)
    speed = {"still": 0.0, "pan left": 0.15, "pan right": -0.15}[name]
    return shift(speed * (time - 0.4), 0)


def _stage(
    scene: Scene, index: int, count: int, time: float
) -> tuple[Array, Array, Pose, list[Shape]]:
    """Where a subject stands, how it is placed, its pose, and the things at its place."""
    rng = np.random.default_rng([3, scene.seed, index])
    x = _SLOTS[count][index] + rng.uniform(-0.03, 0.03)
    y = 0.86 + rng.uniform(-0.03, 0.05)
    high = _HEIGHTS[count] * rng.uniform(0.92, 1.1)
    phase, side = rng.uniform(0, 1), float(rng.choice([-1.0, 1.0]))
    wave = float(np.sin(2 * np.pi * (1.25 * time + phase)))
    base = shift(x, y) @ scale(high)
    action = scene.action
    matrix, pose = base @ scale(side, 1), Pose(0.15 * wave)
    if action == "walking":
        moved = shift(0.5 * side * (time - 0.45), -0.03 * abs(wave))
        base = base @ shift(0.5 * side * (time - 0.45), 0)
        matrix, pose = shift(x, y) @ scale(high) @ moved @ scale(side, 1), Pose(wave)
    elif action == "jumping":
        height = 0.12 + 0.42 * abs(np.sin(np.pi * (1.25 * time + phase)))
        matrix, pose = base @ shift(0, -height) @ scale(side, 1), Pose(0.8)
    elif action == "spinning":
        angle = 2 * np.pi * (0.8 * time + phase) * side
        matrix = base @ shift(0, -0.08) @ turn(angle, 0, -0.5) @ scale(side, 1)
    elif action == "sitting":
        matrix = base @ scale(side, 1) @ scale(1, 1 + 0.015 * wave)
        pose = Pose(0.1 * wave, sitting=True)
    return base, matrix, pose, _things(scene, side, time)


def _things(scene: Scene, side: float, time: float) -> list[Shape]:
    def thing(points: Array, colour: Colour) -> Shape:
        return Shape(points, colour, np.eye(3))

    things = []
    if scene.place == OCEAN:
        things.append(thing(ellipse(0, 0.02, 0.52, 0.075, 24), (250, 240, 225)))
        things.append(thing(ellipse(0, 0.02, 0.50, 0.022, 20), (230, 90, 70)))
    else:
        things.append(thing(ellipse(0, 0.0, 0.32, 0.05, 20), (70, 70, 70)))
    if scene.action == "sitting":
        things.append(thing(ellipse(0, 0.02, 0.56, 0.14, 24), (175, 45, 70)))
        things.append(thing(ellipse(0, 0.02, 0.44, 0.10, 24), (235, 190, 95)))
    elif scene.action == "walking":
        for k in range(3):
            x, r = -side * (0.42 + 0.13 * k), 0.075 - 0.018 * k
            things.append(thing(ellipse(x, -0.05 - 0.03 * k, r, r, 14), (215, 210, 205)))
    elif scene.action == "spinning":
        for sign in (-1, 1):
            angles = np.linspace(-0.9, 0.9, 12) + (0 if sign > 0 else np.pi)
            angles = angles + 2 * np.pi * 0.8 * time * side
            ring = [
                np.stack([r * np.cos(angles), -0.55 + r * np.sin(angles)], 1) for r in (0.66, 0.61)
            ]
            things.append(thing(np.concatenate([ring[0], ring[1][::-1]]), (255, 255, 255)))
    elif scene.action == "jumping":
        for x in (-0.25, 0.0, 0.25):
            things.append(thing(box(x - 0.02, -0.12, x + 0.02, 0.0), (255, 255, 255)))
    return things


def _ball(count: int, time: float, seed: int) -> list[Shape]:
    phase = np.random.default_rng([5, seed]).uniform()
    swing = np.sin(2 * np.pi * (0.6 * time + phase))
    x = 0.5 + 0.2 * swing
    y = (0.22 if count == 1 else 0.42) - 0.12 * abs(np.cos(2 * np.pi * (0.6 * time + phase)))
    place_ = shift(x, y) @ turn(3 * time)
    r = 0.075
    return [
        Shape(ellipse(0, 0, r, r, 24), (225, 40, 50), place_),
        Shape(box(-0.9 * r, -0.022, 0.9 * r, 0.022), (255, 255, 255), place_),
        Shape(box(-0.022, -0.9 * r, 0.022, 0.9 * r), (255, 255, 255), place_),
    ]
