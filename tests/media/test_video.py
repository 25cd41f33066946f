"""Pixels, order and orientation of every accepted format."""

import gc
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from customstudio.media.video import MediaError, open_video, read_video

Frames = NDArray[np.uint8]

# codec, pixel format, suffix, encoder options, largest mean error in levels (0: lossless).
FORMATS = {
    "mp4": ("libx264", "yuv420p", ".mp4", {"crf": "10"}, 9),
    "mp4 with B-frames": ("libx264", "yuv420p", ".mp4", {"bf": "3", "b-pyramid": "normal"}, 9),
    "mp4, 4:4:4": ("libx264", "yuv444p", ".mp4", {"crf": "5"}, 2),
    "mp4, 4:2:2": ("libx264", "yuv422p", ".mp4", {"crf": "5"}, 9),
    "mp4, 10 bits": ("libx264", "yuv420p10le", ".mp4", {"crf": "5"}, 9),
    "mp4, full range": ("libx264", "yuvj420p", ".mp4", {"crf": "5"}, 9),
    "mp4, AV1": ("libsvtav1", "yuv420p", ".mp4", {"crf": "10"}, 9),
    "mov": ("qtrle", "rgb24", ".mov", {}, 0),
    "mov, 16 bits": ("png", "rgb48be", ".mov", {}, 0),
    "webm, VP9": ("libvpx-vp9", "yuv420p", ".webm", {"lag-in-frames": "16"}, 9),
    "webm, VP8": ("libvpx", "yuv420p", ".webm", {"auto-alt-ref": "1", "lag-in-frames": "16"}, 9),
    "mkv": ("ffv1", "bgr0", ".mkv", {}, 0),
    "avi, MPEG-4": ("mpeg4", "yuv420p", ".avi", {"bf": "2", "b": "9000000"}, 9),
    "avi, motion JPEG": ("mjpeg", "yuvj420p", ".avi", {"b": "9000000"}, 9),
    "avi, raw": ("rawvideo", "bgr24", ".avi", {}, 0),
}


def error(found: Frames, wanted: Frames) -> float:
    return float(np.abs(found.astype(int) - wanted).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_frames_in_order(
    name: str, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    codec, pix_fmt, suffix, options, bound = FORMATS[name]
    path = tmp_path / f"video{suffix}"
    encode(path, small_frames, codec=codec, pix_fmt=pix_fmt, options=options)
    video = read_video(path)
    assert video.frames.dtype == np.uint8
    assert video.frames.shape == small_frames.shape
    assert error(video.frames, small_frames) <= bound
    assert video.fps == 8.0
    # The bar at the top grows from frame to frame: any swap of two would break this.
    bars = (video.frames[:, 1, :, 1] > 128).sum(axis=1)
    assert (np.diff(bars) > 0).all()


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (2, 63), (46, 5)])
@pytest.mark.parametrize("pix_fmt", ["bgr0", "yuv444p", "yuv420p"])
def test_odd_sizes(
    size: tuple[int, int], pix_fmt: str, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    frames = small_frames[:, : size[0], : size[1]]
    path = encode(tmp_path / "odd.mkv", frames, codec="ffv1", pix_fmt=pix_fmt)
    assert error(read_video(path).frames, frames) <= (0 if pix_fmt == "bgr0" else 12)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16le"])
def test_grey(pix_fmt: str, tmp_path: Path, encode: Any, small_frames: Frames) -> None:
    grey = small_frames[..., 0]
    source = grey if pix_fmt == "gray" else grey.astype(np.uint16) * 257
    path = encode(tmp_path / "g.mkv", source, codec="ffv1", pix_fmt=pix_fmt, source=pix_fmt)
    assert error(read_video(path).frames, grey[..., None].repeat(3, 3)) <= 1


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "bound"),
    [
        ("qtrle", "argb", ".mov", 0.1),
        ("png", "rgba", ".mov", 0.1),
        ("prores_ks", "yuva444p10le", ".mov", 1),
        ("libvpx-vp9", "yuva420p", ".webm", 6),
        ("libvpx", "yuva420p", ".webm", 6),
    ],
)
def test_transparency_lies_over_white(
    codec: str, pix_fmt: str, suffix: str, bound: float, tmp_path: Path, encode: Any,
    small_frames: Frames,
) -> None:  # fmt: skip
    alpha = np.zeros((*small_frames.shape[:3], 1), np.uint8)
    alpha[:, :, 32:], alpha[:, :24, :32] = 255, 128
    options = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else {}
    path = encode(
        tmp_path / f"a{suffix}", np.concatenate([small_frames, alpha], -1), codec=codec,
        pix_fmt=pix_fmt, source="rgba", options=options,
    )  # fmt: skip
    share = alpha / 255.0
    wanted = np.rint(small_frames * share + 255 * (1 - share)).astype(int)
    assert np.abs(read_video(path).frames.astype(int) - wanted).mean() <= bound


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("tag", "red", "blue"), [(1, 0.2126, 0.0722), (5, 0.299, 0.114)])
def test_colours_by_the_matrix_and_range_of_the_file(
    tag: int, red: float, blue: float, full_range: bool, tmp_path: Path
) -> None:
    """BT.709 and BT.601 as ITU-R writes them, in double precision."""
    colour = np.array([200.0, 60.0, 90.0])
    luma = red * colour[0] + (1 - red - blue) * colour[1] + blue * colour[2]
    chroma = (colour[2] - luma) / (2 - 2 * blue), (colour[0] - luma) / (2 - 2 * red)
    scale, offset, spread = (1, 0, 1) if full_range else (219 / 255, 16, 224 / 255)
    planes = [round(offset + luma * scale), *(round(128 + part * spread) for part in chroma)]
    flat = np.concatenate([np.full(64 * 32 // part, value, np.uint8)
                           for part, value in zip((1, 4, 4), planes, strict=True)])  # fmt: skip
    frame = av.VideoFrame.from_ndarray(flat.reshape(48, 64), format="yuv420p")
    path = tmp_path / "flat.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=8, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = 32, 64, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, 1 + full_range
        frame.colorspace, frame.color_range = tag, 1 + full_range
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    assert np.abs(read_video(path).frames - colour).max() <= 3.5


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(
    degrees: int, suffix: str, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    plain = read_video(encode(tmp_path / f"plain{suffix}", small_frames)).frames
    path = encode(tmp_path / f"turned{suffix}", small_frames, rotation=degrees)
    # FFmpeg's positive angles are counterclockwise, as np.rot90's.
    wanted = np.rot90(plain, degrees // 90, axes=(1, 2))
    with open_video(path) as reader:
        assert (reader.height, reader.width) == wanted.shape[1:3]
        assert np.array_equal(np.stack(list(reader)), wanted)


def test_no_frame_waits_for_the_garbage_collector(
    tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    path = encode(tmp_path / "plain.mp4", small_frames)
    gc.collect()
    gc.disable()
    try:
        read_video(path)
        assert not [one for one in gc.get_objects() if type(one) is av.VideoFrame]
    finally:
        gc.enable()


def test_a_tilted_display_matrix_is_refused(
    tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    path = encode(tmp_path / "tilted.mp4", small_frames, rotation=45)
    with pytest.raises(MediaError, match="not a multiple of 90"):
        read_video(path)
