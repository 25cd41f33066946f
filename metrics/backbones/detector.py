"""Faster R-CNN with a MobileNetV3-Large FPN: where the objects of a frame are.

Ren et al., NeurIPS 2015, arXiv:1506.01497; torchvision's model with its own preprocessing (shorter
side 800, longer at most 1333) and thresholds. Kept are boxes of all classes with a score of at
least 0.5, the best ten.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torchvision.models import mobilenet_v3_large
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN, mobilenet_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from customstudio.metrics.backbones.arithmetic import arithmetic, to_device, to_numpy
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors, ready
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located

SCORE, MOST = 0.5, 10
COCO_CLASSES = 91


class Detector:
    """A Faster R-CNN model."""

    def __init__(self, model: Any, device: str, precision: str) -> None:
        self._model, self._how, self._device = model, (device, precision), device

    def find(
        self, frames: Sequence[UInt8[Array, "height width 3"]]
    ) -> list[Float32[Array, "boxes 4"]]:
        """Boxes of each frame, best first: left, top, right, bottom in pixels, inside the frame.

        One frame a pass: together with others a frame's boxes move by up to some hundredths of a
        pixel, and frames of other sizes would be padded.
        """
        found = []
        with arithmetic(*self._how):
            for frame in frames:
                (row,) = self._model(list(to_device(frame[None], self._device)))
                found.append(_best(row))
        return found


def build(architecture: str) -> Any:
    """torchvision's detector of that architecture, with values that do not matter.

    The published checkpoint goes with frozen batch norms, which `weights=None` would not build.
    """
    with torch.random.fork_rng(devices=[]):
        if architecture == "toy":
            return _toy()
        backbone = mobilenet_backbone(
            backbone_name="mobilenet_v3_large", weights=None, fpn=True, trainable_layers=0
        )
        return FasterRCNN(
            backbone, COCO_CLASSES, rpn_anchor_generator=_anchors((32, 64, 128, 256, 512)),
            rpn_score_thresh=0.05,
        )  # fmt: skip


def load(
    located: "Located", *, device: str, precision: str, options: Mapping[str, bool]
) -> Detector:
    """The detector from a located network."""
    model = build(located.network.architecture)
    (path,) = located.files.values()
    load_strictly(model, read_tensors(path), path)
    return Detector(ready(model, device), device, precision)


def _best(row: Mapping[str, Tensor]) -> Array:
    boxes, scores = row["boxes"].float(), row["scores"]
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = (scores >= SCORE) & (sides >= 1.0).all(1)
    order = scores[kept].argsort(descending=True, stable=True)[:MOST]
    return to_numpy(boxes[kept][order])


def _anchors(sizes: tuple[int, ...]) -> AnchorGenerator:
    return AnchorGenerator((sizes,) * 3, ((0.5, 1.0, 2.0),) * 3)


def _toy() -> Any:
    features = mobilenet_v3_large(
        weights=None, width_mult=0.25, norm_layer=FrozenBatchNorm2d
    ).features
    last = len(features) - 1
    channels = [features[13].out_channels, features[last].out_channels]
    backbone = BackboneWithFPN(
        features, {"13": "0", str(last): "1"}, channels, 16, extra_blocks=LastLevelMaxPool()
    )
    return FasterRCNN(
        backbone,
        min_size=64,
        max_size=128,
        rpn_anchor_generator=_anchors((8, 16, 32)),
        rpn_score_thresh=0.05,
        box_roi_pool=MultiScaleRoIAlign(["0", "1"], output_size=3, sampling_ratio=2),
        box_head=TwoMLPHead(16 * 9, 32),
        box_predictor=FastRCNNPredictor(32, 5),
    )
