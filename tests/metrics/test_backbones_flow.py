"""RAFT against torchvision's own forward pass, pair by pair, with the statistic in NumPy."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models.optical_flow import raft_large

from customstudio.metrics import backbones
from customstudio.metrics.backbones import flow
from customstudio.metrics.dynamic_degree import top_mean
from customstudio.weights import random_weights
from customstudio.weights.store import Located, Store

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def toy(toy_weights: Path) -> Located:
    return Store(toy_weights).locate(["toy-flow"])["toy-flow"]


def drifting(count: int, height: int, width: int) -> Frames:
    """A smooth random picture seen through a window that moves by (2, 3) pixels a frame."""
    rng = np.random.default_rng(height)
    coarse = rng.random((height // 4 + count, width // 4 + count, 3))
    picture = (255 * np.kron(coarse, np.ones((4, 4, 1)))).astype(np.uint8)
    windows = [picture[2 * i : 2 * i + height, 3 * i : 3 * i + width] for i in range(count)]
    return np.stack(windows)


def plain(model: Any, one: Frames, two: Frames, updates: int, *, keep: bool = False) -> float:
    """The statistic of one pair by torchvision's forward pass and NumPy's padding."""
    height, width = one.shape[:2]
    down, across = (max(128, -(-side // 8) * 8) - side for side in (height, width))
    sides = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    padded = [np.pad(frame, sides, mode="edge") for frame in (one, two)]
    tensors = [torch.from_numpy(f).permute(2, 0, 1)[None].float() / 255 * 2 - 1 for f in padded]
    with torch.inference_mode():
        field = model.eval()(*tensors, num_flow_updates=updates)[-1][0].double().numpy()
    if not keep:
        field = field[:, down // 2 : down // 2 + height, across // 2 : across // 2 + width]
    return top_mean(np.hypot(*field))


@pytest.mark.parametrize(("height", "width"), [(128, 160), (131, 250), (48, 64), (200, 100)])
@pytest.mark.parametrize("keep", [False, True])
def test_it_is_torchvisions_flow(toy: Located, height: int, width: int, keep: bool) -> None:
    model = flow.build("toy")
    model.load_state_dict(torch.load(toy.files["raft.pth"], weights_only=True))
    network = backbones.load("flow", toy, device="cpu", options={"flow.keep_padding": keep})
    frames = drifting(4, height, width)
    found = network.motion(frames[:-1], frames[1:])
    pairs = pairwise(frames)
    expected = [plain(model, *pair, flow.TOY_UPDATES, keep=keep) for pair in pairs]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert min(expected) > 0.1


@pytest.mark.slow
def test_full_size_is_torchvisions_raft_large(tmp_path: Path) -> None:
    list(random_weights.write(tmp_path, ["raft-large-c-t-v1"]))
    located = Store(tmp_path).locate(["raft-large-c-t-v1"])["raft-large-c-t-v1"]
    model = raft_large(weights=None)
    (path,) = located.files.values()
    model.load_state_dict(torch.load(path, weights_only=True))
    network = backbones.load("flow", located, device="cpu")
    frames = drifting(3, 130, 168)
    found = network.motion(frames[:-1], frames[1:])
    pairs = pairwise(frames)
    np.testing.assert_allclose(found, [plain(model, *pair, 20) for pair in pairs], rtol=1e-5)


def test_the_batch_and_shared_frames_change_nothing(
    toy: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = backbones.load("flow", toy, device="cpu")
    frames = drifting(7, 128, 136)
    first, second = frames[:-1], frames[1:]
    together = network.motion(first, second)
    alone = np.concatenate([network.motion(a[None], b[None]) for a, b in pairwise(frames)])
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    order = np.array([4, 0, 5, 2, 1, 3])
    shuffled = network.motion(first[order], second[order])
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-5)
    monkeypatch.setattr(flow, "_VOLUME_BYTES", 1)
    assert flow.pairs_a_pass(128, 136) == 1
    np.testing.assert_allclose(network.motion(first, second), together, rtol=1e-5)
    assert network.motion(first[:0], second[:0]).shape == (0,)


def test_memory_decides_the_pairs_of_a_pass_by_size_alone() -> None:
    assert flow.pairs_a_pass(320, 576) == 48
    assert flow.pairs_a_pass(1080, 1920) == 1
    assert flow.pairs_a_pass(8, 8) == flow.pairs_a_pass(128, 128)


def test_half_precision_runs_and_is_another_number(toy: Located) -> None:
    frames = drifting(3, 128, 128)
    values = [
        backbones.load("flow", toy, device="cpu", precision=p).motion(frames[:-1], frames[1:])
        for p in ("float32", "amp")
    ]
    assert values[1].dtype == np.float32
    assert (values[0] != values[1]).all()
    np.testing.assert_allclose(values[1], values[0], rtol=0.1)
