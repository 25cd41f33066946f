"""Aesthetic ratings: LAION's linear head over normalised CLIP ViT-L/14 image features.

LAION-AI/aesthetic-predictor, `sa_0_4_vit_l_14_linear`; ratings of about 0 to 10. VBench (Huang et
al., CVPR 2024, arXiv:2311.17982) resizes for it without antialias: option
`aesthetic.no_antialias`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8
from torch import nn
from torch.nn.functional import normalize

from customstudio.media.transform import Transform
from customstudio.metrics.backbones.arithmetic import (
    CLIP_MEAN,
    CLIP_STD,
    arithmetic,
    normalised,
    to_device,
    to_numpy,
)
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors, ready
from customstudio.metrics.backbones.clip import load_model
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located


class Aesthetic:
    """CLIP's image tower with a linear rating head."""

    dim = 1

    def __init__(
        self, visual: Any, head: nn.Module, device: str, precision: str, *, antialias: bool
    ) -> None:
        self._visual, self._head = visual, head
        self._how, self._device = (device, precision), device
        size = int(visual.image_size[0])
        self.transform = Transform(
            resize=size, crop=size, method="pil" if antialias else "tensor-no-antialias"
        )

    def embed(self, images: UInt8[Array, "n size size 3"]) -> Float32[Array, "n 1"]:
        """Ratings of frames that `transform` has resized; higher is more beautiful."""
        if not len(images):
            return np.empty((0, 1), np.float32)
        with arithmetic(*self._how):
            pixels = normalised(to_device(images, self._device), CLIP_MEAN, CLIP_STD)
            features = normalize(self._visual(pixels).float(), dim=-1)
            return to_numpy(self._head(features))


def load(
    located: "Located", *, device: str, precision: str, options: Mapping[str, bool]
) -> Aesthetic:
    """The predictor from a located network: CLIP's safetensors and the head's checkpoint."""
    clip_file, head_file = located.files
    visual = load_model(located, clip_file).visual
    head, path = nn.Linear(int(visual.output_dim), 1), located.files[head_file]
    load_strictly(head, read_tensors(path), path)
    antialias = not options.get("aesthetic.no_antialias", False)
    return Aesthetic(
        ready(visual, device), ready(head, device), device, precision, antialias=antialias
    )
