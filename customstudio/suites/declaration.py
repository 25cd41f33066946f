"""What `suite.toml` declares: names, seeds, video, what is expected and where the images are."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from customstudio.errors import UserError
from customstudio.records import Record
from customstudio.suites.schema import Subject, VideoSpec

DATA = Path(__file__).parent / "data"


class Source(Record):
    """A place that holds reference images; shown, with its licence, before anything is fetched."""

    id: str
    dataset: str
    """The `source_dataset` of the subjects whose images are here."""
    kind: Literal["files", "zip", "manual"]
    """Single files by URL; one zip; or nothing that may be fetched automatically."""
    home: str
    """The page a person can open."""
    url: str = ""
    """Template with `{revision}`, and for single files `{folder}` and `{name}`."""
    revision: str = ""
    """Pinned revision; empty where the source has none."""
    names: str = ""
    """Template of the file names, with `{index}` from zero; for single files."""
    size: str
    """Roughly what is downloaded, in words."""
    licence: str
    redistribution: str

    def url_of(self, folder: str = "", name: str = "") -> str:
        """The address of the archive, or of one file."""
        return self.url.format(revision=self.revision, folder=folder, name=name)


class FromReferences(Record):
    """How a suite without subjects of its own takes them from the user's folders."""

    class_noun: str
    prompt_noun: str
    category: str
    type: str
    template_set: str


class Expected(Record):
    """Counts that `suites check` holds the tables to."""

    subjects: int
    categories: int
    pairs: int
    types: int
    prompts: dict[str, int]
    jobs: dict[str, int]


class Declaration(Record):
    """One `suite.toml`."""

    name: str
    version: str
    title: str
    label: str
    source: str
    seeds: tuple[int, ...]
    prompt_set: str
    """The default one."""
    prompt_sets: tuple[str, ...]
    unpublished: tuple[str, ...]
    notes: tuple[str, ...]
    video: VideoSpec | None = None
    subjects_from_references: FromReferences | None = None
    expected: Expected
    digests: dict[str, str] = Field(default_factory=dict)
    """Digest of the tables for each prompt set: a changed table needs a new version."""
    sources: tuple[Source, ...] = ()

    def source_of(self, subject: Subject) -> Source | None:
        """Where a subject's images are, if this suite knows."""
        return next((s for s in self.sources if s.dataset == subject.source_dataset), None)


def read_declaration(folder: Path) -> Declaration:
    """The declaration in a suite's folder.

    Raises:
        UserError: `suite.toml` is missing or does not hold what it should.
    """
    path = folder / "suite.toml"
    try:
        return Declaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError("no suite here", where=str(path), fix="check the path") from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise UserError(
            f"not a suite's declaration: {error}", where=str(path), fix="mend the file"
        ) from error
