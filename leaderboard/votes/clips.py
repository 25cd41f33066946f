"""Clips: every video encoded anew at one height; and two of them side by side as one video.

One video with both clips in it plays in sync in every browser, and says nothing of either: its
address, size and codec are those of the comparison.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from customstudio.leaderboard.votes.plan import Side
from customstudio.media.limits import Limits
from customstudio.media.video import Video, read_video, write_video
from customstudio.metrics.spec import Array

HEIGHT, STRIP, GAP = 320, 32, 16
WIDEST = 2 * HEIGHT
LIMITS = Limits(frames=1_000, seconds=120.0)
_DARK = 34
Frame = UInt8[Array, "height width 3"]


def normalise(source: Path, target: Path) -> float:
    """Encode a video anew: H.264, HEIGHT pixels high, without its metadata; gives its seconds.

    Raises:
        MediaError: it cannot be used; the message is the reason.
    """
    video = read_video(source, LIMITS)
    height, width = video.frames.shape[1:3]
    across = min(WIDEST, 2 * max(1, round(width * HEIGHT / height / 2)))
    high = HEIGHT if across < WIDEST else 2 * max(1, round(height * across / width / 2))
    method = cv2.INTER_AREA if high < height else cv2.INTER_CUBIC
    frames = [cv2.resize(frame, (across, high), interpolation=method) for frame in video.frames]
    write_video(target, [np.asarray(frame, np.uint8) for frame in frames], video.fps)
    return len(frames) / video.fps


def side_by_side(left: Path, right: Path, target: Path, damaged: Side | None = None) -> float:
    """Two clips as one video, A and B; the shorter one waits at its last frame. Gives seconds."""
    videos = [read_video(path, LIMITS) for path in (left, right)]
    if damaged is not None:
        place = ("left", "right").index(damaged)
        videos[place] = damage(videos[place])
    fps = max(video.fps for video in videos)
    seconds = max(len(video.frames) / video.fps for video in videos)
    high = max(video.frames.shape[1] for video in videos)
    wide = max(video.frames.shape[2] for video in videos)
    strip = _strip(wide)

    def frames() -> Iterator[Frame]:
        for at in range(max(1, round(seconds * fps))):
            both = [_boxed(_frame_at(video, at / fps), high, wide) for video in videos]
            gap = np.full((high, GAP, 3), _DARK, np.uint8)
            yield np.vstack([strip, np.hstack([both[0], gap, both[1]])])

    write_video(target, frames(), fps)
    return seconds


def damage(video: Video) -> Video:
    """A copy that anybody sees is worse: coarse blocks, and frames out of order."""
    order = np.random.default_rng(0).permutation(len(video.frames))
    height, width = video.frames.shape[1:3]
    coarse = (max(1, width // 24), max(1, height // 24))
    blocks = [cv2.resize(video.frames[at], coarse, interpolation=cv2.INTER_AREA) for at in order]
    grown = [cv2.resize(b, (width, height), interpolation=cv2.INTER_NEAREST) for b in blocks]
    return Video(np.stack(grown).astype(np.uint8), video.fps)


def small_picture(source: Path, target: Path, side: int = 256) -> None:
    """A reference image as a small JPEG without metadata."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((side, side))
    picture.save(target, "JPEG", quality=90)


def _frame_at(video: Video, seconds: float) -> Frame:
    return np.asarray(video.frames[min(int(seconds * video.fps + 1e-6), len(video.frames) - 1)])


def _boxed(frame: Frame, high: int, wide: int) -> Frame:
    box = np.full((high, wide, 3), _DARK, np.uint8)
    top, left = (high - frame.shape[0]) // 2, (wide - frame.shape[1]) // 2
    box[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
    return box


def _strip(wide: int) -> Frame:
    strip = Image.new("RGB", (2 * wide + GAP, STRIP), (_DARK, _DARK, _DARK))
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(size=22)
    for letter, middle in (("A", wide / 2), ("B", 1.5 * wide + GAP)):
        draw.text((middle, STRIP / 2), letter, fill="white", font=font, anchor="mm")
    return np.asarray(strip)
