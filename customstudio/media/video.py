"""The one decoder: a video file or a folder of frames in, uint8 RGB frames out.

Formats, limits and choices: docs/media.md.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.media import container, folder, webp
from customstudio.media.encode import write_video
from customstudio.media.index import read_index
from customstudio.media.limits import DEFAULT_LIMITS, Clock, Limits, MediaError
from customstudio.media.local import is_folder, open_local
from customstudio.media.reader import Frames, Index, VideoReader, reasons
from customstudio.media.sniff import HEAD_BYTES, video_kind
from customstudio.media.whole import check_whole

__all__ = [
    "DEFAULT_LIMITS", "VIDEO_SUFFIXES", "Limits", "MediaError", "Video", "VideoReader",
    "open_video", "read_video", "write_video",
]  # fmt: skip

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".webp")
"""Names under which videos are looked for; what a file is, its first bytes tell."""


@dataclass(frozen=True)
class Video:
    """A whole video in memory."""

    frames: UInt8[NDArray[np.uint8], "frames height width 3"]
    """All frames, RGB, in presentation order."""
    fps: float
    """Frames a second: their number over the time they are shown."""


@contextmanager
def open_video(
    path: Path, limits: Limits = DEFAULT_LIMITS, *, fps: float | None = None
) -> Iterator[VideoReader]:
    """Open a video file, or a folder of numbered frames, for one pass over its frames.

    Args:
        path: a local file or folder; what it is, its content tells.
        limits: what it may cost at most.
        fps: the frame rate, in Hz, of a folder of frames, which has none of its own.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    clock = Clock(limits.decode_seconds)
    with ExitStack() as stack:
        with clock, reasons():
            if is_folder(path):
                index, frames = folder.read(path, limits, clock, fps)
            else:
                index, frames = _read_file(path, limits, clock, stack)
        # Closed by hand, so that the decoder goes before its file does.
        stack.callback(frames.close)
        yield VideoReader(index, frames, limits, clock)


def read_video(path: Path, limits: Limits = DEFAULT_LIMITS, *, fps: float | None = None) -> Video:
    """Read a whole video into memory; the arguments are `open_video`'s.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    with open_video(path, limits, fps=fps) as reader:
        return Video(np.stack(list(reader)), reader.fps)


def _read_file(path: Path, limits: Limits, clock: Clock, stack: ExitStack) -> tuple[Index, Frames]:
    file = stack.enter_context(open_local(path, limits, clock))
    kind = video_kind(file.read(HEAD_BYTES))
    check_whole(file, kind, limits)
    if kind == "webp":
        return webp.read(file, limits)
    index = read_index(file, kind, limits)
    return index, container.read_frames(file, kind, limits, index)
