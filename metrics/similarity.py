"""Cosine similarities, in double precision, of rows of features."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from customstudio.metrics.spec import Array


def unit(rows: Float[Array, "rows dim"]) -> Float[Array, "rows dim"]:
    """Rows scaled to length one, in float64; a row of zeros stays zero.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    rows = np.asarray(rows, np.float64)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)


def cosine(
    left: Float[Array, "left dim"], right: Float[Array, "right dim"]
) -> Float[Array, "left right"]:
    """Cosine of every row of `left` with every row of `right`, clipped to [-1, 1].

    >>> cosine(np.eye(2), np.array([[1.0, 1.0]])).round(4).tolist()
    [[0.7071], [0.7071]]
    """
    products: Array = unit(left) @ unit(right).T
    return products.clip(-1.0, 1.0)


def consecutive_cosine(rows: Float[Array, "rows dim"]) -> Float[Array, "rows-1"]:
    """Cosine of each row with the next.

    >>> consecutive_cosine(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 0.0]
    """
    rows = unit(rows)
    products: Array = (rows[:-1] * rows[1:]).sum(axis=1)
    return products.clip(-1.0, 1.0)


def per_frame(rows: Float[Array, "found 1+dim"], frames: int) -> list[Float[Array, "here dim"]]:
    """Split rows whose first column is their frame's number into one array a frame.

    >>> [len(rows) for rows in per_frame(np.array([[0, 0.5], [2, 0.1], [2, 0.2]]), 3)]
    [1, 0, 2]
    """
    index = rows[:, 0].astype(int)
    return [rows[index == frame, 1:] for frame in range(frames)]


def best_assignment(similarity: Float[Array, "subjects found"]) -> list[tuple[int, int]]:
    """Pairs (subject, found) that maximise the summed similarity; each serves at most once.

    >>> best_assignment(np.array([[0.9, 0.8], [0.7, 0.1]]))
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    subjects, found = linear_sum_assignment(similarity, maximize=True)
    return list(zip(subjects.tolist(), found.tolist(), strict=True))


def pooled(rows: Sequence[Float[Array, "_ dim"]]) -> Float[Array, "all dim"]:
    """All subjects' rows as one array: the papers' pooled references."""
    return np.concatenate([np.asarray(part) for part in rows])
