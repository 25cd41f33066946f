"""What a method is given for a pair: its subjects, their references, the video to make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from typing_extensions import TypeVar

from customstudio.errors import UserError, some
from customstudio.suites.schema import Reference, Suite, VideoSpec

if TYPE_CHECKING:
    from customstudio.baselines.bases.image_to_video import ImageToVideo
    from customstudio.baselines.bases.store import BaseFolder
    from customstudio.baselines.bases.video_model import VideoModel
    from customstudio.weights.store import Located

Model = TypeVar("Model", default="VideoModel")
Loaded = TypeVar("Loaded")
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
class Bases(Generic[Model]):
    """The base models that are loaded, and further networks that the options name.

    The main one is a `VideoModel` unless a method says else.
    """

    main: Model
    upscaler: Model | None = None
    """Takes the main base's videos to a higher resolution."""
    animator: "ImageToVideo | None" = None
    """Makes videos of the main base's pictures."""
    weights: "Mapping[str, BaseFolder]" = field(default_factory=dict)
    """What `Options.needs_weights` asks for, by id; the method reads them."""
    networks: "Mapping[str, Located]" = field(default_factory=dict)
    """Id in the weights' manifest -> files, found and hashed."""
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False)

    def network(self, name: str, load: "Callable[[Located], Loaded]") -> Loaded:
        """A further network, loaded when it is first asked for."""
        if name not in self._loaded:
            self._loaded[name] = load(self.networks[name])
        loaded: Loaded = self._loaded[name]
        return loaded


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
