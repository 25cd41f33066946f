"""Train the seam detector's network on a table of candidate lines."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize

from customstudio.metrics.backbones import seams
from customstudio.metrics.backbones.seam_model import CLIP, SeamModel
from customstudio.metrics.backbones.seams import Line
from customstudio.metrics.spec import Array

COMMAND = "python -m customstudio.metrics.seam_study.fit --references DIR"
SEED = 1
HIDDEN, DECAY = 16, 10.0
"""Hidden units and L2 penalty, chosen between tuning folds (8 units were a point of F1 worse)."""
ROUNDS = (60, 60, 150)
"""L-BFGS steps; after each round the hardest lines of each frame count most."""


@dataclass(frozen=True)
class Table:
    """Candidate lines of many frames, stacked."""

    measures: Float[Array, "lines measures"]
    seam: Bool[Array, "lines"]
    frame: Int[Array, "lines"]
    lines: list[list[Line]]
    stitched: Bool[Array, "frames"]
    folds: list[frozenset[int]]
    """Folds that the subjects of each frame belong to."""

    def rows(self, frames: Bool[Array, "frames"]) -> Bool[Array, "lines"]:
        """The lines of some frames."""
        return np.asarray(frames[self.frame])


def fit(table: Table, frames: Bool[Array, "frames"]) -> SeamModel:
    """Fit on some frames; the threshold stays 0."""
    rows = table.rows(frames)
    x, y = table.measures[rows], table.seam[rows].astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-9
    x = np.clip((x - mean) / deviation, -CLIP, CLIP)
    rng = np.random.default_rng(SEED)
    weights = _unpack(rng.standard_normal(_length(x.shape[1])), x.shape[1])
    values = np.concatenate(
        [(weights[0] / np.sqrt(x.shape[1])).ravel(), 0 * weights[1], weights[2] / HIDDEN**0.5, [0]]
    )
    logits = np.zeros(len(x))
    # SciPy's stubs know no function of more than one argument with jac=True.
    search: Any = minimize
    for steps in ROUNDS:
        importance = _importance(table.frame[rows], table.seam[rows], table.stitched, logits)
        options = {"maxiter": steps}
        found = search(
            _loss, values, (x, y, importance), jac=True, method="L-BFGS-B", options=options
        )
        values = np.asarray(found.x)
        logits = _forward(values, x)[1]
    first, bias, second, last = _unpack(values, x.shape[1])
    return SeamModel(
        version=seams.VERSION,
        made_by=COMMAND,
        measures=seams.MEASURES,
        mean=_row(mean),
        deviation=_row(deviation),
        hidden=tuple(_row(row) for row in first),
        hidden_bias=_row(bias),
        out=_row(second),
        out_bias=float(last),
        threshold=0.0,
    )


def _row(values: Float[Array, "n"]) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)


def _length(measures: int) -> int:
    return measures * HIDDEN + 2 * HIDDEN + 1


def _unpack(values: Array, measures: int) -> tuple[Array, Array, Array, float]:
    first, bias, second, last = np.split(values, np.cumsum([measures * HIDDEN, HIDDEN, HIDDEN]))
    return first.reshape(measures, HIDDEN), bias, second, float(last[0])


def _forward(values: Array, x: Float[Array, "lines measures"]) -> tuple[Array, Array]:
    first, bias, second, last = _unpack(values, x.shape[1])
    inner = np.tanh(x @ first + bias)
    return inner, inner @ second + last


def _loss(values: Array, x: Array, y: Array, importance: Array) -> tuple[float, Array]:
    """Weighted cross-entropy with L2 decay, and its gradient."""
    first, _, second, _ = _unpack(values, x.shape[1])
    inner, logits = _forward(values, x)
    entropy = np.sum(importance * (np.logaddexp(0, logits) - y * logits))
    decay = DECAY / 2 * (np.square(first).sum() + np.square(second).sum())
    error = importance * (1 / (1 + np.exp(-logits)) - y)
    back = error[:, None] * second * (1 - np.square(inner))
    gradient = [(x.T @ back + DECAY * first).ravel(), back.sum(axis=0)]
    gradient += [inner.T @ error + DECAY * second, np.array([error.sum()])]
    return float(entropy + decay), np.concatenate(gradient)


def _importance(frame: Array, seam: Array, stitched: Array, logits: Array) -> Array:
    """A frame is judged by its surest line: the surest lines of each frame weigh most."""
    weights = np.full(len(frame), 0.05)
    order = np.lexsort((-logits, frame))
    for lines in np.split(order, np.flatnonzero(np.diff(frame[order])) + 1):
        if stitched[frame[lines[0]]]:
            weights[lines[seam[lines]][:2]] += 0.7
            weights[lines[~seam[lines]][:1]] += 0.2
        else:
            weights[lines[:2]] += 0.7
    return weights
