"""What a base model is: repository, revision, licence, files, video; nothing heavy is loaded."""

from typing import Literal

from pydantic import Field

from customstudio.records import Record
from customstudio.suites.schema import VideoSpec


class BaseFile(Record):
    """One file of a base model, under the first of its names that is there."""

    names: tuple[str, ...] = Field(min_length=1)
    """Paths inside the folder; a file of weights may be safetensors or the older `.bin`."""
    own: str | None = None
    """Where weights of one's own are looked for, before those names."""
    megabytes: float | None = None
    """10^6 bytes; None: small."""
    weights: bool = False
    """Its SHA-256 is recorded with every run."""
    sha256: str | None = None
    """Of a file that comes with the package."""


class Repository(Record):
    """A further repository of a base model, fetched into a folder of its own."""

    name: str
    """On the Hugging Face hub."""
    revision: str | None
    folder: str
    """Inside the base model's folder."""
    include: tuple[str, ...]
    """Patterns of the files that are needed."""
    licence: str


class BaseSpec(Record):
    """A base model as published."""

    id: str
    title: str
    repository: str
    """On the Hugging Face hub."""
    revision: str | None
    """Commit of that repository; None: the newest, and what was fetched is recorded."""
    licence: str
    source: str
    video: VideoSpec
    """What it was trained to make."""
    takes: Literal["text", "references", "picture"] = "text"
    """What it makes a video of: a prompt, which methods tune it for (`VideoModel`); a prompt and
    reference images, which it was trained to take; or a picture, which a method makes."""
    files: tuple[BaseFile, ...]
    size_from: str
    """Where the sizes of the files come from."""
    include: tuple[str, ...] = ("scheduler/*", "tokenizer/*", "text_encoder/*", "unet/*", "vae/*")
    """Patterns of the files that are needed of the repository."""
    others: tuple[Repository, ...] = ()
    loader: str = "customstudio.baselines.bases.reading:load"
    """`module:attribute` of what loads it."""
    image_encoder: str | None = None
    """Network of the weights manifest whose features of images are as wide as this base's of text:
    that which was trained with its text encoder."""
    longest: int | None = None
    """Frames that its layers across frames can take; None: any number."""
    side: int = 8
    """What both sides of its videos are multiples of, in pixels."""
    levels: tuple[int, ...] = (1, 2, 3, 4)
    """Where its pictures attend to the text: 1 where maps are as large as latents, each next one
    half as wide."""
    temporal_layers: bool = True
    """Whether what works across frames has layers of its own."""
    embedded: bool = False
    """Its files come with the package; trained on the mini world."""
    folder: str | None = None
    """Name of its folder; None: its id."""
    twin_of: tuple[str, ...] = ()
    """The base models whose classes an embedded one has, at small width."""

    @property
    def gigabytes(self) -> float:
        """Size of the files whose size is known, in 10^9 bytes."""
        return sum(file.megabytes or 0.0 for file in self.files) / 1000


Status = Literal["published revision", "unrecorded", "random", "embedded"]


class Provenance(Record):
    """Which base model a video was made with: recorded beside each."""

    base: str
    """Id of the base, or `tiny...` for the random ones of tests."""
    repository: str
    revision: str | None
    """Commit that the files were fetched at, where the fetch recorded it."""
    status: Status
    sha256: dict[str, str]
    """File of weights -> SHA-256, in hex."""
