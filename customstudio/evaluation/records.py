"""The records of a run bundle: what `run.json` and `summary.json` hold."""

from typing import Any, Literal

from customstudio.records import Record

SCHEMA_VERSION = 1
MADE_WITH = "videos made with"
"""So begins the reason of `unofficial_because` where base models are no published ones."""


class SuiteUse(Record):
    """The suite whose jobs a run scored, or the manifest that stood in for one."""

    name: str
    version: str
    label: str
    prompt_set: str
    digest: str
    """SHA-256 of the suite's tables (of the manifest's rows for a manifest)."""
    jobs: int
    """Videos a complete run has, for each method."""


class NetworkUse(Record):
    """A network that took part, by the hashes of its files."""

    role: str
    id: str
    title: str
    sha256: dict[str, str]
    """File name -> SHA-256 of its bytes."""
    status: Literal["official", "unrecorded", "unofficial", "random", "embedded"]
    """`unrecorded`: nobody has published a digest to compare with. Only `official` is official."""
    licence: str


class Settings(Record):
    """What decides the plan of chunks and batches, and with it the last digit of a score."""

    chunk: int
    """Videos a chunk: the unit of the journal."""
    batch: int
    """Images a forward pass."""
    device: str
    precision: Literal["float32", "tf32", "amp"]
    threads: int
    """CPU threads of one forward pass."""
    keep_features: bool


class Environment(Record):
    """Where it ran."""

    customstudio: str
    commit: str | None
    dirty: bool | None
    python: str
    platform: str
    device_name: str
    packages: dict[str, str]


class RunInfo(Record):
    """`run.json`."""

    schema_version: Literal[1] = 1
    status: Literal["running", "shard complete", "complete"]
    official: bool
    """May enter the official board as far as this record can tell."""
    unofficial_because: tuple[str, ...]
    """Shown on every output: `unofficial weights: ...`, `incomplete: ...`."""
    plan_digest: str
    """SHA-256 of all that decides the scores; shards of one run share it."""
    shard: str
    """`i/n`; `1/1` is a whole run."""
    chunks: int
    """Chunks of the whole run."""
    suite: SuiteUse
    protocol: str
    metrics: dict[str, int]
    """Metric id -> version, in the order of the columns."""
    networks: tuple[NetworkUse, ...]
    methods: tuple[str, ...]
    card: dict[str, str] = {}
    """The method's card, as given."""
    generation: dict[str, Any] | None = None
    """`generation.json` of the videos, where `customstudio generate` made them: method, all
    options, base model."""
    references: dict[str, dict[str, str]]
    """Subject -> reference image -> SHA-256."""
    settings: Settings
    environment: Environment
    command: tuple[str, ...]
    started: str
    finished: str | None = None
    seconds: float = 0.0
    """Wall time of all chunks, over all sittings."""
    stages: dict[str, float] = {}
    """Seconds by stage: loading networks, waiting for frames, each network, scoring."""
    notes: tuple[str, ...] = ()
    """What a reader should know: truncated prompts, other frame rates, smaller batches."""


class Estimate(Record):
    """A mean with its 95% interval; or no value, and why."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    """Percentile bootstrap over pairs; None under five pairs."""
    pairs: int
    videos: int
    reason: str = ""


class Coverage(Record):
    """How many of a method's jobs a metric scored."""

    jobs: int
    scored: int
    not_applicable: int
    failed: int
    """Jobs with a reason other than `not_applicable`, missing videos among them."""

    @property
    def share(self) -> float:
        """Covered jobs over all jobs, in [0, 1]."""
        return (self.scored + self.not_applicable) / self.jobs if self.jobs else 0.0


class Group(Record):
    """The estimates of one category, type, pair size or prompt."""

    by: Literal["category", "type", "pair size", "prompt"]
    name: str
    estimates: dict[str, Estimate]


class KeyInfo(Record):
    """What a reader needs to know of a column: a metric, or a variant of one."""

    key: str
    metric: str
    version: int
    title: str
    unit: str
    better: Literal["higher", "lower", "neither"]
    headline: bool
    """The protocol's own columns; the rest are variants."""
    about: str


class Anchor(Record):
    """What an anchor scores under each key: a bound to read the scores by."""

    name: Literal["real references", "still copy", "unrelated images"]
    about: str
    values: dict[str, float]


class MethodSummary(Record):
    """One method's results."""

    method: str
    overall: dict[str, Estimate]
    coverage: dict[str, Coverage]
    groups: tuple[Group, ...]


class Summary(Record):
    """`summary.json`: all of it follows from `scores.parquet` and `videos.parquet`."""

    schema_version: Literal[1] = 1
    scores_sha256: str
    bootstrap_resamples: int
    bootstrap_seed: int
    keys: tuple[KeyInfo, ...]
    methods: tuple[MethodSummary, ...]
    anchors: tuple[Anchor, ...] = ()
