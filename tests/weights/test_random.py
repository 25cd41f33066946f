"""Random checkpoints: the same for the same seed, marked, never among published files."""

from pathlib import Path

import numpy as np
import pytest

from customstudio.errors import UserError
from customstudio.files import sha256_file
from customstudio.metrics import backbones
from customstudio.weights import random_weights
from customstudio.weights.store import Store, default_directory, is_random

TOYS = ("clip", "dino", "faces", "flow", "detector", "aesthetic")


def test_the_seed_decides_every_value(tmp_path: Path, toy_weights: Path) -> None:
    again = list(random_weights.write(tmp_path / "a", toy=True))
    other = list(random_weights.write(tmp_path / "b", toy=True, seed=1))
    assert len(again) == len(other) == 8
    for path in again:
        relative = path.relative_to(tmp_path / "a")
        assert sha256_file(path) == sha256_file(toy_weights / relative)
        assert sha256_file(path) != sha256_file(tmp_path / "b" / relative)


def test_files_say_that_they_are_random_even_alone(toy_weights: Path, tmp_path: Path) -> None:
    alone = tmp_path / "model.safetensors"
    alone.write_bytes((toy_weights / "toy-dino" / "model.safetensors").read_bytes())
    assert is_random(alone)
    assert "random values" in (toy_weights / "toy-flow" / "RANDOM.txt").read_text().lower()


def test_random_values_never_lie_among_published_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="default folder is for published weights"):
        list(random_weights.write(default_directory(), ["dino-vits16"]))
    folder = tmp_path / "dino-vits16"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"somebody's")
    with pytest.raises(UserError, match="that are not random"):
        list(random_weights.write(tmp_path, ["dino-vits16"]))
    assert (folder / "model.safetensors").read_bytes() == b"somebody's"


@pytest.mark.parametrize("kind", ["clip", "dino"])
def test_random_features_tell_pictures_apart(toy_weights: Path, kind: str) -> None:
    located = Store(toy_weights).locate([f"toy-{kind}"])[f"toy-{kind}"]
    network = backbones.load(kind, located, device="cpu")
    pictures = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)
    features = network.embed(pictures.repeat(8, 1).repeat(8, 2))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert (features @ features.T)[~np.eye(8, dtype=bool)].max() < 0.99
