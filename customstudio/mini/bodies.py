"""How each class of subject is drawn: standing on (0, 0), about one unit high, y down."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from customstudio.mini.look import Look
from customstudio.mini.shapes import Array, Colour, Shape, box, ellipse, poly, scale, shift, turn

WHITE: Colour = (250, 250, 250)
BLACK: Colour = (25, 22, 24)
_HERE = np.eye(3)


@dataclass(frozen=True)
class Pose:
    """What a body does at one moment."""

    swing: float = 0.0
    """Of the limbs, from -1 to 1."""
    sitting: bool = False


def body(noun: str, look: Look, pose: Pose) -> list[Shape]:
    """The shapes of one individual, from back to front; as many in every pose."""
    return _BODIES[noun](look, pose)


HEAD = {"man": (0.0, -0.74), "woman": (0.0, -0.74)}
"""Centre of the face of those that have one."""


def landmarks(noun: str, look: Look) -> Float[Array, "5 2"]:
    """Eyes, nose and corners of the mouth of a person, in the order of ArcFace's template."""
    x, y = HEAD[noun]
    wide = 0.075 + 0.03 * look.shape[3]
    return poly(
        (x - wide, y - 0.02),
        (x + wide, y - 0.02),
        (x, y + 0.05),
        (x - 0.06, y + 0.11),
        (x + 0.06, y + 0.11),
    )


def _part(points: Array, colour: Colour, matrix: Array = _HERE, look: Look | None = None) -> Shape:
    return Shape(points, colour, matrix, pattern=pattern(look, points) if look else ())


def pattern(look: Look, points: Float[Array, "n 2"]) -> tuple[tuple[Array, Colour], ...]:
    """A look's pattern over the box around a shape."""
    low, high = points.min(axis=0), points.max(axis=0)
    centre, (w, h) = (low + high) / 2, high - low
    count = int(look.count)
    place = shift(*centre) @ turn(look.angle) @ scale(w, h)
    unit: list[Array] = []
    if look.pattern == "stripes":
        unit = [box(x - 0.3 / count, -1, x + 0.3 / count, 1) for x in _steps(count + 1)]
    elif look.pattern == "bands":
        unit = [box(-1, y - 0.3 / count, 1, y + 0.3 / count) for y in _steps(count + 1)]
    elif look.pattern == "spots":
        rows = [(x + 0.15 * (i % 2), y) for i, y in enumerate(_steps(count)) for x in _steps(count)]
        unit = [ellipse(x, y, 0.26 / count, 0.26 / count, 10) for x, y in rows]
    elif look.pattern == "half":
        unit = [box(0, -1, 1, 1)]
    elif look.pattern == "patch":
        unit = [ellipse(0.18 - 0.36 * look.shape[5], 0.05, 0.27, 0.3, 14)]
    elif look.pattern == "checks":
        side = 1 / (count + 1)
        cells = [(i, j) for i in range(-count, count) for j in range(-count, count) if (i + j) % 2]
        unit = [box(i * side, j * side, (i + 1) * side, (j + 1) * side) for i, j in cells]
    elif look.pattern == "star":
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False) - np.pi / 2
        radii = np.where(np.arange(10) % 2, 0.15, 0.36)
        unit = [np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)]
    flat = [u @ place[:2, :2].T + place[:2, 2] for u in unit]
    return tuple((points, look.second) for points in flat)


def _steps(count: int) -> list[float]:
    return [(i + 0.5) / count - 0.5 for i in range(count)]


def _eyes(x: float, y: float, gap: float, r: float, iris: Colour = BLACK) -> list[Shape]:
    shapes = []
    for side in (-1, 1):
        shapes.append(_part(ellipse(x + side * gap, y, r, r * 1.15, 14), WHITE))
        shapes.append(_part(ellipse(x + side * gap, y, r * 0.6, r * 0.7, 12), iris))
    return shapes


def _legs(
    xs: tuple[float, ...], top: float, wide: float, colour: Colour, pose: Pose
) -> list[Shape]:
    legs = []
    for i, x in enumerate(xs):
        if pose.sitting:
            leg = shift(x * 1.25, top) @ turn(-1.15 if x > 0 else 1.15) @ scale(1, 0.8)
        else:
            leg = shift(x, top) @ turn(0.55 * pose.swing * (-1) ** i)
        legs.append(_part(box(-wide / 2, -0.03, wide / 2, -top), colour, leg))
    return legs


