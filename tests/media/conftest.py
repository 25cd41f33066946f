"""Writers of strange but valid videos."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Encode = Callable[..., Path]


def encode(
    path: Path,
    frames: Sequence[NDArray[np.generic]] | NDArray[np.generic],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    source: str = "rgb24",
    container: str | None = None,
    times: Sequence[int] | None = None,
    rate: int = 8,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write frames with any codec and container; `times` are milliseconds."""
    with av.open(path, "w", format=container, container_options=muxing or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = np.shape(frames[0])[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for at, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=source)
            if times is not None:
                frame.pts, frame.time_base = times[at], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.fixture(scope="session", name="encode")
def encode_fixture() -> Encode:
    """The function that writes one."""
    return encode
