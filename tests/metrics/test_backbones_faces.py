"""Faces against insightface's own FaceAnalysis on the same ONNX files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from customstudio.metrics import backbones
from customstudio.metrics.backbones.faces import Faces, similarity
from customstudio.weights import random_weights
from customstudio.weights.store import Store


@pytest.fixture(scope="module")
def toy(toy_weights: Path) -> backbones.Any:
    located = Store(toy_weights).locate(["toy-faces"])["toy-faces"]
    return backbones.load("faces", located, device="cpu")


def picture(height: int = 180, width: int = 240, seed: int = 5) -> NDArray[np.uint8]:
    """Coarse coloured noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 12, width // 12, 3))
    return np.kron(coarse, np.ones((12, 12, 1))).astype(np.uint8)


# insightface aligns by a scikit-image call that is deprecated; ours is compared with it.
@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")
def test_it_is_insightfaces_own_analysis(toy: backbones.Any, toy_weights: Path, tmp_path) -> None:
    from insightface.app import FaceAnalysis

    folder = shutil.copytree(toy_weights / "toy-faces", tmp_path / "pack")
    analysis = FaceAnalysis(name=str(folder), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=0, det_thresh=0.5, det_size=(640, 640))
    counts = []
    for seed in range(4):
        rgb = picture(seed=seed)
        theirs = analysis.get(np.ascontiguousarray(rgb[:, :, ::-1]))
        found = toy.find(rgb)
        counts.append(len(found))
        expected = np.array([face.embedding for face in theirs]).reshape(-1, toy.dim)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sum(counts) > 0


class FindsNone:
    """A detector that finds nothing."""

    input_sizes = ((640, 640),)

    def prepare(self, *_: object, **__: object) -> None:
        return

    def detect(self, _: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32)


def test_no_face_is_no_row(toy: backbones.Any) -> None:
    found = Faces(FindsNone(), toy._recogniser, toy._landmarks).find(picture())
    assert found.shape == (0, toy.dim)
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 900, 3), (900, 1, 3), (1, 1, 3), (3, 700, 3)])
def test_odd_shapes_are_no_crash(toy: backbones.Any, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert toy.find(noise).shape[1] == toy.dim


def test_colours_are_handed_on_in_insightfaces_order(toy: backbones.Any) -> None:
    rgb = picture()
    one, other = toy.find(rgb), toy.find(np.ascontiguousarray(rgb[:, :, ::-1]))
    assert one.shape != other.shape or np.abs(one - other).max() > 1e-3


def test_alignment_is_the_least_squares_similarity() -> None:
    """With rotation and scale written as (a, b), the squared error is linear in a, b and shift."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        points = rng.normal(size=(5, 2)) * 30
        targets = 1.3 * points @ [[0.8, 0.6], [-0.6, 0.8]] + 56 + rng.normal(size=(5, 2))
        (x, y), one, zero = points.T, np.ones(5), np.zeros(5)
        rows = np.vstack([np.c_[x, -y, one, zero], np.c_[y, x, zero, one]])
        a, b, right, down = np.linalg.lstsq(rows, targets.T.ravel(), rcond=None)[0]
        expected = [[a, -b, right], [b, a, down]]
        np.testing.assert_allclose(similarity(points, targets), expected, atol=1e-9)


def test_landmarks_in_one_point_are_no_face() -> None:
    assert similarity(np.ones((5, 2)), np.random.default_rng(0).normal(size=(5, 2))) is None


@pytest.mark.slow
def test_full_size_detects_at_640_and_embeds_512_numbers(tmp_path: Path) -> None:
    name = "insightface-buffalo-l"
    list(random_weights.write(tmp_path, [name]))
    network = backbones.load("faces", Store(tmp_path).locate([name])[name], device="cpu")
    assert network.dim == 512
    assert network._detector.input_sizes == [(640, 640)]
    assert (network._detector.det_thresh, network._detector.nms_thresh) == (0.5, 0.4)
    assert network.find(picture()).shape[1] == 512


def test_boxes_are_insightfaces_own(toy: backbones.Any) -> None:
    rgb = picture()
    boxes, _ = toy._detector.detect(np.ascontiguousarray(rgb[:, :, ::-1]))
    found = toy.boxes(rgb)
    assert found.shape == (len(toy.landmarks(rgb)), 4)
    assert np.array_equal(found, boxes[:, :4])
    assert toy.boxes(np.zeros((2000, 1, 3), np.uint8)).shape == (0, 4)
