"""Where the networks' files are, and whether they are the published ones; never a fallback."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_dir

from customstudio.errors import UserError, raise_all
from customstudio.weights.hashes import Hashes
from customstudio.weights.networks import EMBEDDED, Network, WeightFile, find, manifest
from customstudio.weights.recorded import Recorded, read_recorded

__all__ = ["Located", "Network", "Status", "Store", "default_directory", "manifest"]

Status = Literal["official", "unrecorded", "unofficial", "random", "embedded"]
RANDOM_MARK = "RANDOM.txt"
_WORST = ("random", "unofficial", "unrecorded", "embedded", "official")
_HEADER_LIMIT = 100 * 2**20


@dataclass(frozen=True)
class Located:
    """A network with its files found and hashed."""

    network: Network
    files: dict[str, Path]
    """File name -> path."""
    sha256: dict[str, str]
    """File name -> SHA-256, in hex."""
    status: Status


def default_directory() -> Path:
    """`$CUSTOMSTUDIO_WEIGHTS`, or `customstudio/weights` in the user's cache."""
    named = os.environ.get("CUSTOMSTUDIO_WEIGHTS")
    return Path(named) if named else Path(user_cache_dir("customstudio")) / "weights"


class Store:
    """A folder of weights, `NETWORK/FILE`.

    In the default folder a file that is not the published one is an error; in a folder that was
    given by name it is allowed, and its status says so everywhere.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        networks: dict[str, Network] | None = None,
        hashes: Hashes | None = None,
    ) -> None:
        self.explicit = directory is not None
        self.directory = default_directory() if directory is None else Path(directory)
        self.networks = manifest() if networks is None else networks
        self._hashes = hashes or Hashes()

    def path(self, network: Network, file: WeightFile) -> Path:
        """Where a file of a network belongs; embedded ones have their place in the package,
        unless a folder that was given by name holds others."""
        here = self.directory / network.id / file.name
        if network.embedded and not (self.explicit and here.is_file()):
            return EMBEDDED / network.id / file.name
        return here

    def missing(self, network: Network) -> list[WeightFile]:
        """The files of a network that are not there."""
        return [file for file in network.files if not self.path(network, file).is_file()]

    def locate(self, ids: Sequence[str]) -> dict[str, Located]:
        """Find and hash the files of networks; nothing is loaded or fetched.

        Raises:
            UserError: unknown ids; everything that is missing, in one message with size and
                command; in the default folder, files that are not the published ones.
        """
        networks = find(self.networks, ids)
        absent = {network.id: self.missing(network) for network in networks}
        absent = {name: files for name, files in absent.items() if files}
        if absent:
            raise self._missing_error(absent)
        recorded = read_recorded(self.directory)
        problems: list[UserError] = []
        located = {}
        for network in networks:
            located[network.id], wrong = self._located(network, recorded)
            problems += [] if self.explicit else wrong
        raise_all(problems)
        return located

    def _located(
        self, network: Network, recorded: dict[str, Recorded]
    ) -> tuple[Located, list[UserError]]:
        files = {file.name: self.path(network, file) for file in network.files}
        digests, statuses, problems = {}, [], []
        for file in network.files:
            path = files[file.name]
            digests[file.name] = digest = self._hashes.sha256(path)
            row = recorded.get(f"{network.id}/{file.name}")
            expected = file.published or (row.sha256 if row else None)
            if expected and not digest.startswith(expected):
                problems.append(_mismatch(path, expected, digest, published=bool(file.published)))
            statuses.append(_status(file, path, digest, expected))
        status: Status = (
            "random" if network.toy else min(statuses, key=_WORST.index, default="official")
        )
        if network.embedded and status == "official":
            status = "embedded"
        return Located(network, files, digests, status), problems

    def _missing_error(self, absent: dict[str, list[WeightFile]]) -> UserError:
        lines = [
            f"{self.path(self.networks[name], file)} ({file.size})"
            for name, files in absent.items()
            for file in files
        ]
        toys = [name for name in absent if self.networks[name].toy]
        embedded = [name for name in absent if self.networks[name].embedded]
        real = [name for name in absent if name not in (*toys, *embedded)]
        option = f" --weights-dir {self.directory}" if self.explicit else ""
        commands = [f"customstudio weights fetch {' '.join(real)}{option}"] if real else []
        commands += ["install customstudio again: these come with it"] if embedded else []
        commands += [f"customstudio weights random --toy --to {self.directory}"] if toys else []
        return UserError(
            f"weights are missing: {len(lines)} file(s) of {len(absent)} network(s)",
            where="\n         ".join(lines),
            fix="\n         ".join(commands),
        )


def is_random(path: Path) -> bool:
    """Whether a file says of itself, or its folder of it, that its values are random."""
    if (path.parent / RANDOM_MARK).exists():
        return True
    return path.suffix == ".safetensors" and "random" in safetensors_metadata(path)


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The free text fields of a safetensors header; empty where there is none to read."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= _HEADER_LIMIT:
            return {}
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return {}
    fields = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return fields if isinstance(fields, dict) else {}


def _status(file: WeightFile, path: Path, digest: str, expected: str | None) -> Status:
    if file.published and digest.startswith(file.published):
        return "official"
    if is_random(path):
        return "random"
    if expected and not digest.startswith(expected):
        return "unofficial"
    return "unrecorded"


def _mismatch(path: Path, expected: str, digest: str, *, published: bool) -> UserError:
    return UserError(
        f"not the {'published' if published else 'recorded'} file: SHA-256 begins "
        f"{digest[:16]}, expected {expected[:16]}",
        where=str(path),
        fix="remove it and run `customstudio weights fetch`; weights of your own go into a folder "
        "that you pass as --weights-dir",
    )
