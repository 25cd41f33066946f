"""In which arithmetic a forward pass runs, and how uint8 pixels become its input."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from customstudio.metrics.spec import Array

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@contextmanager
def arithmetic(device: str, precision: str) -> Iterator[None]:
    """Inference with the named precision and deterministic kernels; flags are put back after.

    `float32` means IEEE float32: cuDNN's convolutions would use TF32 by default.
    """
    kind, tf32 = torch.device(device).type, precision == "tf32"
    half = torch.float16 if kind == "cuda" else torch.bfloat16
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32
            ),
            torch.autocast(kind, dtype=half, enabled=precision == "amp"),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def to_device(images: UInt8[Array, "n height width 3"], device: str) -> Tensor:
    """Pixels on the device as float32 (n, 3, height, width) in [0, 1]; they travel as uint8."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return pixels.permute(0, 3, 1, 2).contiguous().float().div_(255.0)


def normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(pixels - mean) / std by channel, in torchvision's order of operations."""
    shape = (1, 3, 1, 1)
    shift = torch.tensor(mean, device=pixels.device).view(shape)
    return pixels.sub_(shift).div_(torch.tensor(std, device=pixels.device).view(shape))


def to_numpy(values: Tensor) -> Float32[Array, "..."]:
    """Values as a float32 array of their own memory."""
    result: Array = values.float().cpu().numpy()
    return result
