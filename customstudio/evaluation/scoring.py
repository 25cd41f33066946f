"""Score: features of one video -> rows."""

from collections.abc import Sequence

import numpy as np

from customstudio.evaluation.items import Item
from customstudio.evaluation.journal import ChunkResult, ScoreRow, f32
from customstudio.metrics import catalog
from customstudio.metrics.spec import MetricSpec, Score, SubjectScores, Unscored, VideoFeatures


def score_video(
    result: ChunkResult,
    item: Item,
    features: VideoFeatures | Unscored,
    metrics: Sequence[str],
) -> None:
    """Append the rows of one video, for every key of every metric, to a chunk's result."""
    for metric in metrics:
        declared = catalog.spec(metric)
        if isinstance(features, Unscored):
            scores = _unscored(declared, item, features)
        else:
            scores = catalog.score_function(metric)(features)
        for key in declared.keys:
            score = scores[key]
            result.scores.append(_row(item, key, None, score.value))
            for subject, value in score.subjects.items():
                result.scores.append(_row(item, key, subject, value))
            if score.curve is not None and np.isfinite(score.curve).all():
                values = [f32(value) for value in score.curve]
                result.curves.append((item.method, item.job, key, values))


def _unscored(declared: MetricSpec, item: Item, why: Unscored) -> dict[str, Score]:
    categories = declared.applies_to
    if categories is not None and not any(s.category in categories for s in item.subjects):
        # What does not apply does not apply to a broken video either: the tables decide it.
        scores = SubjectScores(
            {
                s.id: Unscored(f"not a {' or '.join(categories)}", applicable=False)
                for s in item.subjects
            }
        )
        return dict.fromkeys(declared.keys, Score.over_subjects(scores))
    return dict.fromkeys(declared.keys, Score(why))


def _row(item: Item, key: str, subject: str | None, value: float | Unscored) -> ScoreRow:
    if not isinstance(value, Unscored) and not np.isfinite(value):
        value = Unscored("not a finite number: the network's features overflowed")
    if isinstance(value, Unscored):
        return ScoreRow(item.method, item.job, key, subject, None, str(value))
    return ScoreRow(item.method, item.job, key, subject, f32(value), None)
