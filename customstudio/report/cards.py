"""Cards of single videos: its frames beside its references, its prompt, scores and curve."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from customstudio.report.choice import Choice, choose_videos
from customstudio.report.curves import MEANS, Curve, MeanCurve, draw_video
from customstudio.report.load import Bundle
from customstudio.report.sheets import Sheet, reference_sheet, video_sheet
from customstudio.report.text import in_words, number


@dataclass(frozen=True)
class SubjectLine:
    """A subject of the video: its own score and its reference images."""

    name: str
    score: str
    references: Sheet


@dataclass(frozen=True)
class Card:
    """One video."""

    choice: Choice
    score: str
    prompt: str
    path: str
    facts: str
    subjects: tuple[SubjectLine, ...]
    frames: Sheet
    curve: Curve | None
    curve_about: str


def make_cards(
    bundle: Bundle, means: Mapping[tuple[str, str], MeanCurve | None]
) -> tuple[Card, ...]:
    """A card for each chosen video.

    Args:
        bundle: the run.
        means: (method, key) -> mean curve, drawn behind each video's own.
    """
    choices = choose_videos(bundle)
    scores = {
        (row["method"], row["job"], row["metric"], row["subject"]): row
        for row in bundle.subject_rows({choice.job for choice in choices})
    }
    sheets = _Sheets(bundle)
    return tuple(_card(bundle, choice, scores, sheets, means) for choice in choices)


class _Sheets:
    """Decodes each video and each subject's references once, however many cards show them."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.references = lru_cache(maxsize=None)(self._references)
        self.video = lru_cache(maxsize=None)(self._video)

    def _video(self, method: str, job: str) -> Sheet:
        return video_sheet(self._bundle.root, self._bundle.video_rows[method, job])

    def _references(self, subject: str, paths: tuple[str, ...]) -> Sheet:
        return reference_sheet(subject, paths, self._bundle.info.references.get(subject, {}))


def _card(
    bundle: Bundle,
    choice: Choice,
    scores: Mapping[tuple[str, str, str, str], dict[str, Any]],
    sheets: _Sheets,
    means: Mapping[tuple[str, str], MeanCurve | None],
) -> Card:
    row = bundle.video_rows[choice.method, choice.job]
    key = choice.key.key
    values = bundle.curve_rows.get((choice.method, key), {}).get(choice.job, ())
    mean = means.get((choice.method, key))
    return Card(
        choice=choice,
        score=number(choice.value),
        prompt=str(row["prompt"]),
        path=str(row["path"] or "no file"),
        facts=_facts(row),
        subjects=tuple(
            SubjectLine(
                name=str(name),
                score=_subject_score(scores.get((choice.method, choice.job, key, str(name)))),
                references=sheets.references(str(name), tuple(map(str, paths))),
            )
            for name, paths in dict(zip(row["subjects"], row["references"], strict=False)).items()
        ),
        frames=sheets.video(choice.method, choice.job),
        curve=draw_video(values, mean) if len(values) > 1 else None,
        curve_about=MEANS.get(choice.key.metric, f"{choice.key.title} of each frame"),
    )


def _facts(row: Mapping[str, Any]) -> str:
    if row["frames"] is None:
        return "not decoded"
    size = f"{int(row['width'])}×{int(row['height'])}"
    sha = f", SHA-256 {row['sha256'][:12]}…" if row["sha256"] else ""
    return f"{int(row['frames'])} frames, {row['fps']:.4g} fps, {size}{sha}"


def _subject_score(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["value"] is None:
        return f"no value: {in_words(str(row['reason'] or ''))}"
    return number(float(row["value"]))
