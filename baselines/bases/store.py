"""Where a base model's files are on this machine; what is missing is said at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from customstudio.baselines.bases.spec import BaseFile, BaseSpec, Provenance, Status
from customstudio.errors import UserError
from customstudio.files import sha256_file
from customstudio.weights.hashes import Hashes
from customstudio.weights.store import RANDOM_MARK, default_directory

EMBEDDED = Path(__file__).parent / "mini"
"""Folder of the models that come with the package."""
OWN = "none: weights of one's own"
"""In the place of a repository."""


@dataclass(frozen=True)
class BaseFolder:
    """A base model with all its files found; nothing is read yet."""

    spec: BaseSpec
    folder: Path
    weights: tuple[str, ...]
    """The files of weights that are there, as paths inside the folder."""

    def provenance(self) -> Provenance:
        """Hash the weights, and read which revision the fetch recorded."""
        hashes = Hashes()
        digests = {name: hashes.sha256(self.folder / name) for name in self.weights}
        main = [name for name in self.weights if not _of_another(self.spec, name)]
        revision = _fetched_revision(self.folder, main)
        status: Status = "unrecorded"
        if (self.folder / RANDOM_MARK).exists():
            status = "random"
        elif self.spec.embedded and self._as_shipped(digests):
            status = "embedded"
        elif self._as_published(revision):
            status = "published revision"
        own = any(file.own in self.weights for file in self.spec.files)
        return Provenance(
            base=self.spec.id,
            repository=OWN if own else self.spec.repository,
            revision=revision,
            status=status,
            sha256=digests,
        )

    def _as_published(self, revision: str | None) -> bool:
        """Whether each repository's files were fetched at the revision that is named for it."""
        fetched = [(revision, self.spec.revision)]
        for other in self.spec.others:
            inside = [name for name in self.weights if name.startswith(f"{other.folder}/")]
            fetched.append((_fetched_revision(self.folder, inside, other.folder), other.revision))
        return all(found is not None and found == named for found, named in fetched)

    def _as_shipped(self, digests: dict[str, str]) -> bool:
        """Whether its weights are those of the package, and what says how to use them."""
        files = [file for file in self.spec.files if file.sha256]
        there = {
            name: digests.get(name) or sha256_file(self.folder / name)
            for name in (file.names[0] for file in files)
        }
        return there == {file.names[0]: file.sha256 for file in files}


def locate(
    specs: Sequence[BaseSpec], folder: Path | None = None, what: str = "base weights"
) -> list[BaseFolder]:
    """Find base models, in the folder of weights (embedded ones: in the package), or in a folder.

    Args:
        what: is looked for, in words.

    Raises:
        UserError: files are missing: all of them, with sizes, licences and the commands.
    """
    found, missing, commands = [], [], []
    for spec in specs:
        place = folder or _home(spec)
        names = [_first(place, file) for file in spec.files]
        absent = [f for f, name in zip(spec.files, names, strict=True) if name is None]
        if absent:
            sizes = sum(file.megabytes or 0.0 for file in absent) / 1000
            size = f"about {sizes:.1f} GB ({spec.size_from})" if spec.gigabytes else spec.size_from
            missing.append(
                f"{place}: {len(absent)} of {len(spec.files)} files, {size}; licence: "
                + "; ".join([spec.licence, *(f"{o.name}: {o.licence}" for o in spec.others)])
            )
            commands.append(fetch_command(spec, place))
            continue
        weights = [n for f, n in zip(spec.files, names, strict=True) if f.weights and n]
        # One file may stand in the place of several.
        found.append(BaseFolder(spec, place, tuple(dict.fromkeys(weights))))
    if missing:
        raise UserError(
            f"{what} are missing: {len(missing)} model(s)",
            where="\n         ".join(missing),
            fix="\n         ".join(commands),
        )
    return found


def fetch_command(spec: BaseSpec, folder: Path) -> str:
    """The hub's own commands that fetch a base model into a folder."""
    parts = [_download(spec.repository, spec.revision, spec.include, folder)]
    for other in spec.others:
        parts.append(_download(other.name, other.revision, other.include, folder / other.folder))
    return " && ".join(parts)


def _download(repository: str, revision: str | None, include: Sequence[str], folder: Path) -> str:
    at = f" --revision {revision}" if revision else ""
    patterns = " ".join(f"--include '{pattern}'" for pattern in include)
    return f"hf download {repository}{at} {patterns} --local-dir {folder}"


def _home(spec: BaseSpec) -> Path:
    return (EMBEDDED if spec.embedded else default_directory()) / (spec.folder or spec.id)


def _of_another(spec: BaseSpec, name: str) -> bool:
    """Whether a file is of one of the further repositories."""
    return any(name.startswith(f"{other.folder}/") for other in spec.others)


def _first(folder: Path, file: BaseFile) -> str | None:
    names = (*([file.own] if file.own else []), *file.names)
    return next((name for name in names if (folder / name).is_file()), None)


def _fetched_revision(folder: Path, weights: Sequence[str], inside: str = "") -> str | None:
    """The commit that `hf download` noted for the weights; None where it did not, or several.

    Args:
        inside: a folder of it that was fetched by itself.
    """
    commits = set()
    notes = folder / inside / ".cache" / "huggingface" / "download"
    for name in weights:
        note = notes / f"{name.removeprefix(f'{inside}/')}.metadata"
        lines = note.read_text().splitlines() if note.is_file() else [""]
        commits.add(lines[0].strip() if lines else "")
    commit = commits.pop() if len(commits) == 1 else ""
    return commit or None
