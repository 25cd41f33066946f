"""Cutting, joining and compressing pictures: the hands of `seam_data`."""

import io
from collections.abc import Callable, Sequence

import av
import cv2
import numpy as np
import PIL.Image
from jaxtyping import UInt8

from customstudio.media.encode import ALIKE
from customstudio.metrics.spec import Array

TREATMENTS = (
    "none",
    "jpeg 90",
    "jpeg 50",
    "gif",
    "h264 crf 18",
    "h264 crf 28",
    "h264 crf 35",
    "resized",
    "resized, h264 crf 28",
)
CLIP = 3
"""Frames of a clip that H.264 compresses: the last one depends on those before it."""
STEP = 2
"""Pixels that the content moves from frame to frame."""

Image = UInt8[Array, "height width 3"]


def crop(image: Image, height: int, width: int, rng: np.random.Generator) -> Image:
    """A random crop of a picture, resized to `height` x `width`: 0.6 to 1 of what would fit."""
    scale = min(image.shape[0] / height, image.shape[1] / width) * rng.uniform(0.6, 1)
    rows, columns = max(1, int(height * scale)), max(1, int(width * scale))
    top = int(rng.integers(image.shape[0] - rows + 1))
    left = int(rng.integers(image.shape[1] - columns + 1))
    return resized(image[top : top + rows, left : left + columns], height, width)


def resized(image: Image, height: int, width: int) -> Image:
    """A picture at another size, area-averaged downwards and cubic upwards."""
    smaller = height * width < image.shape[0] * image.shape[1]
    filter_ = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=filter_), np.uint8)


def joined(pictures: Sequence[Image], cuts: Sequence[float], axis: int, feather: float) -> Image:
    """Pictures of one size joined at `cuts` (shares of the side), feathered over a share of it.

    >>> black, white = np.zeros((1, 4, 3), np.uint8), np.full((1, 4, 3), 200, np.uint8)
    >>> joined([black, white], [0.5], 1, 0.0)[0, :, 0].tolist()
    [0, 0, 200, 200]
    >>> joined([black, white], [0.5], 1, 1.0)[0, :, 0].tolist()
    [25, 75, 125, 175]
    """
    length = pictures[0].shape[axis]
    result = pictures[0].astype(np.float32)
    for picture, cut in zip(pictures[1:], cuts, strict=True):
        distance = (np.arange(length) + 0.5 - round(cut * length)) / max(feather * length, 1e-6)
        share = np.clip(distance + 0.5, 0, 1).astype(np.float32)
        share = share[None, :, None] if axis == 1 else share[:, None, None]
        result += share * (picture - result)
    return result.astype(np.uint8)


def treated(picture: Callable[[int], Image], treatment: str, rng: np.random.Generator) -> Image:
    """The picture as it comes out of a treatment.

    Args:
        picture: the picture with its content moved by so many pixels, 0 to (CLIP - 1) * STEP.
    """
    kind, _, rest = treatment.partition(" ")
    if kind == "jpeg":
        return jpeg(picture(0), int(rest))
    if kind == "gif":
        return gif(picture(0))
    frames = [picture(i * STEP) for i in range(CLIP)] if "h264" in treatment else [picture(0)]
    if kind.startswith("resized"):
        scale = float(rng.uniform(0.5, 1.5)) if max(frames[0].shape) > 64 else 2.0
        height, width = (round(side * scale / 2) * 2 for side in frames[0].shape[:2])
        frames = [resized(frame, height, width) for frame in frames]
    return h264(frames, int(treatment[-2:]))[-1] if "h264" in treatment else frames[0]


def jpeg(frame: Image, quality: int) -> Image:
    """A frame through JPEG."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def gif(frame: Image) -> Image:
    """A frame in 256 colours, dithered, as in an animated GIF."""
    picture = PIL.Image.fromarray(frame).quantize(256, dither=PIL.Image.Dither.FLOYDSTEINBERG)
    return np.asarray(picture.convert("RGB"), np.uint8)


def h264(frames: Sequence[Image], crf: int) -> list[Image]:
    """Frames through H.264 (libx264, yuv420p) and back."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        options = {"crf": str(crf), "preset": "fast", **ALIKE}
        stream = out.add_stream("libx264", rate=8, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as coded:
        return [frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)]
