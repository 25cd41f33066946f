"""Faster R-CNN against torchvision's plain call, and what is kept of its boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models.detection import (
    FasterRCNN_MobileNet_V3_Large_FPN_Weights,
    fasterrcnn_mobilenet_v3_large_fpn,
)

from customstudio.metrics import backbones
from customstudio.metrics.backbones import detector
from customstudio.weights import random_weights
from customstudio.weights.store import Store

Frames = list[NDArray[np.uint8]]


def frames(*sizes: tuple[int, int]) -> Frames:
    """Pictures of coarse noise, of the given heights and widths."""
    rng = np.random.default_rng(3)
    return [
        np.kron(rng.integers(0, 256, (h // 8, w // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        for h, w in sizes
    ]


def plain(model: Any, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Boxes with a score of at least 0.5 of torchvision's plain call, the first ten."""
    with torch.inference_mode():
        (row,) = model.eval()([torch.from_numpy(frame).permute(2, 0, 1).float() / 255])
    boxes, scores = row["boxes"].numpy(), row["scores"].numpy()
    large = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
    return boxes[(scores >= 0.5) & large][:10]


def test_it_is_torchvisions_call_for_each_size(toy_weights: Path) -> None:
    located = Store(toy_weights).locate(["toy-detector"])["toy-detector"]
    model = detector.build("toy")
    model.load_state_dict(torch.load(located.files["fasterrcnn.pth"], weights_only=True))
    network = backbones.load("detector", located, device="cpu")
    pictures = frames((64, 96), (64, 96), (128, 64), (64, 96), *[(96, 96)] * 6)
    found = network.find(pictures)
    assert len(found) == len(pictures)
    for boxes, picture in zip(found, pictures, strict=True):
        np.testing.assert_allclose(boxes, plain(model, picture), rtol=1e-6)
        np.testing.assert_allclose(boxes, network.find([picture])[0], rtol=1e-6)
    assert sum(map(len, found)) > 0
    assert network.find([]) == []


@pytest.mark.slow
def test_full_size_is_the_model_that_torchvision_builds_around_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "fasterrcnn-mobilenet-v3-large-fpn"
    list(random_weights.write(tmp_path, [name]))
    located = Store(tmp_path).locate([name])[name]
    (path,) = located.files.values()
    weights = FasterRCNN_MobileNet_V3_Large_FPN_Weights
    monkeypatch.setattr(
        weights, "get_state_dict", lambda *_, **__: torch.load(path, weights_only=True)
    )
    model = fasterrcnn_mobilenet_v3_large_fpn(weights=weights.COCO_V1)
    network = backbones.load("detector", located, device="cpu")
    pictures = frames((320, 576), (320, 576), (200, 120))
    found = network.find(pictures)
    for boxes, picture in zip(found, pictures, strict=True):
        np.testing.assert_allclose(boxes, plain(model, picture), rtol=1e-6)
    assert sum(map(len, found)) > 0


class Says(torch.nn.Module):
    """A model that answers the same rows for every frame."""

    def __init__(self, boxes: list[list[float]], scores: list[float]) -> None:
        super().__init__()
        self.row = {"boxes": torch.tensor(boxes).view(-1, 4), "scores": torch.tensor(scores)}

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        return [self.row for _ in images]


def find(boxes: list[list[float]], scores: list[float]) -> list[list[float]]:
    network = detector.Detector(Says(boxes, scores), "cpu", "float32")
    (found,) = network.find(frames((64, 64)))
    assert found.shape[1:] == (4,)
    assert found.dtype == np.float32
    return found.tolist()


def test_kept_are_sure_boxes_of_a_pixel_at_least_best_first() -> None:
    boxes = [[0, 0, 9, 9], [1, 1, 5, 5], [2, 2, 2.5, 9], [3, 3, 4, 4], [4, 4, 8, 8]]
    assert find(boxes, [0.5, 0.9, 0.99, 0.7, 0.49]) == [[1, 1, 5, 5], [3, 3, 4, 4], [0, 0, 9, 9]]
    assert find([], []) == []


def test_at_most_ten_are_kept() -> None:
    boxes = [[float(i), 0.0, 20.0, 20.0] for i in range(12)]
    assert [box[0] for box in find(boxes, [0.99 - i / 50 for i in range(12)])] == list(range(10))


def test_boxes_lie_inside_the_frame(toy_weights: Path) -> None:
    located = Store(toy_weights).locate(["toy-detector"])["toy-detector"]
    network = backbones.load("detector", located, device="cpu")
    for picture, boxes in zip(
        pictures := frames((64, 96), (96, 64), (128, 128)), network.find(pictures), strict=True
    ):
        height, width = picture.shape[:2]
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= width).all()
        assert (boxes[:, 3] <= height).all()
        assert ((boxes[:, 2:] - boxes[:, :2]) >= 1).all()
