"""Fit the seam detector's model: `python -m customstudio.metrics.seam_study.fit --references DIR`.

Only the tuning subjects are used (`seam_data.split`); the validation's subjects are others.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from customstudio.files import write_text
from customstudio.metrics.backbones import seams
from customstudio.metrics.backbones.seam_model import FILE, SeamModel
from customstudio.metrics.backbones.seams import Line
from customstudio.metrics.seam_study.data import Sample, fold, load_images, samples, split
from customstudio.metrics.seam_study.training import Table, fit
from customstudio.metrics.spec import Array

COUNT, SEED = 1600, 1
FOLDS = 4
SURE = 0.01
"""A candidate this close to the true place, as a share of the side (and 2 pixels), is the seam."""


def tabulate(made: Sequence[tuple[list[Line], Sample]]) -> Table:
    """All candidate lines with their truth."""
    measures = [line.measures for lines, _ in made for line in lines]
    truth = [_is_seam(line, sample) for lines, sample in made for line in lines]
    frame = np.repeat(np.arange(len(made)), [len(lines) for lines, _ in made])
    return Table(
        np.stack(measures),
        np.array(truth),
        frame,
        [lines for lines, _ in made],
        np.array([sample.stitched for _, sample in made]),
        [frozenset(fold(s, FOLDS) for s in sample.source.split("+")) for _, sample in made],
    )


def _is_seam(line: Line, sample: Sample) -> bool:
    near = 2 / line.length + SURE
    return any(
        axis == line.axis and abs(place - line.position) <= near for axis, place in sample.seams
    )


def frame_scores(table: Table, model: SeamModel) -> Float[Array, "frames"]:
    """Each frame's score: that of its surest line."""
    logits = model.logits(table.measures)
    starts = np.searchsorted(table.frame, np.arange(len(table.lines) + 1))
    totals = np.full(len(table.lines), -np.inf)
    for i, lines in enumerate(table.lines):
        if lines:
            totals[i] = seams.scores(lines, logits[starts[i] : starts[i + 1]]).max()
    return totals


def held_out_scores(table: Table) -> Float[Array, "frames"]:
    """Scores of each tuning frame by a model fitted without any of one of its folds."""
    totals = np.full(len(table.lines), np.nan)
    for k in range(FOLDS):
        has = np.array([k in folds for folds in table.folds])
        new = has & np.isnan(totals)
        totals[new] = frame_scores(table, fit(table, ~has))[new]
    return totals


def best_threshold(totals: Float[Array, "frames"], stitched: Bool[Array, "frames"]) -> float:
    """The threshold of the highest F1."""
    grid = np.arange(-8, 8, 0.05)
    hits = np.array([(totals[stitched] > t).sum() for t in grid])
    calls = np.array([(totals > t).sum() for t in grid])
    f1 = 2 * hits / (calls + stitched.sum())
    best = int(f1.argmax())
    print(f"between tuning folds: F1 {f1[best]:.3f}", end=", ")
    print(f"precision {hits[best] / calls[best]:.3f}, recall {hits[best] / stitched.sum():.3f}")
    return round(float(grid[best]), 2)


def main() -> None:
    """Make the tuning frames, choose the threshold between folds, fit on all, write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--count", type=int, default=COUNT, help="stitched frames, and others")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    tuning, _ = split(load_images(options.references))
    made = [(seams.candidates(s.frame), s) for s in samples(tuning, options.count, SEED)]
    table = tabulate(made)
    threshold = best_threshold(held_out_scores(table), table.stitched)
    model = fit(table, np.ones(len(made), bool))
    model = model.model_copy(update={"threshold": threshold})
    write_text(options.out, model.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
