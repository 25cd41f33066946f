"""Reference images: any common picture file in, uint8 RGB as people see it out."""

from pathlib import Path
from typing import IO, cast

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from customstudio.media.limits import DEFAULT_LIMITS, Clock, Limits, MediaError
from customstudio.media.local import open_local
from customstudio.media.pixels import over_white
from customstudio.media.reader import reasons
from customstudio.media.transform import Transform

__all__ = ["IMAGE_SUFFIXES", "Transform", "load_image", "open_image"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Names under which images are looked for; what a file is, its first bytes tell."""

# An explicit list: Pillow also reads formats that run other programs (EPS) or name other files.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
_EIGHT_BITS = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK",
                         "YCbCr", "LAB", "HSV"})  # fmt: skip


def load_image(
    path: Path, limits: Limits = DEFAULT_LIMITS, *, clock: Clock | None = None
) -> UInt8[NDArray[np.uint8], "height width 3"]:
    """Read an image upright (EXIF orientation applied), over white where it is transparent.

    Of several frames or pages the first counts; 16-bit samples keep their high byte; colour
    profiles are ignored, as the public metric scripts do.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    image = open_image(path, limits, clock)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image, np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode not in _EIGHT_BITS:
        raise MediaError(f"its samples are of kind {image.mode}, where 8 or 16 bits are expected")
    if image.has_transparency_data:
        return over_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def open_image(path: Path, limits: Limits, clock: Clock | None = None) -> Image.Image:
    """Decode an image in its own mode, turned upright.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    clock = clock or Clock(limits.decode_seconds)
    with reasons(), open_local(path, limits, clock) as file:
        try:
            image: Image.Image = Image.open(cast(IO[bytes], file), formats=_FORMATS)
        except UnidentifiedImageError as error:
            raise MediaError("not an image of a known format, or damaged") from error
        width, height = image.size
        if width * height > limits.pixels:
            raise MediaError(f"{width}x{height}, above the limit of {limits.pixels:,} pixels")
        image.load()
        return ImageOps.exif_transpose(image)
