"""A suite's video from a base that makes others: which frames it makes, and which are taken.

For Wan's networks: frames are one more than a multiple of 4, sides multiples of 16.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.errors import UserError
from customstudio.suites.schema import VideoSpec

EVERY, SIDE = 4, 16
As = Literal["suite", "base"]


def native(video: VideoSpec, base: VideoSpec, *, size: As, length: As) -> VideoSpec:
    """What the base makes for a suite's video, at the base's frame rate.

    Args:
        base: what it was trained to make.
        size: the suite's own, or one of the base's area in the suite's proportions.
        length: as many frames as the suite's video lasts, or the base's own.

    >>> base = VideoSpec(frames=81, fps=16, width=832, height=480)
    >>> suite = VideoSpec(frames=24, fps=8, width=576, height=320)
    >>> native(suite, base, size="suite", length="suite")
    VideoSpec(frames=49, fps=16.0, width=576, height=320)
    >>> native(suite, base, size="base", length="base")
    VideoSpec(frames=81, fps=16.0, width=848, height=464)

    Raises:
        UserError: it lasts longer than the base's, or its sides do not fit.
    """
    last = int(taken(video, base.fps)[-1])
    if last >= base.frames:
        raise UserError(
            f"a video of {video.frames} frames at {video.fps:g} a second: the base makes "
            f"{base.frames} at {base.fps:g}",
            where="the suite's video",
            fix="use a base model that fits the suite",
        )
    width, height = video.width, video.height
    if size == "base":
        area, shape = base.width * base.height, video.width / video.height
        width = SIDE * round(math.sqrt(area * shape) / SIDE)
        height = SIDE * round(math.sqrt(area / shape) / SIDE)
    if width % SIDE or height % SIDE:
        raise UserError(
            f"a video of {width}x{height}: both sides must be multiples of {SIDE}",
            where="the suite's video",
            fix="--set size=base: the base makes a size of its own, which is then resized",
        )
    frames = base.frames if length == "base" else 1 + EVERY * math.ceil(last / EVERY)
    return VideoSpec(frames=frames, fps=base.fps, width=width, height=height)


def latent_frames(frames: int) -> int:
    """Frames of Wan's latents for frames of a video: the first alone, then four at a time.

    >>> latent_frames(49)
    13
    """
    return (frames - 1) // EVERY + 1


def taken(video: VideoSpec, fps: float) -> NDArray[np.int_]:
    """The numbers of the frames, of a video at a rate, that are nearest to the suite's times.

    >>> taken(VideoSpec(frames=4, fps=8, width=1, height=1), 16).tolist()
    [0, 2, 4, 6]
    """
    numbers: NDArray[np.int_] = np.rint(np.arange(video.frames) * fps / video.fps).astype(np.int_)
    return numbers


def brought(
    frames: UInt8[NDArray[np.uint8], "frames H W 3"], fps: float, video: VideoSpec
) -> UInt8[NDArray[np.uint8], "frames height width 3"]:
    """A video as the suite has it: frames left out, each scaled to cover its size and cut."""
    from PIL import Image, ImageOps

    chosen = frames[taken(video, fps)]
    if chosen.shape[1:3] == (video.height, video.width):
        return chosen
    size, kind = (video.width, video.height), Image.Resampling.BICUBIC
    fitted = [np.asarray(ImageOps.fit(Image.fromarray(f), size, method=kind)) for f in chosen]
    return np.stack(fitted)
