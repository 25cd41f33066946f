"""Batches across videos, the feature cache, and the GPU's memory running out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.errors import UserError
from customstudio.evaluation.embedding import Batcher, FeatureCache, in_smaller_batches


def test_batches_have_one_size_and_rows_find_their_video() -> None:
    sizes = []

    def embed(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return images.reshape(len(images), -1).astype("f4")

    images = np.arange(11, dtype=np.uint8).reshape(11, 1, 1, 1)
    batcher = Batcher(embed, 4)
    batcher.add(7, images[:5])
    batcher.add(8, images[5:5])
    batcher.add(9, images[5:])
    batcher.flush()
    assert sizes == [4, 4, 3]
    seven, nine = batcher.take(7), batcher.take(9)
    assert seven is not None
    assert nine is not None
    assert seven[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert nine[:, 0].tolist() == [5, 6, 7, 8, 9, 10]
    assert batcher.take(8) is None


def test_out_of_memory_halves_the_batch_and_keeps_the_scores() -> None:
    calls = []

    def embed(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return images * 2.0

    notes: set[str] = set()
    images = np.arange(10.0)[:, None]
    result = in_smaller_batches(embed, images, notes=notes)
    assert np.array_equal(result, images * 2)
    assert max(c for c in calls if c <= 3) == 3
    assert any("out of memory" in note for note in notes)


def test_one_frame_too_big_is_an_error() -> None:
    def embed(images: np.ndarray) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="out of memory on the GPU"):
        in_smaller_batches(embed, np.zeros((4, 2)), notes=set())


def test_cache_survives_and_mends_itself(tmp_path: Path) -> None:
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return np.arange(3.0)

    assert FeatureCache(tmp_path).get(["a"], make).tolist() == [0, 1, 2]
    assert FeatureCache(tmp_path).get(["a"], make).tolist() == [0, 1, 2]
    assert len(made) == 1
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:20])
    assert FeatureCache(tmp_path).get(["a"], make).tolist() == [0, 1, 2]
    FeatureCache(tmp_path).get(["b"], make)
    assert len(made) == 3
