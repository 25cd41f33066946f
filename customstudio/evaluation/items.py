"""What is to be scored: one item a video, whatever folder or manifest it came from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from customstudio.evaluation.records import SuiteUse
from customstudio.metrics.spec import SubjectInfo
from customstudio.suites.schema import Reference, Suite, VideoSpec


@dataclass(frozen=True)
class ItemSubject:
    """A subject of one video, with its reference images."""

    id: str
    category: str | None
    references: tuple[Reference, ...]

    @property
    def info(self) -> SubjectInfo:
        """What the metrics may know of it."""
        return SubjectInfo(self.id, self.category)


@dataclass(frozen=True)
class Item:
    """One video to score; `path` is None where the video is missing."""

    method: str
    pair: str
    prompt_id: str
    seed: str
    prompt: str
    """The plain prompt, for text metrics."""
    subjects: tuple[ItemSubject, ...]
    type: str
    path: Path | None
    wanted: str = ""
    """The path that was asked for, where it is not the job's own."""

    @property
    def job(self) -> str:
        """`pair/prompt/seed`."""
        return f"{self.pair}/{self.prompt_id}/{self.seed}"


@dataclass(frozen=True)
class Collection:
    """All that a folder of videos holds, in the order in which it is scored."""

    root: Path
    items: tuple[Item, ...]
    """Sorted by method and job: the order of files on disk changes nothing."""
    suite: SuiteUse
    video: VideoSpec | None = None
    notes: tuple[str, ...] = field(default=())
    unofficial: tuple[str, ...] = ()
    """Why nothing made of these videos is official, by what they say of themselves."""
    generation: dict[str, Any] | None = None
    """`generation.json`, where `customstudio generate` made the videos."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, sorted."""
        return tuple(sorted({item.method for item in self.items}))

    @property
    def subjects(self) -> dict[str, ItemSubject]:
        """Every subject of every item, by id."""
        return {s.id: s for item in self.items for s in item.subjects}


def suite_use(suite: Suite) -> SuiteUse:
    """The part of a suite that a run records."""
    return SuiteUse(
        name=suite.name,
        version=suite.version,
        label=suite.label,
        prompt_set=suite.prompt_set,
        digest=suite.digest,
        jobs=len(suite.jobs),
    )
