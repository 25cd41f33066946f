"""Contact sheets: a few frames of a video and its reference images, small, as data URIs.

Only files that still have the SHA-256 of the run are shown: a picture in a report is the picture
that was scored, and a bundle from elsewhere cannot make a report embed other files of this machine.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image

from customstudio.evaluation.stream import content_sha256
from customstudio.files import sha256_file
from customstudio.media.image import load_image
from customstudio.media.limits import Limits, MediaError
from customstudio.media.video import open_video

FRAMES = 6
REFERENCES = 3
"""Reference images shown of each subject."""
FRAME_SIDE, REFERENCE_SIDE = 224, 128
"""Longer sides, in pixels: sharp enough at the size they are shown, some kilobytes each."""
LIMITS = Limits(decode_seconds=30.0)


@dataclass(frozen=True)
class Picture:
    """An embedded JPEG."""

    uri: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class Sheet:
    """Pictures, or why there are none; sometimes some and a sentence on the rest."""

    pictures: tuple[Picture, ...]
    sentence: str = ""


def video_sheet(root: Path | None, row: Mapping[str, Any]) -> Sheet:
    """First, middle and last frames of a video of `videos.parquet`."""
    if row["reason"] is not None or row["path"] is None:
        return Sheet((), f"This video could not be read in the run: {row['reason'] or 'no path'}.")
    if root is None:
        return Sheet((), "The run does not record where its videos lie.")
    path = root / row["path"]
    try:
        if not path.exists():
            return Sheet((), f"The video {row['path']} is no longer there.")
        if content_sha256(path) != row["sha256"]:
            return Sheet((), "Not shown: the video has changed since the run (another SHA-256).")
        return _frames(path, int(row["frames"]), float(row["fps"]))
    except (MediaError, OSError) as error:
        return Sheet((), f"The video cannot be read any more: {error}.")


def _frames(path: Path, total: int, fps: float) -> Sheet:
    wanted = sorted({round(i * (total - 1) / (FRAMES - 1)) for i in range(FRAMES)})
    pictures = []
    with open_video(path, LIMITS, fps=fps) as reader:
        for at, frame in enumerate(reader):
            if at in wanted:
                caption = f"frame {at + 1} of {total}, {at / fps:.1f} s"
                pictures.append(_picture(frame, FRAME_SIDE, caption))
            if at >= wanted[-1]:
                break
    return Sheet(tuple(pictures))


def reference_sheet(subject: str, paths: Sequence[str], known: Mapping[str, str]) -> Sheet:
    """Some of a subject's reference images.

    Args:
        subject: its id.
        paths: where the run found its reference images.
        known: file name -> SHA-256, as the run recorded it.
    """
    pictures: list[Picture] = []
    problems = []
    for path in [Path(p) for p in paths][:REFERENCES]:
        try:
            if path.name not in known:
                problems.append(f"{path.name} took no part in the run")
            elif sha256_file(path) != known[path.name]:
                problems.append(f"{path.name} has changed since the run")
            else:
                picture = load_image(path, LIMITS)
                pictures.append(_picture(picture, REFERENCE_SIDE, f"reference of {subject}"))
        except FileNotFoundError:
            problems.append(f"{path.name} is no longer there")
        except (MediaError, OSError) as error:
            problems.append(f"{path.name} cannot be read: {error}")
    if not paths:
        problems.append("no reference images")
    return Sheet(tuple(pictures), "; ".join(problems))


def _picture(pixels: UInt8[NDArray[np.uint8], "height width 3"], side: int, what: str) -> Picture:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return Picture(f"data:image/jpeg;base64,{data}", image.width, image.height, what)