def _pet(look: Look, pose: Pose, *, dog: bool) -> list[Shape]:
    long, legs = 0.30 + 0.10 * look.shape[0], 0.20 + 0.08 * look.shape[1]
    belly = -(legs + 0.13 + 0.04 * look.shape[2])
    tail_length = 0.22 + 0.16 * look.shape[3]
    tail = shift(-long + 0.04, belly) @ turn(0.5 + 0.35 * pose.swing)
    hx, hy, r = long * 0.72, belly - 0.28, 0.19 + 0.04 * look.shape[4]
    ear: list[Shape] = []
    for side in (-1, 1):
        if dog and look.style[0] % 2 == 0:  # hanging ears
            shape = ellipse(hx + side * r, hy + 0.04, 0.065, 0.16 + 0.04 * look.shape[5], 16)
        elif dog:
            shape = ellipse(hx + side * r * 0.75, hy - r, 0.07, 0.10, 14)
        else:
            tip = 0.13 + 0.12 * look.shape[5]
            shape = poly(
                (hx + side * r * 0.2, hy - r * 0.75),
                (hx + side * r * 0.75, hy - r - tip),
                (hx + side * r * 0.98, hy - r * 0.3),
            )
        ear.append(_part(shape, look.second if look.style[0] > 1 else look.main))
    thick = 0.05 if dog else 0.035
    muzzle = _part(ellipse(hx + 0.02, hy + 0.08, 0.10 if dog else 0.075, 0.075, 16), look.skin)
    return [
        _part(box(-tail_length, -thick, 0.02, thick), look.second, tail),
        *_legs((-long * 0.7, -long * 0.35, long * 0.35, long * 0.7), -legs, 0.09, look.main, pose),
        _part(ellipse(0, belly, long, 0.19), look.main, look=look),
        *ear,
        _part(ellipse(hx, hy, r, r * 0.92), look.main),
        _part(ellipse(hx - r * 0.4, hy - 0.03, 0.09, 0.10, 14), _mark(look)),
        muzzle,
        *_eyes(hx + 0.01, hy - 0.04, 0.085, 0.05),
        _part(ellipse(hx + 0.02, hy + 0.055, 0.035, 0.028, 10), BLACK),
    ]


def _disc(centre: Array, rx: float, ry: float, corners: int) -> Array:
    x, y = centre.tolist()
    return ellipse(x, y, rx, ry, corners)


def _mark(look: Look) -> Colour:
    return look.second if look.style[3] % 2 else look.main


