"""Faces of a video, each in one place: boxes of its frames that overlap are one face's."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""
SMALLEST = 10
"""Pixels of the shorter side under which a face is left alone (VCD's authors' workflow)."""


def track_faces(frames: Sequence[Float[NDArray[np.float32], "faces 4"]]) -> list[Box]:
    """Where each face is: the smallest box around all boxes of it; left ones first.

    A box is of the face whose last box it overlaps most. A face that fewer than half of the frames
    show is left out: it is more likely none (our rule).

    >>> still, moved = np.array([[0, 0, 20, 20]], "f"), np.array([[5, 0, 25, 20]], "f")
    >>> track_faces([still, moved])
    [(0.0, 0.0, 25.0, 20.0)]
    """
    tracks: list[list[Box]] = []
    for boxes in frames:
        free = list(range(len(tracks)))
        for row in boxes:
            box: Box = (float(row[0]), float(row[1]), float(row[2]), float(row[3]))
            if min(box[2] - box[0], box[3] - box[1]) < SMALLEST:
                continue
            best = max(free, key=lambda index: _shared(tracks[index][-1], box), default=None)
            if best is None or not _shared(tracks[best][-1], box):
                tracks.append([box])
            else:
                tracks[best].append(box)
                free.remove(best)
    return sorted(_around(track) for track in tracks if 2 * len(track) >= len(frames))


def _shared(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _around(boxes: Sequence[Box]) -> Box:
    rows = np.array(boxes)
    left, top = rows[:, :2].min(0)
    right, bottom = rows[:, 2:].max(0)
    return float(left), float(top), float(right), float(bottom)
