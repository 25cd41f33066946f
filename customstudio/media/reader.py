"""Hands out the frames of one video, within its limits; every failure is a reason."""

import struct
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import av
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.limits import Clock, Limits, MediaError

# What FFmpeg and Pillow raise on damaged files, as found by mutating real ones.
_DECODERS_FAIL_WITH = (
    av.error.FFmpegError, OSError, EOFError, ValueError, OverflowError, SyntaxError, IndexError,
    KeyError, TypeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)  # fmt: skip

Frames = Generator[NDArray[np.uint8], None, None]


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of a video before its frames are decoded."""

    frames: int
    """How many frames it holds."""
    fps: float
    """Frames over the time they are shown, in Hz; with variable rates, the mean."""


@contextmanager
def reasons() -> Iterator[None]:
    """Turn whatever a decoder raises into a MediaError."""
    try:
        yield
    except MediaError:
        raise
    except _DECODERS_FAIL_WITH as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"cannot be decoded: {said}") from error


class VideoReader:
    """The frames of an open video, one at a time; iterate once."""

    def __init__(self, index: Index, frames: Frames, limits: Limits, clock: Clock) -> None:
        self.fps, self.count = index.fps, index.frames
        self._frames, self._limits, self._clock = frames, limits, clock
        # The header's size may be a lie or lie on its side: the first frame tells.
        self._first: NDArray[np.uint8] | None = self._next()
        if self._first is None:
            raise MediaError("no frames")
        self.height, self.width = self._first.shape[:2]
        if self.width * self.height > limits.pixels:
            raise MediaError(
                f"frames of {self.width}x{self.height}, above the limit of {limits.pixels:,} pixels"
            )

    def __iter__(self) -> Iterator[UInt8[NDArray[np.uint8], "height width 3"]]:
        """Give each frame as uint8 RGB (height, width, 3), in presentation order.

        Raises:
            MediaError: a frame cannot be decoded, differs in size, or time is up.
        """
        at, frame, self._first = 0, self._first, None
        while frame is not None:
            if frame.shape[:2] != (self.height, self.width):
                raise MediaError(
                    f"frame {at} is {frame.shape[1]}x{frame.shape[0]}, "
                    f"the first is {self.width}x{self.height}"
                )
            yield frame
            at, frame = at + 1, self._next()

    def _next(self) -> NDArray[np.uint8] | None:
        with self._clock, reasons():
            self._clock.check()
            return next(self._frames, None)
