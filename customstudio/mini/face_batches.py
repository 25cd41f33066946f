"""What the face networks are shown: views of frames, and faces cut out as insightface does."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from insightface.utils.face_align import arcface_dst
from jaxtyping import Float32, Int64, UInt8

from customstudio.metrics.backbones.faces import similarity
from customstudio.mini.face_data import Labelled, circles
from customstudio.mini.face_networks import DETECTOR_SIDE, RECOGNISER_SIDE, STRIDES
from customstudio.mini.shapes import Array

RANGES = {8: (0.0, 22.0), 16: (18.0, 44.0), 32: (36.0, 1e9)}
"""Stride -> radii, in pixels of the detector's picture, of the faces it has to find."""
SHARES = (0.6, 0.25, 0.15)
"""Of the frames of 64, 128 and 256 pixels in the detector's batches."""

Target = tuple[Float32[Array, "side side"], Float32[Array, "side side 14"]]


def detector_batch(
    sets: Sequence[Labelled], size: int, rng: np.random.Generator
) -> tuple[Float32[Array, "n 3 128 128"], list[Target]]:
    """Pictures, and what is to be found on them at each stride, stacked."""
    pictures, wanted = [], []
    for number in rng.choice(len(sets), size, p=SHARES):
        data = sets[number]
        index = int(rng.integers(len(data.frames)))
        of = slice(*np.searchsorted(data.frame, [index, index + 1]))
        picture, points, inside = view(worn(data.frames[index], rng), data.points[of], rng)
        pictures.append((picture.transpose(2, 0, 1) - np.float32(127.5)) / np.float32(128))
        wanted.append(targets(points, np.where(inside < 5, np.minimum(inside, 3), data.seen[of])))
    levels = []
    for level in zip(*wanted, strict=True):
        scores, values = zip(*level, strict=True)
        levels.append((np.stack(scores), np.stack(values)))
    return np.stack(pictures), levels


