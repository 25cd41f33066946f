"""Writes a small H.264 file that every browser plays: for anchors, the demo and tests."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.files import replacing

ALIKE = {"x264-params": "cpu-independent=1"}
"""Options of libx264 for the same bytes on every machine and each time: with AVX-512, its search of
references (mbtree) reads memory that was never written (seen with PyAV 18.1 on an AMD EPYC)."""


def write_video(
    path: Path, frames: Iterable[UInt8[NDArray[np.uint8], "height width 3"]], fps: float
) -> None:
    """Write RGB frames as an mp4 (H.264, 4:2:0, near lossless), whole or not at all.

    Args:
        path: the file to write.
        frames: uint8 RGB frames of one size, both sides even.
        fps: frames a second.

    Raises:
        ValueError: no frames, odd sides (4:2:0 halves them), sizes that differ, or no frame rate.
        UserError: the disk is full or the folder cannot be written.
    """
    if not 0 < fps < 1e5:
        raise ValueError(f"a frame rate of {fps} Hz")
    size: tuple[int, ...] | None = None
    with replacing(path) as file, av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264",
            rate=Fraction(fps).limit_denominator(1001),
            options={"crf": "10", "preset": "veryfast", **ALIKE},
        )
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            _check(frame, size or frame.shape)
            if size is None:
                size = frame.shape
                stream.height, stream.width = size[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame))):
                container.mux(packet)
        if size is None:
            raise ValueError("a video needs at least one frame")
        for packet in stream.encode():
            container.mux(packet)


def _check(frame: NDArray[np.uint8], size: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"frames are uint8 (height, width, 3), not {frame.dtype} {frame.shape}")
    if frame.shape[0] % 2 or frame.shape[1] % 2:
        raise ValueError(f"{frame.shape[1]}x{frame.shape[0]}: both sides must be even")
    if frame.shape != size:
        raise ValueError(f"a frame of {frame.shape[:2]} among frames of {size[:2]}")