def _person(look: Look, pose: Pose, *, woman: bool) -> list[Shape]:
    x, y = 0.0, -0.74
    wide = 0.17 + 0.04 * look.shape[3]
    style = look.style[1]
    hair = look.hair
    back = {0: 0.20, 1: 0.30, 2: 0.42, 3: 0.24}[style] if woman else 0.20
    arms = []
    for side in (-1, 1):
        arm = shift(side * 0.15, -0.48) @ turn(-side * 0.35 + 0.5 * pose.swing * side)
        arms.append(_part(box(-0.035, 0, 0.035, 0.24), look.skin, arm))
    torso = (
        poly((-0.13, -0.54), (0.13, -0.54), (0.22, -0.20), (-0.22, -0.20))
        if woman
        else poly((-0.17, -0.54), (0.17, -0.54), (0.14, -0.20), (-0.14, -0.20))
    )
    eyes = landmarks("woman", look)
    fringe = [
        poly(
            (-wide, y), (-wide, y - 0.12), (0, y - 0.25), (wide, y - 0.12), (wide, y), (0, y - 0.11)
        ),
        poly(
            (-wide, y + 0.02),
            (-wide, y - 0.17),
            (0, y - 0.26),
            (wide, y - 0.17),
            (wide * 0.9, y - 0.08),
        ),
        poly(
            (-wide, y - 0.07),
            (-wide * 0.8, y - 0.21),
            (0, y - 0.27),
            (wide * 0.8, y - 0.21),
            (wide, y - 0.07),
        ),
        ellipse(0, y - 0.19, wide * 0.95, 0.09, 18),
    ][style]
    beard = look.style[3] if not woman else -1
    glasses = BLACK if look.style[2] == 0 else look.second if look.style[2] == 1 else look.skin
    lips: Colour = (190, 50, 70) if woman else (150, 80, 70)
    lens = [_part(_disc(eyes[i], 0.066, 0.066, 16), glasses) for i in (0, 1)]
    inner = [_part(_disc(eyes[i], 0.048, 0.048, 14), WHITE) for i in (0, 1)]
    irises = [_part(_disc(eyes[i], 0.026, 0.03, 12), _iris(look)) for i in (0, 1)]
    brow = 0.025 + 0.02 * look.shape[4]
    brows = [
        _part(box(e[0] - 0.055, e[1] - 0.085 - brow, e[0] + 0.055, e[1] - 0.085), hair)
        for e in eyes[:2]
    ]
    chin = y + 0.155
    return [
        _part(ellipse(x, y + back / 2 - 0.10, wide + 0.035, back / 2 + 0.13), hair),
        *_legs((-0.08, 0.08), -0.22, 0.09, look.second, pose),
        *arms,
        _part(torso, look.main, look=look),
        _part(ellipse(x, y, wide, 0.215), look.skin),
        _part(
            poly(
                (-wide * 0.8, y + 0.08),
                (wide * 0.8, y + 0.08),
                (0.07, chin + 0.05),
                (-0.07, chin + 0.05),
            ),
            hair if beard in (0, 1) else look.skin,
        ),
        _part(fringe, hair),
        *lens,
        *inner,
        *irises,
        *brows,
        _part(ellipse(x, y + 0.05, 0.022 + 0.012 * look.shape[5], 0.04, 10), _darker(look.skin)),
        _part(ellipse(x, y + 0.115, 0.06, 0.018, 12), lips),
    ]


def _iris(look: Look) -> Colour:
    colours: tuple[Colour, ...] = ((60, 40, 25), (50, 110, 170), (60, 130, 70), (25, 25, 28))
    return colours[(look.style[0] + look.style[3]) % 4]


def _darker(colour: Colour, by: float = 0.72) -> Colour:
    r, g, b = (by * c for c in colour)
    return r, g, b


def _bear(look: Look, pose: Pose) -> list[Shape]:
    r = 0.20 + 0.05 * look.shape[0]
    ear = 0.07 + 0.05 * look.shape[1]
    arms = [
        _part(
            ellipse(0, 0.09, 0.07, 0.14, 16),
            look.main,
            shift(s * 0.2, -0.46) @ turn(-s * 0.8 + 0.4 * pose.swing),
        )
        for s in (-1, 1)
    ]
    feet = [_part(ellipse(s * 0.15, -0.08, 0.11, 0.09, 16), look.second) for s in (-1, 1)]
    ears = [
        _part(ellipse(s * r * 0.75, -0.74 - r * 0.7, ear, ear, 16), look.second) for s in (-1, 1)
    ]
    bow = [poly((0, -0.52), (s * 0.11, -0.58), (s * 0.11, -0.46)) for s in (-1, 1)]
    ribbon = look.hair if look.style[3] % 2 else look.main
    return [
        *arms,
        _part(ellipse(0, -0.30, 0.21 + 0.04 * look.shape[2], 0.26), look.main, look=look),
        *feet,
        *ears,
        _part(ellipse(0, -0.74, r, r * 0.92), look.main),
        _part(ellipse(0, -0.67, 0.10, 0.08, 16), look.skin),
        *_eyes(0, -0.79, 0.08, 0.035),
        _part(ellipse(0, -0.70, 0.035, 0.028, 10), BLACK),
        *(_part(b, ribbon) for b in bow),
    ]


