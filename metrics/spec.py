"""What a metric declares, what it is given, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from customstudio.records import Record

Bounds = tuple[float | None, float | None]
Array = np.ndarray[Any, np.dtype[Any]]


class Variant(Record):
    """A second value that a metric's file gives, keyed `<id>.<name>`."""

    name: str
    about: str
    bounds: Bounds | None = None
    """Range of the value; None: the metric's own."""
    needs: dict[str, str] = {}
    """Features that only this variant needs."""


class MetricSpec(Record):
    """A metric's declaration: a number is a claim, and this is what it claims."""

    id: str
    version: int
    title: str
    unit: str
    bounds: Bounds
    """Smallest and largest value there can be; None: no bound."""
    better: Literal["higher", "lower", "neither"]
    needs: dict[str, str]
    """Argument of the score function -> feature, for example `clip.frames`."""
    source: str
    """Paper and equation, or specification."""
    differs: str = ""
    """Where we differ from the source, and why."""
    per_subject: bool = False
    applies_to: tuple[str, ...] | None = None
    """Categories of subjects that it scores; None: all."""
    variants: tuple[Variant, ...] = Field(default=())

    @property
    def keys(self) -> tuple[str, ...]:
        """The id, and `<id>.<variant>` for each variant."""
        return (self.id, *(f"{self.id}.{variant.name}" for variant in self.variants))


@dataclass(frozen=True)
class Unscored:
    """No value, and why. `not applicable` is decided by the suite's tables alone."""

    reason: str
    applicable: bool = True

    def __str__(self) -> str:
        return self.reason if self.applicable else f"{NOT_APPLICABLE}: {self.reason}"


NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class SubjectScores:
    """A value (or the reason for none) for each subject; the video's value is their mean."""

    values: Mapping[str, float | Unscored]

    @property
    def mean(self) -> float | Unscored:
        """Mean over the subjects that the metric applies to; a reason if one of them has none.

        >>> SubjectScores({"cat": 0.5, "dog": 0.75}).mean
        0.625
        >>> SubjectScores({"cat": 0.5, "dog": Unscored("no face in any reference")}).mean
        Unscored(reason='dog: no face in any reference', applicable=True)
        """
        applicable = {
            subject: value
            for subject, value in self.values.items()
            if not isinstance(value, Unscored) or value.applicable
        }
        for subject, value in applicable.items():
            if isinstance(value, Unscored):
                return Unscored(f"{subject}: {value.reason}")
        if not applicable:
            reasons = {v.reason for v in self.values.values() if isinstance(v, Unscored)}
            return Unscored("; ".join(sorted(reasons)) or "no subjects", applicable=False)
        return float(np.mean([v for v in applicable.values() if not isinstance(v, Unscored)]))


@dataclass(frozen=True)
class Score:
    """What a metric says of one video under one key."""

    value: float | Unscored
    subjects: Mapping[str, float | Unscored] = field(default_factory=dict)
    curve: Float[Array, "frames"] | None = None
    """One value a frame or a frame pair, where the metric has them: for the report's curves."""

    @classmethod
    def over_subjects(
        cls, scores: SubjectScores, curve: Float[Array, "frames"] | None = None
    ) -> "Score":
        """The mean over subjects, with the subjects' own values beside it."""
        return cls(scores.mean, scores.values, curve)


@dataclass(frozen=True)
class SubjectInfo:
    """What a metric may know of a subject beside its features."""

    id: str
    category: str | None
    """None where the input does not say."""


@dataclass(frozen=True)
class VideoFeatures:
    """All features of one video that the metrics of a run asked for.

    `arrays` holds what the frames gave (`clip.frames`: frames x dim), `references` what each
    subject's reference images gave, in the order of `subjects`, and `text` the prompt's.
    """

    subjects: tuple[SubjectInfo, ...]
    frames: int
    fps: float
    width: int
    height: int
    arrays: Mapping[str, Array]
    references: Mapping[str, tuple[Array, ...]]
    text: Mapping[str, Array]

    def named(self) -> dict[str, Array]:
        """All arrays under flat names, `KIND|NAME`: what `from_named` reads back."""
        facts = np.array([self.frames, self.width, self.height, self.fps], np.float64)
        flat = {"facts": facts}
        flat |= {f"array|{name}": array for name, array in self.arrays.items()}
        flat |= {f"text|{name}": array for name, array in self.text.items()}
        for name, rows in self.references.items():
            flat |= {f"reference|{name}|{i}": array for i, array in enumerate(rows)}
        return flat

    @classmethod
    def from_named(
        cls, flat: Mapping[str, Array], subjects: tuple[SubjectInfo, ...]
    ) -> "VideoFeatures":
        """The features that `named` wrote."""
        frames, width, height, fps = flat["facts"].tolist()
        kinds: dict[str, dict[str, Array]] = {"array": {}, "text": {}, "reference": {}}
        for key, array in flat.items():
            kind, _, name = key.partition("|")
            if kind in kinds:
                kinds[kind][name] = array
        references = {name.partition("|")[0] for name in kinds["reference"]}
        return cls(
            subjects=subjects,
            frames=int(frames),
            fps=fps,
            width=int(width),
            height=int(height),
            arrays=kinds["array"],
            references={
                name: tuple(kinds["reference"][f"{name}|{i}"] for i in range(len(subjects)))
                for name in references
            },
            text=kinds["text"],
        )
