"""The resizes that the networks were published with, to the last bit.

`pil` is torchvision's Resize and CenterCrop on PIL images (OpenAI CLIP's and DINO's own
preprocessing), without torch. `tensor-no-antialias` is the same on uint8 tensors with
`antialias=False`, as VBench (vbench/utils.py, `clip_transform`) resizes its decoded frames: the
result is rounded back to uint8 there too, before anything is divided by 255.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Transform:
    """Resize the shorter side to `resize` pixels, then cut a centred square of `crop` pixels.

    >>> Transform(resize=8, crop=6)(np.zeros((20, 30, 3), np.uint8)).shape
    (6, 6, 3)
    """

    resize: int
    """Length of the shorter side after the resize, in pixels."""
    crop: int
    """Side of the centred square, in pixels; a smaller picture is padded with black."""
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    """The filter."""
    method: Literal["pil", "tensor-no-antialias"] = "pil"
    """Whose arithmetic."""

    def __call__(
        self, image: UInt8[NDArray[np.uint8], "height width 3"]
    ) -> UInt8[NDArray[np.uint8], "crop crop 3"]:
        """Apply it to one image; the result owns its memory."""
        if self.method == "tensor-no-antialias":
            return self._tensor(image)
        height, width = image.shape[:2]
        size = resized(height, width, self.resize)
        picture = Image.fromarray(image).resize(size[::-1], _FILTERS[self.interpolation])
        return np.array(picture.crop(centred(*size, self.crop)))

    def _tensor(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        import torch
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.functional import center_crop, resize

        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        mode = InterpolationMode(self.interpolation)
        tensor = center_crop(resize(tensor, [self.resize], mode, antialias=False), [self.crop] * 2)
        return np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())


def resized(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width when the shorter side becomes `shorter`, the longer one cut to an integer.

    >>> resized(320, 576, 224)
    (224, 403)
    """
    if width <= height:
        return int(shorter * height / width), shorter
    return shorter, int(shorter * width / height)


def centred(height: int, width: int, crop: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the centred square; outside a smaller picture, hence padding.

    >>> centred(224, 403, 224)
    (90, 0, 314, 224)
    """
    left, top = (
        -((crop - side) // 2) if side < crop else round((side - crop) / 2)
        for side in (width, height)
    )
    return left, top, left + crop, top + crop
