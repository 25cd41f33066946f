"""What a submission holds: closed records, strictly read; there is no field for a status."""

from typing import Literal

from pydantic import Field

from customstudio.evaluation.records import Coverage, Estimate
from customstudio.records import Record
from customstudio.submissions.findings import Finding
from customstudio.submissions.texts import (
    Identifier,
    Link,
    Moment,
    Name,
    Package,
    Prose,
    Sha256,
    Slug,
)

SUBMISSION, SCORES, VIDEOS, ENV, MANIFEST = FILES = (
    "submission.json",
    "scores.parquet",
    "videos.parquet",
    "env.json",
    "MANIFEST.sha256",
)
"""The five files; a submission has these and no others."""


class MethodCard(Record):
    """The method in its submitter's words (`card.toml`)."""

    name: Name
    """What rankings show; belongs to the first owner that published it."""
    tuning: Literal["per subject", "per pair", "none"]
    """What is trained for new subjects; `none`: zero-shot."""
    base_model: Identifier
    """The text-to-video model that is tuned or conditioned."""
    licence: Identifier
    """Of the method's code, for example Apache-2.0."""
    open_weights: bool
    """Whether others can get all weights that the method needs."""
    year: int = Field(ge=2015, le=2100)
    authors: tuple[Prose, ...] = Field(min_length=1, max_length=60)
    """As the paper prints them, or who made the videos."""
    title: Prose | None = None
    """Of the paper."""
    paper: Link | None = None
    code: Link | None = None
    weights: Link | None = None
    """Where the method's own weights are."""
    about: Prose | None = None
    """One or two sentences."""
    settings: dict[Slug, Identifier] = Field(default={}, max_length=40)
    """Hyper-parameters, as texts: steps, learning rate, guidance."""


class SuiteRef(Record):
    """The suite, by the digest of its tables."""

    name: Slug
    version: Slug
    prompt_set: Slug
    digest: Sha256
    jobs: int = Field(ge=1)


class NetworkRef(Record):
    """A network that took part in the evaluation, by the hashes of its files."""

    role: Slug
    id: Slug
    sha256: dict[Slug, Sha256] = Field(max_length=16)
    """File name -> SHA-256 of its bytes; empty for one that needs no file (OpenCV's flow)."""


class RunSettings(Record):
    """What decides the last digits of a score."""

    chunk: int = Field(ge=1)
    batch: int = Field(ge=1)
    device: Identifier
    precision: Literal["float32", "tf32", "amp"]
    threads: int = Field(ge=1)


class Submission(Record):
    """`submission.json`. Its means are checked against the rows; boards show recomputed ones."""

    schema_version: Literal[1]
    owner: Sha256
    """Ed25519 public key, in hex."""
    card: MethodCard
    suite: SuiteRef
    protocol: Slug
    metrics: dict[Slug, int] = Field(min_length=1, max_length=64)
    """Metric id -> version."""
    networks: tuple[NetworkRef, ...] = Field(max_length=16)
    references: dict[Slug, tuple[Sha256, ...]] = Field(max_length=500)
    """Subject -> SHA-256 of its reference images and masks, sorted."""
    settings: RunSettings
    plan_digest: Sha256
    """SHA-256 of all that decides the scores, as the run recorded it."""
    evaluated: Moment
    """When the run ended."""
    overall: dict[Slug, Estimate] = Field(max_length=256)
    """Key -> mean with its interval, over the whole suite."""
    coverage: dict[Slug, Coverage] = Field(max_length=256)
    supersedes: Sha256 | None
    """Id of the same owner's earlier submission that this one takes the place of."""


class Env(Record):
    """`env.json`: where the run was evaluated; nothing that names a person or a machine."""

    customstudio: Slug
    commit: Slug | None
    dirty: bool | None
    python: Slug
    platform: Identifier
    device_name: Identifier
    packages: dict[Package, Slug]


class Verdict(Record):
    """What the gate says of a submission."""

    id: str
    """SHA-256 of the manifest; empty where there is none."""
    findings: tuple[Finding, ...]
    """What keeps it out; empty if it passed."""
    unofficial_because: tuple[str, ...] = ()
    """Why it goes to the unofficial section; empty: the official one."""
    flags: tuple[str, ...] = ()
    """What a maintainer should look at; keeps nothing out."""

    @property
    def passed(self) -> bool:
        """Whether it may be published."""
        return not self.findings

    @property
    def section(self) -> Literal["official", "unofficial"]:
        """Where it belongs."""
        return "unofficial" if self.unofficial_because else "official"
