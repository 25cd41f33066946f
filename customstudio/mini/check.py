"""Do the shipped networks of the small world do what they are for? Each held to a bar."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from customstudio.errors import UserError
from customstudio.weights.networks import EMBEDDED, Network, WeightFile
from customstudio.weights.store import Located

WEIGHTS = EMBEDDED
"""The networks of this package, a folder each."""
HELD_OUT = 1_500_000
"""Seeds of the identities of these checks: from here on, no training and no suite has them."""


@dataclass(frozen=True)
class Result:
    """One measured value."""

    name: str
    value: float
    bar: float | None = None
    """The least that is asked of it; None: reported only."""
    about: str = ""

    @property
    def passed(self) -> bool:
        """Whether it reaches its bar, if it has one."""
        return self.bar is None or self.value >= self.bar


def check(weights: Path = WEIGHTS) -> list[Result]:
    """Every value of every network in a folder.

    Args:
        weights: folder with `mini-clip/`, `mini-dino/` and so on.
    """
    return [result for measure in CHECKS for result in measure(weights)]


def located(
    weights: Path, name: str, kind: Literal["clip", "dino", "faces"], architecture: str = "mini"
) -> Located:
    """A network as the store would find it, whatever the manifest says of it.

    Raises:
        UserError: its folder is not there.
    """
    if not (weights / name).is_dir():
        raise UserError(
            f"{name} is not there",
            where=str(weights / name),
            fix="name a folder with mini-clip/ and mini-dino/, or none for the package's own",
        )
    files = {p.name: p for p in sorted((weights / name).iterdir()) if p.is_file()}
    network = Network(
        id=name,
        title=name,
        kind=kind,
        architecture=architecture,
        files=tuple(WeightFile(name=file) for file in files),
        licence="Apache-2.0",
        source="customstudio.mini",
    )
    return Located(network, files, {}, "unrecorded")


def _clip(weights: Path) -> list[Result]:
    from customstudio.metrics.backbones import clip
    from customstudio.mini.check_clip import retrieval

    found = located(weights, "mini-clip", "clip")
    return retrieval(clip.load(found, device="cpu", precision="float32", options={}))


def _dino(weights: Path) -> list[Result]:
    from customstudio.metrics.backbones import dino
    from customstudio.mini.check_dino import recognition

    found = located(weights, "mini-dino", "dino")
    return recognition(dino.load(found, device="cpu", precision="float32", options={}))


def _faces(weights: Path) -> list[Result]:
    from customstudio.metrics.backbones import faces
    from customstudio.mini.check_faces import recognition

    found = located(weights, "mini-faces", "faces")
    return recognition(faces.load(found, device="cpu", precision="float32", options={}))


def _flow(weights: Path) -> list[Result]:
    from customstudio.metrics.backbones.flow import Dis
    from customstudio.mini.check_flow import accuracy

    return accuracy(Dis())


CHECKS: tuple[Callable[[Path], list[Result]], ...] = (_clip, _dino, _faces, _flow)
