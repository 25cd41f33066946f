"""DINO: class-token features of timm's vision transformer.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021,
arXiv:2104.14294. Resize to 256 (bicubic), centre crop 224, ImageNet mean and deviation, as the
DINO metric of DreamBooth; the default transform of the timm model (crop_pct 0.9) is another.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import timm
import torch
from jaxtyping import Float32, UInt8
from timm.models.vision_transformer import VisionTransformer

from customstudio.media.transform import Transform
from customstudio.metrics.backbones.arithmetic import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    arithmetic,
    normalised,
    to_device,
    to_numpy,
)
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors, ready
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located

TOY: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
MINI: dict[str, Any] = {
    "img_size": 64,
    "patch_size": 8,
    "embed_dim": 160,
    "depth": 4,
    "num_heads": 5,
}
"""The architecture of the world in `customstudio.mini`, trained there."""
_OWN = {"toy": TOY, "mini": MINI}


class Dino:
    """A DINO vision transformer; features are not normalised."""

    def __init__(self, model: Any, device: str, precision: str) -> None:
        self._model, self._how, self._device = model, (device, precision), device
        crop = int(model.patch_embed.img_size[0])
        self.transform = Transform(resize=crop * 256 // 224, crop=crop)
        self.dim = int(model.num_features)
        self.grid = int(model.patch_embed.grid_size[0])

    def embed(self, images: UInt8[Array, "n size size 3"]) -> Float32[Array, "n dim"]:
        """Class-token features of frames that `transform` has resized."""
        if not len(images):
            return np.empty((0, self.dim), np.float32)
        with arithmetic(*self._how):
            pixels = normalised(to_device(images, self._device), IMAGENET_MEAN, IMAGENET_STD)
            return to_numpy(self._model(pixels))

    def tokens(self, images: UInt8[Array, "n size size 3"]) -> Float32[Array, "n 1+patches dim"]:
        """The class token, which `embed` gives, and after it the patches, row by row."""
        if not len(images):
            return np.empty((0, 1 + self.grid**2, self.dim), np.float32)
        with arithmetic(*self._how):
            pixels = normalised(to_device(images, self._device), IMAGENET_MEAN, IMAGENET_STD)
            return to_numpy(self._model.forward_features(pixels))


def build(architecture: str) -> Any:
    """timm's model of that architecture, without values (on the meta device)."""
    with torch.device("meta"):
        if architecture in _OWN:
            return VisionTransformer(num_classes=0, **_OWN[architecture])
        return timm.create_model(architecture, pretrained=False, num_classes=0)


def load(located: "Located", *, device: str, precision: str, options: Mapping[str, bool]) -> Dino:
    """DINO from a located network."""
    model = build(located.network.architecture)
    (path,) = located.files.values()
    load_strictly(model, read_tensors(path), path)
    return Dino(ready(model, device), device, precision)
