"""What the anchors' own run says: means of the made videos, and references against each other."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from customstudio.evaluation.anchors import (
    ABOUT,
    REAL,
    STILL,
    UNRELATED,
    leave_one_face_out,
    leave_one_out,
)
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.records import Anchor, RunInfo
from customstudio.evaluation.rescoring import kept_features, stored_features
from customstudio.metrics.spec import Array, VideoFeatures

LEAVE_ONE_OUT: Mapping[str, tuple[str, Callable[[Array], float | None]]] = {
    "clip_i": ("clip.references", leave_one_out),
    "clip_i.masked": ("clip.references_masked", leave_one_out),
    "dino_i": ("dino.references", leave_one_out),
    "face_similarity": ("faces.references", leave_one_face_out),
}
"""Key -> the reference features that it compares, and how."""


def score_videos(run: Run) -> tuple[RunInfo, list[Anchor]]:
    """The anchors of a run over anchor videos that kept its features."""
    flat = kept_features(run)
    videos = [stored_features(row, flat) for row in run.video_rows()]
    real = {
        key: value
        for key, (feature, measure) in LEAVE_ONE_OUT.items()
        if (value := _over_pairs(videos, feature, measure)) is not None
    }
    anchors = [Anchor(name=REAL, about=ABOUT[REAL], values=real)]
    for method in run.summary.methods:
        means = {key: e.mean for key, e in method.overall.items() if e.mean is not None}
        if method.method == STILL:
            anchors.append(Anchor(name=STILL, about=ABOUT[STILL], values=means))
        else:
            anchors.append(Anchor(name=UNRELATED, about=ABOUT[UNRELATED], values=means))
    return run.info, anchors


def _over_pairs(
    videos: Sequence[VideoFeatures], feature: str, measure: Callable[[Array], float | None]
) -> float | None:
    pairs = {tuple(s.id for s in video.subjects): video for video in videos}
    means = []
    for video in pairs.values():
        values = [v for v in _over_subjects(video, feature, measure) if v is not None]
        if values:
            means.append(np.mean(values))
    return float(np.mean(means)) if means else None


def _over_subjects(
    video: VideoFeatures, feature: str, measure: Callable[[Array], float | None]
) -> Iterator[float | None]:
    for rows in video.references.get(feature, ()):
        yield measure(rows)
