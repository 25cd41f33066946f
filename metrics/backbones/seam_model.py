"""The fitted part of the seam detector: how likely a measured line is a seam.

A network of one hidden layer over hand-designed measures, fitted by
`customstudio.metrics.seam_study.fit`
on the tuning subjects alone; its numbers are in seam_model.json.
"""

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from customstudio.metrics.spec import Array
from customstudio.records import Record

FILE = Path(__file__).with_name("seam_model.json")
CLIP = 5.0
"""Standard deviations beyond which a measure says no more: nothing is extrapolated."""

Row = tuple[float, ...]


class SeamModel(Record):
    """Constants of the detector, version by version."""

    version: int
    made_by: str
    """The command that fits it again."""
    measures: tuple[str, ...]
    """What the model was fitted on, in order; another order would be another model."""
    mean: Row
    deviation: Row
    hidden: tuple[Row, ...]
    """Weights: a row a measure, a column a hidden unit."""
    hidden_bias: Row
    out: Row
    out_bias: float
    threshold: float
    """Score above which a line is a seam: the best F1 between tuning folds."""

    def logits(self, measures: Float[Array, "lines measures"]) -> Float[Array, "lines"]:
        """Log odds that each line is a seam, for itself."""
        standard = (measures - np.array(self.mean)) / np.array(self.deviation)
        inner = np.clip(standard, -CLIP, CLIP) @ np.array(self.hidden) + np.array(self.hidden_bias)
        return np.asarray(np.tanh(inner) @ np.array(self.out) + self.out_bias)


@cache
def seam_model() -> SeamModel:
    """The model in use."""
    return SeamModel.model_validate_json(FILE.read_bytes())
