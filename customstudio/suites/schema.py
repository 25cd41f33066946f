"""What a suite is: subjects, pairs, prompt templates, seeds, a video spec, and their jobs."""

from functools import cached_property
from pathlib import Path

from pydantic import Field

from customstudio.records import Record, digest

UNPUBLISHED = "unpublished"


class Subject(Record):
    """One identity, with the noun it goes by in prompts and where its images come from."""

    id: str
    class_noun: str
    """The class, as its source names it (`stuffed animal`): for class priors."""
    prompt_noun: str
    """The noun in prompts (`bear plushie`, `pair of sunglasses`)."""
    category: str
    source_dataset: str = ""
    source_path: str = ""
    n_images: int | None = None
    """Images the source holds, where known."""
    n_images_status: str = ""
    licence: str = ""
    evidence: str = ""
    """Provenance of the row: attested on the official page, category row only, ..."""


class Pair(Record):
    """The one, two or three subjects that appear together in a video, in order."""

    id: str
    subjects: tuple[str, ...] = Field(min_length=1)
    type: str
    """The row of the paper's table, for example `[pet, pet]`."""
    template_set: str
    """Which templates this pair takes: prompts whose `template_set` is the same; empty: none, the
    pair is not in this prompt set."""
    same_noun: bool = False
    """Two subjects go by the same noun: a text metric cannot tell them apart."""
    evidence: str = ""


class Prompt(Record):
    """A template; `<c1>` to `<c3>` stand for the pair's subjects."""

    id: str
    text: str
    template_set: str
    source: str = ""
    problems: tuple[str, ...] = ()


class VideoSpec(Record):
    """What every video of the suite should be."""

    frames: int
    fps: float
    width: int
    height: int


class Job(Record):
    """Pair x prompt x seed: one video to make and to score."""

    pair: str
    prompt_id: str
    seed: int
    prompt: str
    """The plain prompt, without learnable tokens: what CLIP-T uses."""
    prompt_with_tokens: str
    """The same with the learnable token before each noun: `<new1> cat`."""
    subjects: tuple[str, ...]

    @property
    def id(self) -> str:
        """`pair/prompt/seed`, also the path of its video."""
        return f"{self.pair}/{self.prompt_id}/{self.seed}"


class Suite(Record):
    """A versioned benchmark; `digest` is the SHA-256 of its tables."""

    name: str
    version: str
    title: str
    label: str
    """Shown wherever the suite is shown, for example `reconstruction r1`."""
    source: str
    prompt_set: str
    prompt_sets: tuple[str, ...]
    seeds: tuple[int, ...]
    video: VideoSpec | None
    subjects: dict[str, Subject]
    pairs: dict[str, Pair]
    prompts: dict[str, Prompt]
    unpublished: tuple[str, ...] = ()
    """What the source has not published, in words; never made up."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the tables, in hex, with this prompt set and no mention of others.

        A new prompt set beside it changes nothing of it.
        """
        return digest({**self.model_dump(mode="json"), "prompt_sets": [self.prompt_set]})

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs: pairs, then prompts, then seeds, in the order of the tables."""
        from customstudio.suites.prompts import make_jobs

        return tuple(make_jobs(self))


class Reference(Record):
    """One reference image of a subject, and its mask where there is one."""

    path: Path
    mask: Path | None = None