def worn(picture: UInt8[Array, "h w 3"], rng: np.random.Generator) -> UInt8[Array, "h w 3"]:
    """Every second picture softened, compressed (4:2:0), noisy, a little brighter or darker."""
    if rng.uniform() < 0.5:
        return np.asarray(picture)
    if rng.uniform() < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
    if rng.uniform() < 0.8:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        coded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), quality)[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    noisy = picture * rng.uniform(0.9, 1.1) + rng.normal(0, 3, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def view(
    frame: UInt8[Array, "side side 3"], points: Float32[Array, "n 5 2"], rng: np.random.Generator
) -> tuple[UInt8[Array, "128 128 3"], Float32[Array, "n 5 2"], Int64[Array, "n"]]:
    """The detector's picture of a frame: the whole of it, or a window of another size and form.

    Fitted to the upper left corner with black beside it, as insightface does. With the landmarks
    in the picture, and how many of each face are inside it.
    """
    side = len(frame)
    window, start = np.array([side, side], np.float64), np.zeros(2)
    if rng.uniform() < 0.5:
        window *= rng.uniform(0.7, 1.3) * np.exp(rng.uniform(-0.4, 0.4, 2) * rng.integers(2))
        start = (side - window) * rng.uniform(0, 1, 2)
    scale = DETECTOR_SIDE / window.max()
    across, down = (int(v) for v in np.maximum(1, np.round(window * scale)))
    # Half pixels: 0.5 in the frame is 0.5 * scale in the picture.
    x, y = (0.5 - start) * scale - 0.5
    fitted = cv2.warpAffine(
        np.ascontiguousarray(frame),
        np.array([[scale, 0, x], [0, scale, y]]),
        (across, down),
        borderMode=cv2.BORDER_REPLICATE,
    )
    picture = np.zeros((DETECTOR_SIDE, DETECTOR_SIDE, 3), np.uint8)
    picture[:down, :across] = fitted
    # insightface merely divides by the scale; landmarks are put where that gives the right pixel.
    placed = ((points - start) * scale).astype(np.float32)
    inside = ((placed >= 0) & (placed < [across, down])).all(axis=2).sum(axis=1)
    return picture, placed, inside


def targets(points: Float32[Array, "n 5 2"], seen: Int64[Array, "n"]) -> list[Target]:
    """At each stride: 1 face, 0 none, -1 not counted; and box and landmarks, in strides.

    A face with at least four landmarks in sight is to be found by the cells near its centre, by
    the nearest one at least, at the strides of its size, whichever way it is turned. Cells in its
    outer part are not counted, nor any on a face of which one to three landmarks are seen.
    """
    found = []
    for stride in STRIDES:
        count = DETECTOR_SIDE // stride
        grid = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1) * float(stride)
        score = np.zeros((count, count), np.float32)
        values = np.zeros((count, count, 14), np.float32)
        for face, (x, y, radius), visible in zip(points, circles(points), seen, strict=True):
            away = np.hypot(grid[..., 0] - x, grid[..., 1] - y)
            whole = visible >= 4
            if not visible or (whole and not RANGES[stride][0] <= radius < RANGES[stride][1]):
                continue
            score[(away < max(0.9 * radius, stride)) & (score == 0)] = -1
            if whole:
                near = away < max(0.45 * radius, 0.75 * stride)
                low, high = grid - [x - radius, y - radius], [x + radius, y + radius] - grid
                marks = (face - grid[..., None, :]).reshape(count, count, 10)
                score[near] = 1
                values[near] = np.concatenate([low, high, marks], axis=-1)[near] / stride
        found.append((score, values))
    return found


@dataclass(frozen=True, eq=False)
class Album:
    """Where each individual can be seen."""

    sets: Sequence[Labelled]
    places: dict[int, list[tuple[int, int]]]
    """Individual -> set and row of its faces that are seen whole."""


def album(sets: Sequence[Labelled]) -> Album:
    """Individuals that are seen at least twice."""
    places: dict[int, list[tuple[int, int]]] = {}
    for number, data in enumerate(sets):
        for row in np.flatnonzero(data.seen == 5):
            places.setdefault(int(data.who[row]), []).append((number, int(row)))
    return Album(sets, {who: rows for who, rows in sorted(places.items()) if len(rows) > 1})


def recogniser_batch(
    book: Album, individuals: int, rng: np.random.Generator
) -> Float32[Array, "n 3 112 112"]:
    """Two aligned faces, from different frames, of each of some individuals, one after another."""
    who = rng.choice(list(book.places), individuals, replace=False)
    crops = []
    for person in who:
        rows = book.places[int(person)]
        for chosen in rng.choice(len(rows), 2, replace=False):
            number, row = rows[chosen]
            crops.append(cut_out(book.sets[number], row, rng))
    return (np.stack(crops).transpose(0, 3, 1, 2) - np.float32(127.5)) / np.float32(127.5)


def cut_out(data: Labelled, row: int, rng: np.random.Generator) -> UInt8[Array, "112 112 3"]:
    """A face aligned by landmarks that are off by as much as the detector's."""
    points = data.points[row]
    x, y, radius = circles(points[None])[0]
    corner = np.maximum(0, np.floor([x - 2.5 * radius, y - 2.5 * radius])).astype(int)
    right, bottom = np.ceil([x + 2.5 * radius, y + 2.5 * radius]).astype(int)
    around = worn(data.frames[data.frame[row]][corner[1] : bottom, corner[0] : right], rng)
    error = rng.normal(0, rng.uniform(0, 0.06), (5, 2)) + rng.normal(0, 0.05, 2)
    matrix = similarity(points - corner + radius * error, arcface_dst)
    assert matrix is not None  # five points that differ
    side = (RECOGNISER_SIDE, RECOGNISER_SIDE)
    return np.asarray(cv2.warpAffine(np.ascontiguousarray(around), matrix, side), np.uint8)