def _robot(look: Look, pose: Pose) -> list[Shape]:
    wide, head = 0.18 + 0.06 * look.shape[0], 0.13 + 0.06 * look.shape[1]
    arms = [
        _part(
            box(-0.035, 0, 0.035, 0.26),
            look.second,
            shift(s * (wide + 0.04), -0.56) @ turn(-s * 0.3 + 0.6 * pose.swing),
        )
        for s in (-1, 1)
    ]
    eye = look.hair if look.style[0] % 2 else (90, 230, 240)
    mast = 0.05 + 0.10 * look.shape[2]
    return [
        *_legs((-0.10, 0.10), -0.22, 0.10, look.second, pose),
        *arms,
        _part(box(-wide, -0.60, wide, -0.20), look.main, look=look),
        _part(box(-0.012, -0.84 - mast, 0.012, -0.82), BLACK),
        _part(ellipse(0, -0.84 - mast, 0.035, 0.035, 12), eye),
        _part(box(-head, -0.84, head, -0.60), _mark(look)),
        *(_part(ellipse(s * 0.07, -0.73, 0.045, 0.045, 14), eye) for s in (-1, 1)),
        _part(box(-0.08, -0.655, 0.08, -0.63), BLACK),
    ]


def _duck(look: Look, pose: Pose) -> list[Shape]:
    r = 0.17 + 0.05 * look.shape[0]
    beak = 0.13 + 0.08 * look.shape[1]
    wing = shift(-0.08, -0.36) @ turn(0.5 * pose.swing)
    hx, hy = 0.18, -0.70
    return [
        _part(poly((-0.25, -0.35), (-0.45, -0.5 - 0.1 * look.shape[2]), (-0.3, -0.2)), look.second),
        _part(ellipse(0, -0.26, 0.36, 0.26), look.main, look=look),
        _part(ellipse(hx, hy, r, r), look.main),
        _part(
            poly((hx + r * 0.7, hy - 0.05), (hx + r + beak, hy + 0.03), (hx + r * 0.7, hy + 0.08)),
            look.hair,
        ),
        _part(ellipse(hx, hy - r, 0.05 + 0.08 * look.shape[3], 0.06, 14), look.second),
        *_eyes(hx + 0.05, hy - 0.04, 0.055, 0.04),
        _part(ellipse(0, 0, 0.18, 0.10, 18), look.second, wing),
    ]


def _flower(look: Look, pose: Pose) -> list[Shape]:
    count, r = 5 + look.style[0], 0.13 + 0.05 * look.shape[0]
    lean = turn(0.18 * pose.swing, 0, -0.28)
    cx, cy = 0.0, -0.76
    petals = []
    for i in range(8):  # as many shapes for every individual: unused petals lie under the heart
        a = 2 * np.pi * (i % count) / count
        petal = ellipse(
            cx + r * 1.25 * np.cos(a), cy + r * 1.25 * np.sin(a), r * 0.72, r * 0.72, 16
        )
        petals.append(_part(petal, look.main if i % 2 == 0 else _mark(look), lean))
    leaf: Colour = (60, 140, 70)
    leaves = [
        _part(ellipse(s * 0.12, -0.42 - 0.05 * s, 0.12, 0.05, 14), leaf, lean) for s in (-1, 1)
    ]
    pot = poly(
        (-0.20, -0.30),
        (0.20, -0.30),
        (0.13 + 0.05 * look.shape[1], 0),
        (-0.13 - 0.05 * look.shape[1], 0),
    )
    return [
        _part(box(-0.02, -0.72, 0.02, -0.25), leaf, lean),
        *leaves,
        *petals,
        _part(ellipse(cx, cy, r * 0.8, r * 0.8, 18), look.hair, lean),
        _part(pot, look.second, look=_swapped(look)),
    ]


def _swapped(look: Look) -> Look:
    return replace(look, main=look.second, second=look.main)


def _chair(look: Look, pose: Pose) -> list[Shape]:
    wide, back = 0.20 + 0.08 * look.shape[0], 0.38 + 0.22 * look.shape[1]
    seat = -0.38
    top = [
        box(-wide, seat - back, wide, seat),
        ellipse(0, seat - back / 2, wide, back / 2 + 0.03),
        poly((-wide, seat), (-wide * 0.7, seat - back), (wide * 0.7, seat - back), (wide, seat)),
        poly(
            (-wide, seat),
            (-wide, seat - back * 0.8),
            (0, seat - back),
            (wide, seat - back * 0.8),
            (wide, seat),
        ),
    ][look.style[0]]
    return [
        *_legs((-wide * 0.85, wide * 0.85), seat, 0.05, look.second, Pose(0.15 * pose.swing)),
        _part(top, look.main, look=look),
        _part(box(-wide - 0.04, seat - 0.04, wide + 0.04, seat + 0.07), look.second),
        *_legs((-wide, wide), seat + 0.07, 0.06, look.second, Pose(0.15 * pose.swing)),
    ]


