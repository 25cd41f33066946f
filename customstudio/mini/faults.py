"""What can go wrong in a customized video, made on purpose and by degrees.

Each fault takes a scene and a severity from 0 (the true video) to 1. Faults of a moment (a subject
missing, another place's action) grow with the share of frames that they hold; faults of degree
(blend, blur, a slower clock) grow in every frame.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from customstudio.mini.look import Identity, mix
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, SIDE, Actor, Scene, portrait, render

Frames = UInt8[Array, "frames size size 3"]
_COLOURS = ("main", "second", "skin", "hair", "pattern", "angle", "count")
_FACE = ("skin", "hair", "shape", "style")
_STRANGERS = 3_000_000
"""Identities from this number on are nobody's subjects: strangers of the same class."""


def faulty(scene: Scene, fault: str, severity: float, size: int = SIDE) -> Frames:
    """The scene's video with a fault.

    Args:
        scene: the true scene.
        fault: a key of `FAULTS`.
        severity: from 0, the true video bit for bit, to 1.
        size: pixels across and down.

    Raises:
        ValueError: no such fault, or a severity outside [0, 1].
    """
    if fault not in FAULTS or not 0 <= severity <= 1:
        raise ValueError(f"no such fault: {fault!r} with severity {severity}")
    if severity == 0:
        return render(scene, size).frames
    return FAULTS[fault][1](scene, severity, size)


def applies(scene: Scene, fault: str) -> bool:
    """Whether a scene can have a fault: two subjects to confuse, or a face to change."""
    if fault in ("other_subject", "blend", "collage"):
        return len(scene.subjects) > 1
    if fault == "face_changed":
        return any(s.category == "person" for s in scene.subjects)
    return True


def victim(scene: Scene) -> int:
    """The subject that a fault befalls, where it befalls one."""
    return scene.seed % len(scene.subjects)


def _rng(scene: Scene, name: str) -> np.random.Generator:
    return np.random.default_rng([scene.seed, zlib.crc32(name.encode())])


def _in_share(scene: Scene, share: float, true: Frames, wrong: Frames) -> Frames:
    """The wrong frames for a share of the time, spread over the video."""
    count = round(share * len(true))
    order = _rng(scene, "order").permutation(len(true))[:count]
    result = true.copy()
    result[order] = wrong[order]
    return result


def _with(scene: Scene, index: int, actor: Actor) -> tuple[Actor, ...]:
    return (*scene.actors[:index], actor, *scene.actors[index + 1 :])


def _missing(scene: Scene, severity: float, size: int) -> Frames:
    index = victim(scene)
    gone = _with(scene, index, replace(scene.actors[index], present=False))
    return _in_share(scene, severity, render(scene, size).frames, render(scene, size, gone).frames)


def _other_subject(scene: Scene, severity: float, size: int) -> Frames:
    index = victim(scene)
    twin = scene.actors[(index + 1) % len(scene.subjects)]
    wrong = render(scene, size, _with(scene, index, twin)).frames
    return _in_share(scene, severity, render(scene, size).frames, wrong)


def _blend(scene: Scene, severity: float, size: int) -> Frames:
    actors = scene.actors
    blended = []
    for index, actor in enumerate(actors):
        other = actors[(index + 1) % len(actors)]
        only = () if other.noun == actor.noun else _COLOURS
        # Both meet half way: at severity 1 they share one look.
        look = mix(actor.look, other.look, severity / 2, only)
        if severity > 0.5 and index % 2:
            look = replace(look, pattern=other.look.pattern)
        blended.append(replace(actor, look=look))
    return render(scene, size, tuple(blended)).frames


def _stranger(scene: Scene, index: int) -> Identity:
    number = int(_rng(scene, "stranger").integers(1_000_000))
    return Identity(scene.subjects[index].noun, _STRANGERS + number)


def _other_individual(scene: Scene, severity: float, size: int) -> Frames:
    index = victim(scene)
    look = mix(scene.actors[index].look, _stranger(scene, index).look, severity)
    return render(scene, size, _with(scene, index, replace(scene.actors[index], look=look))).frames


def _face_changed(scene: Scene, severity: float, size: int) -> Frames:
    index = next(i for i, s in enumerate(scene.subjects) if s.category == "person")
    look = mix(scene.actors[index].look, _stranger(scene, index).look, severity, _FACE)
    return render(scene, size, _with(scene, index, replace(scene.actors[index], look=look))).frames


def _wrong_place(scene: Scene, severity: float, size: int) -> Frames:
    places = [p for p in PLACES if p != scene.place]
    wrong = replace(scene, place=str(_rng(scene, "place").choice(places)))
    return _in_share(scene, severity, render(scene, size).frames, render(wrong, size).frames)


def _wrong_action(scene: Scene, severity: float, size: int) -> Frames:
    actions = [a for a in ACTIONS if a != scene.action]
    wrong = replace(scene, action=str(_rng(scene, "action").choice(actions)))
    return _in_share(scene, severity, render(scene, size).frames, render(wrong, size).frames)


def _frozen(scene: Scene, severity: float, size: int) -> Frames:
    times = [t * (1 - severity) for t in range(scene.frames)]
    return render(scene, size, only=times).frames


def _flicker(scene: Scene, severity: float, size: int) -> Frames:
    frames = render(scene, size).frames.astype(np.float64)
    gains = _rng(scene, "flicker").uniform(-0.6, 0.6, (len(frames), 1, 1, 3))
    gains[::2] *= -1
    return np.clip(np.round(frames * (1 + severity * gains)), 0, 255).astype(np.uint8)


def _blur(scene: Scene, severity: float, size: int) -> Frames:
    sigma = 3.0 * severity * size / SIDE
    frames = render(scene, size).frames
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def _noise(scene: Scene, severity: float, size: int) -> Frames:
    frames = render(scene, size).frames
    noise = _rng(scene, "noise").normal(0, 70 * severity, frames.shape)
    return np.clip(np.round(frames + noise), 0, 255).astype(np.uint8)


def _collage(scene: Scene, severity: float, size: int) -> Frames:
    """Each subject's own video, in places of their own, side by side."""
    count = len(scene.subjects)
    places = _rng(scene, "collage").permutation([p for p in PLACES if p != scene.place])
    strips = []
    for index, (subject, place) in enumerate(zip(scene.subjects, places, strict=False)):
        alone = replace(scene, subjects=(subject,), place=str(place), seed=scene.seed + index)
        wide = render(alone, size).frames
        left, right = round(index * size / count), round((index + 1) * size / count)
        start = (size - (right - left)) // 2
        strips.append(wide[:, :, start : start + right - left])
    wrong = np.concatenate(strips, axis=2)
    return _in_share(scene, severity, render(scene, size).frames, wrong)


def _copy_paste(scene: Scene, severity: float, size: int) -> Frames:
    """A reference image, background and all, laid over the place where its subject should be."""
    index = victim(scene)
    picture = portrait(scene.subjects[index], 0).frames[0]
    wrong = render(scene, size).frames.copy()
    side = size // max(2, len(scene.subjects))
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    left = round((index + 0.5) * size / len(scene.subjects) - side / 2)
    left = min(max(0, left), size - side)
    top = round(0.95 * size) - side
    wrong[:, top : top + side, left : left + side] = small
    return _in_share(scene, severity, render(scene, size).frames, wrong)


def _cut_out(scene: Scene, severity: float, size: int) -> Frames:
    """A subject cut out of its reference image and laid over the place where it should be."""
    index = victim(scene)
    clip = render(scene, size)
    reference = portrait(scene.subjects[index], 0)
    picture, cut = reference.frames[0], reference.masks(0)[0]
    rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
    picture = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    gone = _with(scene, index, replace(scene.actors[index], present=False))
    wrong = render(scene, size, gone).frames.copy()
    for frame, mask in zip(wrong, clip.masks(index), strict=True):
        _lay_over(frame, mask, picture, cut)
    return _in_share(scene, severity, clip.frames, wrong)


def _lay_over(frame: Array, mask: Array, picture: Array, cut: Array) -> None:
    """Paint a cut-out into a frame, as high as the subject's mask and on the same ground."""
    size = len(frame)
    if not mask.any():
        return
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    high = rows[-1] - rows[0] + 1
    wide = max(1, round(high * picture.shape[1] / picture.shape[0]))
    small = cv2.resize(picture, (wide, int(high)), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cut.astype(np.float64), (wide, int(high)), interpolation=cv2.INTER_AREA)
    left = round((columns[0] + columns[-1] + 1 - wide) / 2)
    a, b = max(0, left), min(size, left + wide)
    if a >= b:
        return
    part = (slice(rows[0], rows[-1] + 1), slice(a, b))
    weight = alpha[:, a - left : b - left, None]
    mixed = weight * small[:, a - left : b - left] + (1 - weight) * frame[part]
    frame[part] = np.round(mixed).astype(np.uint8)


Make = Callable[[Scene, float, int], Frames]
FAULTS: dict[str, tuple[str, Make]] = {
    "missing": ("a subject is absent (severity: share of frames)", _missing),
    "other_subject": (
        "a subject drawn as another one of the pair (share of frames)",
        _other_subject,
    ),
    "blend": ("the subjects' looks mixed, up to one look for both", _blend),
    "other_individual": ("a subject turned into a stranger of its class", _other_individual),
    "face_changed": ("a person's face and hair turned into a stranger's", _face_changed),
    "wrong_place": ("another place than the prompt's (share of frames)", _wrong_place),
    "wrong_action": ("another action than the prompt's (share of frames)", _wrong_action),
    "frozen": ("time slowed down, to a still video at 1", _frozen),
    "flicker": ("brightness and colour jump from frame to frame", _flicker),
    "blur": ("Gaussian blur, to 3 pixels of 64", _blur),
    "noise": ("Gaussian noise, to a deviation of 70 of 255", _noise),
    "collage": ("each subject's own video side by side (share of frames)", _collage),
    "copy_paste": ("a reference image pasted in a subject's place (share of frames)", _copy_paste),
    "cut_out": ("a subject cut out of its reference and pasted in (share of frames)", _cut_out),
}
"""Name -> what it is, and how it is made."""
