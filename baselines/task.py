"""What a method is given for a pair: its subjects, their references, the video to make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.errors import UserError, some
from customstudio.suites.schema import Reference, Suite, VideoSpec

if TYPE_CHECKING:
    from customstudio.baselines.bases.image_encoder import ImageEncoder
    from customstudio.baselines.bases.video_model import VideoModel

Videos = UInt8[NDArray[np.uint8], "jobs frames height width 3"]
"""What a method makes of a pair's jobs: RGB."""


@dataclass(frozen=True)
class TaskSubject:
    """One subject of the pair; the K-th goes by the learnable token `<newK>`."""

    id: str
    noun: str
    """The noun of the prompts."""
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Task:
    """One pair of a suite."""

    suite: str
    pair: str
    subjects: tuple[TaskSubject, ...]
    video: VideoSpec
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Option of the method -> the files that it names for this pair."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The learnable token of each subject."""
        return tuple(f"<new{index}>" for index in range(1, len(self.subjects) + 1))


@dataclass(frozen=True)
class Bases:
    """The base models that are loaded."""

    main: "VideoModel"
    upscaler: "VideoModel | None" = None
    """Takes the main base's videos to a higher resolution."""
    image_encoder: "ImageEncoder | None" = None
    """The network of images that goes with the main base's text encoder."""


def task_of(
    suite: Suite,
    pair: str,
    video: VideoSpec,
    references: Mapping[str, tuple[Reference, ...]],
    files: Mapping[str, tuple[Path, ...]] | None = None,
) -> Task:
    """The task of one pair.

    Args:
        files: those that the method's options name for it.

    Raises:
        UserError: a subject has no reference images.
    """
    names = suite.pairs[pair].subjects
    absent = [name for name in names if not references.get(name)]
    if absent:
        raise UserError(
            f"no reference images of {some(absent)}",
            where=f"suite {suite.name}, pair {pair}",
            fix=f"customstudio data fetch {suite.name}, or --references DIR",
        )
    subjects = tuple(
        TaskSubject(name, suite.subjects[name].prompt_noun, references[name]) for name in names
    )
    return Task(suite.name, pair, subjects, video, files or {})