def _car(look: Look, pose: Pose) -> list[Shape]:
    roof, wheel = 0.20 + 0.14 * look.shape[0], 0.10 + 0.03 * look.shape[1]
    front = 0.18 + 0.16 * look.shape[2]
    wheels = []
    for x in (-0.27, 0.27):
        spin = shift(x, -wheel) @ turn(2.5 * pose.swing)
        wheels.append(_part(ellipse(0, 0, wheel, wheel, 20), BLACK, spin))
        wheels.append(
            _part(box(-wheel * 0.5, -wheel * 0.2, wheel * 0.5, wheel * 0.2), look.hair, spin)
        )
    cabin = poly(
        (-0.34 + 0.1 * look.shape[3], -0.38),
        (-0.22, -0.38 - roof),
        (front, -0.38 - roof),
        (front + 0.15, -0.38),
    )
    pane = poly(
        (-0.20, -0.40), (-0.15, -0.34 - roof), (front - 0.03, -0.34 - roof), (front + 0.05, -0.40)
    )
    return [
        _part(cabin, _mark(look)),
        _part(pane, (185, 220, 240)),
        _part(box(-0.02, -0.38 - roof, 0.02, -0.36), _mark(look)),
        _part(box(-0.48, -0.42, 0.48, -0.12), look.main, look=look),
        _part(ellipse(0.45, -0.30, 0.04, 0.05, 12), (250, 235, 150)),
        *wheels,
    ]


def _sneaker(look: Look, pose: Pose) -> list[Shape]:
    high = 0.42 + 0.25 * look.shape[0]
    sole = 0.08 + 0.06 * look.shape[1]
    upper = poly(
        (-0.42, -sole), (-0.44, -high), (-0.12, -high), (0.02, -0.36), (0.40, -0.28), (0.47, -sole)
    )
    tilt = turn(-0.12 * abs(pose.swing), 0.4, 0.0)
    laces = [
        _part(
            box(-0.10 + 0.09 * i, -0.45 + 0.05 * i, -0.01 + 0.09 * i, -0.41 + 0.05 * i), WHITE, tilt
        )
        for i in range(4)
    ]
    return [
        _part(upper, look.main, tilt, look),
        _part(box(-0.46, -sole, 0.5, 0), look.second, tilt),
        _part(poly((0.25, -sole), (0.28, -0.31), (0.40, -0.28), (0.48, -sole)), _mark(look), tilt),
        *laces,
        _part(poly((-0.3, -0.15), (0.05, -0.2), (-0.2, -0.3)), look.hair, tilt),
    ]


def _backpack(look: Look, pose: Pose) -> list[Shape]:
    wide, high = 0.24 + 0.08 * look.shape[0], 0.68 + 0.22 * look.shape[1]
    sway = turn(0.12 * pose.swing)
    straps = [_part(ellipse(s * wide, -0.35, 0.08, 0.26, 18), look.second, sway) for s in (-1, 1)]
    pocket = 0.22 + 0.12 * look.shape[2]
    return [
        *straps,
        _part(ellipse(0, -high, 0.09, 0.08, 14), look.second, sway),
        _part(
            poly(
                (-wide, 0),
                (-wide, -high * 0.8),
                (-wide * 0.6, -high),
                (wide * 0.6, -high),
                (wide, -high * 0.8),
                (wide, 0),
            ),
            look.main,
            sway,
            look,
        ),
        _part(box(-wide * 0.75, -0.05 - pocket, wide * 0.75, -0.05), _mark(look), sway),
        _part(box(-wide * 0.75, -0.07 - pocket, wide * 0.75, -0.03 - pocket), look.hair, sway),
    ]


