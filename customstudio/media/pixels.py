"""From a decoded frame to uint8 RGB: colours, transparency over white, rotation."""

from collections.abc import Callable
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import Int32, UInt8
from numpy.typing import NDArray

from customstudio.media.limits import MediaError

Turn = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class ToRgb:
    """Turns the frames of one video into arrays; holds the scaler's tables between frames."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> UInt8[NDArray[np.uint8], "height width 3"]:
        """The frame as people see it: its own YUV matrix and range, over white, turned upright.

        Raises:
            MediaError: the container asks for a rotation that is not a multiple of 90 degrees.
        """
        picture = self._convert(frame)
        # Not `frame.side_data`: the frame would keep it, and it the frame, pixels and all, until
        # the garbage collector finds the two.
        matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
        if isinstance(matrix, Buffer):
            picture = upright(np.frombuffer(bytes(matrix), np.int32))(picture)
        return np.ascontiguousarray(picture)

    def _convert(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        alpha = any(part.is_alpha for part in frame.format.components) or frame.format.has_palette
        converted = self._scaler.reformat(
            frame,
            format="rgba" if alpha else "rgb24",
            # Bicubic reaches only formats without a direct path (10 bits, 4:2:2); one thread,
            # because videos are already decoded side by side.
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        picture = cast(NDArray[np.uint8], converted.to_ndarray())
        return over_white(picture) if alpha else picture


def over_white(
    picture: UInt8[NDArray[np.uint8], "height width 4"],
) -> UInt8[NDArray[np.uint8], "height width 3"]:
    """Lay a picture with straight alpha over white.

    >>> over_white(np.array([[[0, 0, 255, 0], [0, 0, 255, 255]]], np.uint8)).tolist()
    [[[255, 255, 255], [0, 0, 255]]]
    """
    alpha = picture[..., 3:]
    if (alpha == 255).all():
        return np.ascontiguousarray(picture[..., :3])
    mixed = picture[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16))
    return ((mixed + 127) // 255).astype(np.uint8)


def upright(matrix: Int32[NDArray[np.int32], "9"]) -> Turn:
    """The turn or mirroring that a container's display matrix asks for.

    A pixel (x, y) is shown at (a x + c y, b x + d y), ISO/IEC 14496-12, 6.2.2.

    Raises:
        MediaError: it is not made of quarter turns and mirrorings.
    """
    a, b, c, d = (int(np.sign(matrix[at])) for at in (0, 1, 3, 4))
    if a and d and not b and not c:
        return lambda picture: picture[::d, ::a]
    if b and c and not a and not d:
        return lambda picture: picture.transpose(1, 0, 2)[::b, ::c]
    if not any((a, b, c, d)):
        return _as_is
    raise MediaError("its display matrix is not a multiple of 90 degrees")


def _as_is(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture
