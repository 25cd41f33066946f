"""Candidate seam lines of a picture, and what is measured along each.

A seam is looked for across the first axis: columns for a vertical one, rows for a horizontal one,
both called columns here. A step across the boundary `b` is the difference of the columns `b + 1`
and `b - 2`: a distance of 3, so that a seam softened by compression is still crossed whole.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from customstudio.metrics.spec import Array

REACH = 8
"""Columns looked at on each side of a boundary; nearer to the border none is looked for."""
MARGIN = 0.12
"""Strips at a border narrower than this share are edges of floors and shelves, not pictures."""
CANDIDATES = 3
"""Lines a picture and axis measured in full; the true one is among those in 99.9% of cases."""
FLOOR = 4.0
"""Grey levels that noise and compression alone give; steps below it carry no evidence."""
SOFT = 3
"""Columns over which compression and resampling smear a bar's edge: these are the bar's too."""
SEGMENTS = 20
FLAT = 2.5
"""Standard deviation, grey levels, below which all up to the border is a bar, not a picture."""

NAMES = (
    "energy over the busier side",
    "energy over both sides",
    "varying energy over the busier side",
    "energy over 2 columns beside",
    "low ratio",
    "middle ratio",
    "span",
    "gap",
    "straightness",
    "one colour",
    "flatter profile",
    "busier profile",
    "disagreement",
    "disagreement of detail",
    "step",
    "support",
    "prominence",
    "colour distance",
    "contrast ratio",
    "sharpness ratio",
    "plainer picture",
)
"""What is measured, in the order of `Lines.measures`; logarithms, but for shares."""


@dataclass(frozen=True)
class Lines:
    """Candidate lines of one picture: boundaries (columns) and their measures."""

    boundaries: Int[Array, "lines"]
    measures: Float[Array, "lines measures"]


def find_lines(picture: Float32[Array, "across 3 along"]) -> Lines:
    """The boundaries across the first axis that most look like a seam, measured.

    The axis along the seam is last: all sums run over it, and it is contiguous in memory.
    """
    sides, bars = _sides(picture)
    beside_bar = np.convolve(bars, np.ones(2 * SOFT + 1), "same") > 0
    support = np.where(beside_bar, 0.0, _support(picture))
    boundaries = _best(support)
    strips = picture[boundaries[:, None] + np.arange(-REACH, REACH)]
    here = support[boundaries]
    whole = np.stack([here, here - np.median(support[support > 0]) if here.size else here], axis=1)
    return Lines(boundaries, np.concatenate([_along(strips), whole, sides[boundaries]], axis=1))


def _support(picture: Float32[Array, "across 3 along"]) -> Float[Array, "across"]:
    """Mean over a line of step / (step + activity beside it + floor), for each boundary.

    Element `b` is the boundary before column `b`; 0 within the margins.
    """
    across = len(picture)
    steps = _norm(picture[3:] - picture[:-3])
    pairs = steps[:-1] + steps[1:]
    beside = (pairs[:-2] + pairs[2:]) * np.float32(0.25)
    edge = max(REACH, round(MARGIN * across))
    first, last = edge - 2, across - edge - 1
    activity = np.maximum(beside[first - 6 : last - 6], beside[first + 3 : last + 3])
    centre = steps[first:last]
    activity += centre
    activity += np.float32(FLOOR)
    support = np.zeros(across)
    support[edge : across - edge + 1] = np.divide(centre, activity, out=activity).mean(axis=1)
    return support


def _best(support: Float[Array, "boundaries"]) -> Int[Array, "lines"]:
    left = support.copy()
    found = []
    for _ in range(CANDIDATES):
        best = int(left.argmax())
        if left[best] <= 0:
            break
        found.append(best)
        left[max(0, best - 3) : best + 4] = -1
    return np.array(found, np.int64)


def _norm(steps: Float32[Array, "*lines 3 along"]) -> Float32[Array, "*lines along"]:
    total = _square(steps)
    return np.asarray(np.sqrt(total, out=total))


def _square(steps: Float32[Array, "*lines 3 along"]) -> Float32[Array, "*lines along"]:
    squares = np.square(steps)
    total = squares[..., 0, :] + squares[..., 1, :]
    total += squares[..., 2, :]
    return np.asarray(total)


def _along(strips: Float32[Array, "lines 16 3 along"]) -> Float[Array, "lines 15"]:
    """Measures of the steps along each line."""
    steps = strips[:, 3:] - strips[:, :-3]
    square = _square(steps)
    size = np.sqrt(square)
    centre = size[:, 6]
    activity = np.maximum(size[:, :4].mean(axis=1), size[:, 9:].mean(axis=1))
    energy = square.mean(axis=-1)
    constant = np.square(steps.mean(axis=-1)).sum(axis=-1)
    varying = energy - constant
    ratio = np.sort((centre + 1) / (activity + FLOOR), axis=-1)
    before, after = strips[:, 6], strips[:, 9]
    deviations = np.sqrt(np.stack([_variance(before), _variance(after)]))
    return np.stack(
        [
            _log_ratio(energy[:, 6], _sidewise(energy).max(axis=0)),
            _log_ratio(energy[:, 6], _sidewise(energy).mean(axis=0)),
            _log_ratio(varying[:, 6], _sidewise(varying).max(axis=0)),
            _log_ratio(energy[:, 6], (energy[:, 4] + energy[:, 8]) / 2),
            np.log(ratio[:, ratio.shape[1] // 5]),
            np.log(ratio[:, ratio.shape[1] // 2]),
            *_coverage(centre, activity),
            _straightness(strips),
            constant[:, 6] / (energy[:, 6] + FLOOR**2),
            np.log(deviations.min(axis=0) + 1),
            np.log(deviations.max(axis=0) + 1),
            _surprise(strips),
            _surprise(np.diff(strips, axis=-1)),
            np.log(centre.mean(axis=-1) + 1),
        ],
        axis=1,
    )


def _log_ratio(a: Float[Array, "lines"], b: Float[Array, "lines"]) -> Float[Array, "lines"]:
    return np.asarray(np.log((a + FLOOR**2) / (b + FLOOR**2)))


def _sidewise(values: Float[Array, "lines 13"]) -> Float[Array, "2 lines"]:
    return np.stack([values[:, :4].mean(axis=1), values[:, 9:].mean(axis=1)])


def _coverage(
    centre: Float[Array, "lines along"], activity: Float[Array, "lines along"]
) -> tuple[Float[Array, "lines"], Float[Array, "lines"]]:
    """Share of the line's segments with a step that stands out, and its longest gap."""
    along = centre.shape[1]
    cuts = np.linspace(0, along, min(SEGMENTS, along) + 1).astype(int)
    steps, beside = (np.add.reduceat(values, cuts[:-1], axis=1) for values in (centre, activity))
    seen = steps > 1.5 * beside + np.diff(cuts)
    run = longest = np.zeros(len(seen))
    for segment in seen.T:
        run = np.where(segment, 0, run + 1)
        longest = np.maximum(longest, run)
    return seen.mean(axis=1), longest / seen.shape[1]


def _straightness(strips: Float32[Array, "lines 16 3 along"]) -> Float[Array, "lines"]:
    """Share of a line whose largest one-pixel step within 4 columns is the seam's, to a pixel."""
    steps = _square(strips[:, 4:13] - strips[:, 3:12])
    return np.asarray((np.abs(steps.argmax(axis=1) - 4) <= 1).mean(axis=-1), np.float64)


def _variance(profile: Float[Array, "lines 3 along"]) -> Float[Array, "lines"]:
    return np.asarray(profile.var(axis=-1).sum(axis=-1))


def _surprise(strips: Float[Array, "lines 16 3 along"]) -> Float[Array, "lines"]:
    """How much less the two sides agree than each side agrees with itself, as a log ratio."""
    profiles = strips[:, 3:13:3]
    profiles = profiles - profiles.mean(axis=-1, keepdims=True)
    joint = np.einsum("lpca,lpca->lp", profiles[:, 1:], profiles[:, :-1])
    power = np.einsum("lpca,lpca->lp", profiles, profiles)
    scale = np.sqrt(power[:, 1:] * power[:, :-1] + (FLOOR * profiles.shape[-1]) ** 2)
    apart = 1 - joint / scale
    return np.asarray(np.log((apart[:, 1] + 0.02) / (apart[:, ::2].max(axis=1) + 0.02)))


def _sides(
    picture: Float32[Array, "across 3 along"],
) -> tuple[Float[Array, "across 4"], Bool[Array, "across"]]:
    """How the two sides of each boundary differ as a whole; whether one is a plain bar.

    Colour distance, contrast ratio, sharpness ratio, contrast of the plainer side.
    """
    mean = picture.mean(axis=-1)
    square = np.einsum("xca,xca->xc", picture, picture) / picture.shape[-1]
    change = picture[..., 1:] - picture[..., :-1]
    fine = np.abs(change, out=change).reshape(len(picture), -1).mean(axis=1)
    columns = np.concatenate([mean, square, fine[:, None]], axis=1, dtype=np.float64)
    total = np.cumsum(columns, axis=0)
    count = np.arange(len(picture))[:, None]
    before = total - columns
    left = before / np.maximum(count, 1)
    right = (total[-1] - before) / (len(picture) - count)
    deviations = np.stack([_spread(left), _spread(right)])
    measures = np.stack(
        [
            np.log(np.linalg.norm(left[:, :3] - right[:, :3], axis=1) + 1),
            np.abs(np.log((deviations[0] + 1) / (deviations[1] + 1))),
            np.abs(np.log((left[:, 6] + 1) / (right[:, 6] + 1))),
            np.log(deviations.min(axis=0) + 1),
        ],
        axis=1,
    )
    return measures, deviations.min(axis=0) < FLAT


def _spread(moments: Float[Array, "lines 7"]) -> Float[Array, "lines"]:
    variance = moments[:, 3:6] - np.square(moments[:, :3])
    return np.asarray(np.sqrt(np.maximum(variance, 0).sum(axis=1)))
