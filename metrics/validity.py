"""Does a metric see a fault? Scores of videos with known faults by degrees, in words and numbers.

For each metric and fault: whether the score moves steadily as the fault grows (Spearman's rank
correlation of score and severity, for each job, then their mean), how far it moves against the
spread between seeds, and how often the true video is scored better than the faulty one (AUC).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from customstudio.records import Record

SHIPPED = Path(__file__).with_name("validity.json")
SEEN, WEAK, WRONG = 0.75, 0.6, 0.25
Verdict = Literal["seen", "weak", "blind", "rewarded"]
WORDS: dict[Verdict, str] = {
    "seen": f"a faulty video scores worse in at least {SEEN:.0%} of comparisons",
    "weak": f"in {WEAK:.0%} to {SEEN:.0%}",
    "blind": f"in {WRONG:.0%} to {WEAK:.0%}: about as a coin would",
    "rewarded": f"a faulty video scores better in at least {1 - WRONG:.0%} of comparisons",
}


class Validity(Record):
    """What one metric makes of one fault."""

    metric: str
    """The key, for example `clip_i` or `clip_i.masked`."""
    fault: str
    jobs: int
    """Jobs that have the fault and a score at every severity."""
    spearman: float
    """Mean over jobs of the rank correlation of score and severity; 0 where nothing moves."""
    effect: float | None
    """Mean change from the true video to severity 1, over the spread between seeds; None where
    seeds do not differ."""
    auc: float
    """Share of (true, faulty) pairs of videos in which the true one scores better; ties half."""

    @property
    def verdict(self) -> Verdict:
        """In a word.

        >>> row = {"metric": "clip_i", "fault": "missing", "jobs": 9, "spearman": -1, "effect": -2}
        >>> Validity(**row, auc=0.9).verdict, Validity(**row, auc=0.1).verdict
        ('seen', 'rewarded')
        """
        if self.auc >= SEEN:
            return "seen"
        if self.auc <= WRONG:
            return "rewarded"
        return "weak" if self.auc > WEAK else "blind"


class Study(Record):
    """One validation: which videos, which networks, and what every metric saw."""

    schema_version: Literal[1] = 1
    suite: str
    suite_digest: str
    protocol: str
    networks: dict[str, str]
    """Role -> SHA-256 of its files, joined by `+`."""
    jobs: int
    severities: tuple[float, ...]
    videos: int
    faults: dict[str, str]
    """Fault -> what it is."""
    metrics: dict[str, int]
    """Metric -> version."""
    rows: tuple[Validity, ...]


def read_study(path: Path = SHIPPED) -> Study:
    """A study that was written before; without a path, the one that comes with the package."""
    return Study.model_validate_json(path.read_bytes())


def validities(scores: pd.DataFrame, better: Mapping[str, str]) -> Iterable[Validity]:
    """Every metric held against every fault.

    Args:
        scores: columns fault, severity, pair, job, metric, value; severity 0 are the true videos,
            whose fault is empty.
        better: metric -> `higher`, `lower` or `neither`; for `neither`, less counts as worse.
    """
    true = scores[scores["fault"] == ""]
    for metric, rows in scores[scores["metric"].isin(list(better))].groupby("metric", sort=False):
        own = true[true["metric"] == metric].set_index("job")["value"]
        pairs = true[true["metric"] == metric].groupby("pair")["value"]
        spread = float(np.sqrt(pairs.var(ddof=1).mean()))
        sign = -1.0 if better[str(metric)] == "lower" else 1.0
        for fault, found in rows[rows["fault"] != ""].groupby("fault", sort=False):
            table = found.pivot(index="job", columns="severity", values="value")
            table.insert(0, 0.0, own.reindex(table.index))
            table = table.dropna()
            if len(table):
                yield _validity(str(metric), str(fault), table, spread, sign)


def _validity(metric: str, fault: str, table: pd.DataFrame, spread: float, sign: float) -> Validity:
    values = table.to_numpy(np.float64)
    change = float((values[:, -1] - values[:, 0]).mean())
    return Validity(
        metric=metric,
        fault=fault,
        jobs=len(values),
        spearman=round(float(np.mean([rank_correlation(row) for row in values])), 3),
        effect=round(change / spread, 2) if spread > 0 else None,
        auc=round(auc(sign * values[:, 0], sign * values[:, -1]), 3),
    )


def rank_correlation(values: Float[np.ndarray, "severities"]) -> float:
    """Spearman's correlation of values with their own order; 0 where they are all the same.

    >>> rank_correlation(np.array([0.9, 0.5, 0.4])), rank_correlation(np.array([0.5, 0.5, 0.5]))
    (-1.0, 0.0)
    """
    from scipy.stats import spearmanr

    if np.ptp(values) == 0:
        return 0.0
    return round(float(spearmanr(np.arange(len(values)), values).statistic), 12)


def auc(good: Float[np.ndarray, "good"], bad: Float[np.ndarray, "bad"]) -> float:
    """Share of (good, bad) pairs in which the good value is larger; ties count half.

    >>> auc(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    0.875
    """
    difference = good[:, None] - bad[None, :]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)
