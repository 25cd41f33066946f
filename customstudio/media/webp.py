"""Animated webp, by Pillow: FFmpeg's demuxer does not read it."""

from typing import IO, cast

import numpy as np
from PIL import Image

from customstudio.media.limits import Limits, MediaError
from customstudio.media.local import LocalFile
from customstudio.media.pixels import over_white
from customstudio.media.reader import Frames, Index
from customstudio.media.whole import webp_durations


def read(file: LocalFile, limits: Limits) -> tuple[Index, Frames]:
    """The index and the frames of an animated webp, composed and over white.

    Raises:
        MediaError: it is a still image, damaged, or passes a limit.
    """
    shown = [duration if duration > 10 else 100 for duration in webp_durations(file)]
    if not shown:
        raise MediaError("a still image (WebP), not a video")
    if len(shown) > limits.frames:
        raise MediaError(f"{len(shown):,} frames, above the limit of {limits.frames:,}")
    if sum(shown) > 1000 * limits.seconds:
        raise MediaError(f"{sum(shown) / 1000:.0f} s, above the limit of {limits.seconds:g} s")
    index = Index(len(shown), 1000 * len(shown) / sum(shown))
    return index, _frames(file, limits, index)


def _frames(file: LocalFile, limits: Limits, index: Index) -> Frames:
    file.seek(0)
    # Pillow would allocate the canvas on opening: its size stands in the VP8X header.
    width, height = 1 + file.little(24, 3), 1 + file.little(27, 3)
    if width * height > limits.pixels:
        raise MediaError(f"frames of {width}x{height}, above the limit of {limits.pixels:,} pixels")
    file.seek(0)
    with Image.open(cast(IO[bytes], file), formats=["WEBP"]) as image:
        found = getattr(image, "n_frames", 1)
        if found != index.frames:
            raise MediaError(f"{found} of its {index.frames} frames can be decoded")
        for at in range(found):
            file.clock.check()
            image.seek(at)
            yield over_white(np.asarray(image.convert("RGBA")))