def _vase(look: Look, pose: Pose) -> list[Shape]:
    neck, belly = 0.06 + 0.09 * look.shape[0], 0.20 + 0.12 * look.shape[1]
    waist = -0.25 - 0.25 * look.shape[2]
    foot = 0.10 + 0.10 * look.shape[3]
    ys = np.linspace(0, -0.92, 12)
    widths = np.interp(
        -ys, [0, -waist, 0.75, 0.92], [foot, belly, neck, neck + 0.05 + 0.06 * look.shape[4]]
    )
    points = np.concatenate([np.stack([-widths, ys], 1), np.stack([widths, ys], 1)[::-1]])
    rock = turn(0.10 * pose.swing)
    handles = [
        _part(
            ellipse(s * (belly + 0.01), -0.55, 0.09, 0.14, 16),
            look.hair if look.style[0] > 1 else look.main,
            rock,
        )
        for s in (-1, 1)
    ]
    return [
        *handles,
        _part(points, look.main, rock, look),
        _part(box(-neck - 0.1, -0.95, neck + 0.1, -0.89), look.second, rock),
        _part(box(-foot - 0.03, -0.04, foot + 0.03, 0), look.second, rock),
    ]


def _guitar(look: Look, pose: Pose) -> list[Shape]:
    low, high = 0.22 + 0.06 * look.shape[0], 0.15 + 0.06 * look.shape[1]
    lean = turn(0.15 * pose.swing)
    head = [
        box(-0.06, -1.02, 0.06, -0.90),
        poly((-0.04, -0.90), (-0.09, -1.04), (0.09, -1.0), (0.04, -0.90)),
        ellipse(0, -0.96, 0.07, 0.07, 16),
        poly((-0.05, -0.9), (0, -1.05), (0.1, -0.98), (0.05, -0.9)),
    ][look.style[0]]
    return [
        _part(ellipse(0, -0.22, low, 0.22), look.main, lean, look),
        _part(ellipse(0, -0.46, high, 0.15), look.main, lean),
        _part(ellipse(0, -0.36, 0.075, 0.075, 18), BLACK, lean),
        _part(box(-0.03, -0.92, 0.03, -0.40), look.hair, lean),
        _part(head, look.second, lean),
        _part(box(-0.09, -0.17, 0.09, -0.13), look.second, lean),
    ]


def _barn(look: Look, pose: Pose) -> list[Shape]:
    wide, wall = 0.32 + 0.10 * look.shape[0], 0.42 + 0.12 * look.shape[1]
    tip = wall + 0.22 + 0.16 * look.shape[2]
    door = 0.08 + 0.06 * look.shape[3]
    roof = [
        poly((-wide - 0.06, -wall), (0, -tip), (wide + 0.06, -wall)),
        poly(
            (-wide - 0.06, -wall),
            (-wide * 0.6, -tip + 0.08),
            (0, -tip),
            (wide * 0.6, -tip + 0.08),
            (wide + 0.06, -wall),
        ),
        poly((-wide - 0.06, -wall), (-wide * 0.5, -tip), (wide * 0.5, -tip), (wide + 0.06, -wall)),
        poly((-wide - 0.06, -wall), (-wide, -tip), (wide + 0.06, -wall)),
    ][look.style[0]]
    return [
        _part(box(-wide, -wall, wide, 0), look.main, look=look),
        _part(roof, look.second),
        _part(box(-door, -0.30, door, 0), look.hair),
        _part(box(-door * 0.1, -0.30, door * 0.1, 0), WHITE),
        _part(ellipse(0, -wall - 0.08, 0.06, 0.06, 14), WHITE),
        *(
            _part(
                box(s * wide * 0.65 - 0.05, -0.36, s * wide * 0.65 + 0.05, -0.24), (200, 230, 245)
            )
            for s in (-1, 1)
        ),
    ]


_BODIES: dict[str, Callable[[Look, Pose], list[Shape]]] = {
    "cat": lambda look, pose: _pet(look, pose, dog=False),
    "dog": lambda look, pose: _pet(look, pose, dog=True),
    "man": lambda look, pose: _person(look, pose, woman=False),
    "woman": lambda look, pose: _person(look, pose, woman=True),
    "bear plushie": _bear,
    "robot toy": _robot,
    "duck toy": _duck,
    "flower": _flower,
    "chair": _chair,
    "car": _car,
    "sneaker": _sneaker,
    "backpack": _backpack,
    "vase": _vase,
    "guitar": _guitar,
    "barn": _barn,
}
