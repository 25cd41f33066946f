"""What the manifest says of each network."""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from customstudio.errors import UserError, did_you_mean
from customstudio.records import Record

MANIFEST = Path(__file__).with_name("manifest.toml")
EMBEDDED = Path(__file__).parents[1] / "mini" / "weights"
"""Where the embedded networks' files are."""


class WeightFile(Record):
    """One file of a network: its name, what is published of its bytes, and where it comes from."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 that the publisher states."""
    sha256_prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{8,63}$")
    """The first digits of it, where only those are published."""
    megabytes: float | None = None
    """10^6 bytes; None: nobody has stated it here."""
    size_from: str = ""
    """Where `megabytes` comes from."""
    hub: str | None = None
    """Repository of the Hugging Face hub that holds the file, at `path`."""
    path: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*/)*$")
    """Folder inside that repository, with a slash at the end; empty: its root."""
    revision: str | None = None
    """Commit of that repository; None: the newest, and the commit is recorded at the fetch."""
    torchvision: str | None = None
    """`module:Enum.MEMBER`, whose URL torchvision itself knows."""
    url: str | None = None
    """Address of the file, or of a zip archive that holds it."""
    member: str | None = None
    """Name inside the zip archive at `url`."""

    @property
    def published(self) -> str | None:
        """The digest, or the beginning of it, that the publisher states."""
        return self.sha256 or self.sha256_prefix

    @property
    def size(self) -> str:
        """The size in words, for people.

        >>> WeightFile(name="a.pth", megabytes=21.13).size
        '21.1 MB'
        """
        return "size unknown" if self.megabytes is None else f"{self.megabytes:,.1f} MB"

    @property
    def origin(self) -> str:
        """Where the file comes from, in words."""
        if self.hub:
            return f"hub {self.hub}@{self.revision or 'main'}{self.path and ' ' + self.path}"
        return self.torchvision or self.url or "generated"


class Network(Record):
    """A network of the manifest."""

    id: str
    title: str
    kind: Literal[
        "clip", "dino", "faces", "flow", "detector", "aesthetic", "segmenter", "grounding",
        "image_encoder", "image_adapter",
    ]  # fmt: skip
    architecture: str
    """Name of the architecture that the checkpoint must fit, key for key."""
    files: tuple[WeightFile, ...]
    licence: str
    source: str
    used_by: tuple[str, ...] = ()
    """Metrics of the catalog that need it."""
    embedded: bool = False
    """Its files come with the package (`mini/weights`); trained on the mini world alone."""

    @property
    def toy(self) -> bool:
        """Whether it is a toy twin, which can only ever be random."""
        return self.architecture == "toy"

    @property
    def of_a_method(self) -> bool:
        """Whether only generation needs it, and seldom: fetched by name alone."""
        return self.kind in ("grounding", "image_encoder", "image_adapter")


@cache
def manifest(path: Path = MANIFEST) -> dict[str, Network]:
    """All networks of the manifest, by id."""
    with path.open("rb") as file:
        tables = tomllib.load(file)
    return {name: Network.model_validate({"id": name, **table}) for name, table in tables.items()}


def find(networks: dict[str, Network], ids: Sequence[str]) -> list[Network]:
    """Networks by their ids.

    Raises:
        UserError: an id that the manifest does not hold.
    """
    for name in ids:
        if name not in networks:
            raise UserError(
                f"unknown network {name!r}",
                where="the weights manifest",
                fix=did_you_mean(name, list(networks)),
            )
    return [networks[name] for name in dict.fromkeys(ids)]
