"""Masks of subjects in reference images."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.image import open_image
from customstudio.media.limits import DEFAULT_LIMITS, Limits, MediaError


def load_mask(
    path: Path, size: tuple[int, int], limits: Limits = DEFAULT_LIMITS
) -> Bool[NDArray[np.bool_], "height width"]:
    """Read a mask: true where the subject is, that is where it is brighter than half.

    A mask of the same shape at another size is brought to `size` by the nearest pixel.

    Args:
        path: the mask's image file.
        size: (height, width) of the image it belongs to, in pixels.
        limits: what the file may cost at most.

    Raises:
        MediaError: it cannot be read, has another aspect ratio, or marks nothing.
    """
    height, width = size
    grey = open_image(path, limits).convert("L")
    # One pixel of slack: a scaled mask's sides are rounded.
    if abs(grey.width * height - grey.height * width) > max(height, width):
        raise MediaError(
            f"the mask is {grey.width}x{grey.height}, its image {width}x{height}: another shape"
        )
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.NEAREST)
    mask: NDArray[np.bool_] = np.asarray(grey) > 127
    if not mask.any():
        raise MediaError("the mask marks nothing")
    return mask


def whiten(
    image: UInt8[NDArray[np.uint8], "height width 3"], mask: Bool[NDArray[np.bool_], "height width"]
) -> UInt8[NDArray[np.uint8], "height width 3"]:
    """The image with everything outside the mask white.

    >>> whiten(np.zeros((1, 2, 3), np.uint8), np.array([[True, False]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    white = np.uint8(255)
    return np.where(mask[..., None], image, white)
