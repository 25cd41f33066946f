"""The one decoder: a video file or a folder of frames in, uint8 RGB frames out.

Formats, limits and choices: docs/media.md.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image

from customstudio.media import container, folder, webp
from customstudio.media.encode import write_video
from customstudio.media.limits import Clock, Limits, MediaError
from customstudio.media.local import LocalFile, open_local
from customstudio.media.sniff import HEAD_BYTES, video_kind
from customstudio.media.whole import check_whole

__all__ = [
    "VIDEO_SUFFIXES", "Limits", "MediaError", "Video", "VideoReader", "open_video", "read_video",
    "write_video",
]  # fmt: skip

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".webp")
"""Names under which videos are looked for; what a file is, its first bytes tell."""

_DECODERS_FAIL_WITH = (
    av.error.FFmpegError, OSError, EOFError, ValueError, OverflowError, SyntaxError, IndexError,
    KeyError, TypeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


class Index(Protocol):
    """What is known of a video before its frames are decoded."""

    @property
    def frames(self) -> int: ...
    @property
    def fps(self) -> float: ...


@dataclass(frozen=True)
class Video:
    """A whole video in memory."""

    frames: UInt8[NDArray[np.uint8], "frames height width 3"]
    """All frames, RGB, in presentation order."""
    fps: float
    """Frames a second: their number over the time they are shown."""


class VideoReader:
    """The frames of an open video, one at a time; iterate once."""

    def __init__(
        self, index: Index, frames: Iterator[NDArray[np.uint8]], limits: Limits, clock: Clock
    ) -> None:
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
        with self._clock, _reasons():
            self._clock.check()
            return next(self._frames, None)


@contextmanager
def open_video(
    path: Path, limits: Limits | None = None, *, folder_fps: float | None = None
) -> Iterator[VideoReader]:
    """Open a video file, or a folder of numbered frames, for one pass over its frames.

    Args:
        path: a local file or folder; what it is, its content tells.
        limits: what it may cost at most.
        folder_fps: the frame rate, in Hz, of a folder of frames, which has none of its own.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    limits = limits or Limits()
    clock = Clock(limits.decode_seconds)
    with ExitStack() as stack:
        with clock, _reasons():
            index, frames = _sources(path, limits, clock, folder_fps, stack)
        # Closed by hand, so that the decoder is gone before its file is.
        stack.callback(frames.close)
        yield VideoReader(index, frames, limits, clock)
