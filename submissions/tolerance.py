"""How far a recomputed value may be from a submitted one, by metric.

Two machines round differently: cosines of networks' features differ in the fourth decimal between a
CPU and a GPU. Where a metric counts what a detector or a threshold decides, a value near the border
may fall on its other side: a few of those may differ by more, their mean may not.
"""

from customstudio.records import Record


class Tolerance(Record):
    """What one metric's values may differ by."""

    each: float
    """A value, absolute."""
    relative: float = 0.0
    """A value, as a share of it, on top."""
    strays: float = 0.0
    """Share of the values that may differ by more; one of them in any case if it is not zero."""
    mean: float
    """The mean over all that were looked at."""

    def allowed(self, values: int) -> int:
        """How many of so many values may differ by more than `each`."""
        return max(1, int(self.strays * values)) if self.strays else 0


SMOOTH = Tolerance(each=0.002, mean=0.001)
DECIDED = Tolerance(each=0.002, strays=0.05, mean=0.02)
TOLERANCES = {
    "face_similarity": DECIDED,
    "stitch_score": DECIDED,
    "dynamic_degree": DECIDED,
    "subject_presence": DECIDED,
    "aesthetic_quality": Tolerance(each=0.01, mean=0.003),
    "motion_magnitude": Tolerance(each=0.005, relative=0.02, mean=0.005),
    "copy_paste": Tolerance(each=0.01, mean=0.003),
}
"""By metric id; all others are `SMOOTH`."""


def tolerance(key: str) -> Tolerance:
    """What the values of a key may differ by.

    >>> tolerance("clip_i.masked") == SMOOTH, tolerance("face_similarity.rate") == DECIDED
    (True, True)
    """
    return TOLERANCES.get(key.partition(".")[0], SMOOTH)
