"""What a generation leaves on disk beside its videos."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.plugins import Origin
from customstudio.records import Record, digest
from customstudio.suites.schema import VideoSpec
from customstudio.weights.store import Located


class DetectorUse(Record):
    """The network that found subjects by their nouns, for a segmenter."""

    network: str
    status: str
    """Of the network's files, as `customstudio weights` has it."""
    sha256: dict[str, str]
    """File of the network -> SHA-256, in hex."""
    threshold: float
    """A box counted whose score, from 0 to 1, was above it."""


class MaskSource(Record):
    """Masks that are not the suite's own."""

    kind: Literal["folder", "segment", "prompt"]
    """The user's folder, or a segmenter for images that have none: for the thing in the middle, or
    for what the subject's noun names. The masks' own digests are among those of the references."""
    network: str | None = None
    """The segmenter."""
    status: str | None = None
    """Of the network's files, as `customstudio weights` has it."""
    sha256: dict[str, str] = {}
    """File of the network -> SHA-256, in hex."""
    rule: int | None = None
    """Version of how the subject is chosen among what the networks find."""
    detector: DetectorUse | None = None
    """Of kind `prompt` alone; where it is empty, a digest is as it was before this field."""

    @property
    def statuses(self) -> dict[str, str]:
        """Of the networks' files, by network."""
        found = {self.detector.network: self.detector.status} if self.detector else {}
        return found | ({self.network: self.status} if self.network and self.status else {})


class NetworkUse(Record):
    """A network of the weights' manifest that the method used."""

    status: str
    """As `customstudio weights` has it."""
    sha256: dict[str, str]
    """File of the network -> SHA-256, in hex."""

    @classmethod
    def of(cls, networks: Mapping[str, Located]) -> "dict[str, NetworkUse]":
        """What is recorded of networks, by id."""
        return {n: cls(status=found.status, sha256=found.sha256) for n, found in networks.items()}


LATER = ("plugin", "masks", "native", "animator", "weights", "networks")
"""Fields of settings that came later: where they are empty, a digest is as it was before them."""


class Settings(Record):
    """`generation.json`: all that makes one folder's videos comparable; a folder has one."""

    schema_version: Literal[1] = 1
    name: str
    """The method's name with what differs from its defaults: `customvideo[alpha=0.01]`."""
    method: str
    options: dict[str, Any]
    """All options, the defaults too."""
    suite: str
    suite_version: str
    suite_digest: str
    prompt_set: str
    video: VideoSpec
    base: Provenance | None
    """None: the method needs no network."""
    upscaler: Provenance | None
    arithmetic: Literal["float32", "bfloat16"]
    plugin: Origin | None = None
    """The code of a method that is another package's; None: a built-in one."""
    masks: MaskSource | None = None
    """None: the suite's own, or the method needs none."""
    native: VideoSpec | None = None
    """What the method asked its base for, before it was brought to `video`; None: `video`. Sizes
    by `svd_frames` and `svd_pixels`, `tiled` and `high_resolution` are in `options` alone."""
    animator: Provenance | None = None
    """The base model that makes videos of a method's pictures; None: it makes videos itself."""
    weights: tuple[Provenance, ...] = ()
    """Of the method itself, beside the base's."""
    networks: dict[str, NetworkUse] | None = None
    """Networks beside the base model, by their ids in the weights' manifest; None: none."""

    @field_validator("options", mode="after")
    @classmethod
    def _as_read_back(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Tuples as lists, as JSON has them, so that a record equals itself read back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()}

    @property
    def random(self) -> list[str]:
        """The networks whose values are random, by id; those of masks are among them."""
        return self.of_status("random")

    def of_status(self, wanted: str) -> list[str]:
        """The networks in use that are of one status, by id."""
        models = (self.base, self.upscaler, self.animator, *self.weights)
        status: dict[str, str] = {found.base: found.status for found in models if found}
        status |= {name: use.status for name, use in (self.networks or {}).items()}
        status |= self.masks.statuses if self.masks else {}
        return [name for name, found in status.items() if found == wanted]

    @property
    def digest(self) -> str:
        """SHA-256 of the settings, in hex."""
        later: dict[str, Any] = {name: True for name in LATER if not getattr(self, name)}
        if self.masks and not self.masks.detector:
            later["masks"] = {"detector"}
        return digest(self.model_dump(mode="json", exclude=later))


class PairRecord(Record):
    """`.pairs/PAIR/pair.json`: what a pair was fitted on."""

    schema_version: Literal[1] = 1
    pair: str
    references: dict[str, dict[str, str]]
    """Subject -> file name (`mask:` before that of a mask) -> SHA-256, in hex; after the subjects,
    `option:NAME` for the files that an option of the method names."""


class Failure(Record):
    """`.pairs/PAIR/failure.json`: why a pair could not be made; tried again by the next run."""

    schema_version: Literal[1] = 1
    pair: str
    reason: str
    where: str
    fix: str
    traceback: str = ""
    """Of an error that is not the user's."""


class Sidecar(Record):
    """`SEED.json` beside `SEED.mp4`: how that video was made."""

    schema_version: Literal[1] = 1
    job: str
    name: str
    prompt: str
    """The plain prompt of the job."""
    prompt_with_tokens: str
    tokens: dict[str, str]
    """Learnable token -> subject."""
    seed: int
    settings: str
    """Digest of `generation.json`."""
    options: dict[str, Any] = {}
    """Those of the method, as there."""
    references: str
    """Digest of the pair's references."""
    masks: str = "suite"
    """Where the masks are from, if the method needs any: `folder`, or the networks that made them,
    joined by `+`."""
    base: str
    base_revision: str | None
    base_status: str
    device: str
    batch: int
    """Videos in the same forward pass: they differ by rounding from those of another batch."""
    threads: int | None = None
    """Of torch on a CPU: with another number, last bits differ."""
    versions: dict[str, str]
    code: str = ""
    """SHA-256, in hex, over the files of `customstudio.baselines`: a method's code has no version
    of its own."""
