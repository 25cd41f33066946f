"""Frames, order, times and colours of every accepted format."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.limits import Clock
from customstudio.media.video import Limits, MediaError, open_video, read_video, write_video

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


def test_a_tilted_display_matrix_is_refused(
    tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    path = encode(tmp_path / "tilted.mp4", small_frames, rotation=45)
    with pytest.raises(MediaError, match="not a multiple of 90"):
        read_video(path)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".webm", "libvpx-vp9")]
)
def test_variable_frame_rates_keep_all_frames(
    suffix: str, codec: str, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    times = [0, 100, 110, 300, 310, 500, 900, 910, 920, 930, 1500, 2000]
    path = encode(tmp_path / f"v{suffix}", small_frames, codec=codec, times=times)
    video = read_video(path)
    assert len(video.frames) == 12
    assert video.fps == pytest.approx(12 / 2.125)  # the last frame is shown for 1/8 s


@pytest.mark.parametrize("rate", [8, 24, 30])
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".webm", "libvpx-vp9"), (".avi", "mpeg4")]
)
def test_constant_frame_rates_are_exact(
    suffix: str, codec: str, rate: int, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    assert (
        read_video(encode(tmp_path / f"v{suffix}", small_frames, codec=codec, rate=rate)).fps
        == rate
    )


def test_gif_times_palettes_and_disposal_as_pillow_reads_them(tmp_path: Path) -> None:
    """Pillow composes gifs by its own code."""
    rng = np.random.default_rng(0)
    pictures = []
    for at in range(6):
        rgba = np.zeros((20, 30, 4), np.uint8)
        rgba[at : at + 9, 2 * at : 2 * at + 12] = (*rng.integers(0, 255, 3), 255)
        pictures.append(Image.fromarray(rgba))
    for disposal in (0, 1, 2, 3):
        path = tmp_path / f"{disposal}.gif"
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=[50, 100, 200] * 2,
            disposal=disposal, optimize=False,
        )  # fmt: skip
        video = read_video(path)
        with Image.open(path) as image:
            for at, frame in enumerate(video.frames):
                image.seek(at)
                white = Image.new("RGBA", image.size, "white")
                white.alpha_composite(image.convert("RGBA"))
                assert np.array_equal(frame, np.asarray(white.convert("RGB"))), (disposal, at)
        assert video.fps == pytest.approx(6 / 0.7)


def test_a_gif_of_one_frame_is_a_video_of_one_frame(tmp_path: Path, small_frames: Frames) -> None:
    Image.fromarray(small_frames[0]).save(tmp_path / "one.gif")
    video = read_video(tmp_path / "one.gif")
    assert len(video.frames) == 1
    assert video.fps == 10.0  # no delay stored: FFmpeg and browsers show such frames for 0.1 s


def test_animated_webp(tmp_path: Path, small_frames: Frames) -> None:
    pictures = [Image.fromarray(frame) for frame in small_frames]
    path = tmp_path / "a.webp"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[100, 200] * 6, lossless=True
    )
    video = read_video(path)
    assert np.array_equal(video.frames, small_frames)
    assert video.fps == pytest.approx(12 / 1.8)


def test_what_a_file_is_does_not_hang_on_its_name(small_mp4: Path, tmp_path: Path) -> None:
    copy = tmp_path / "http:--127.0.0.1-x.gif"
    copy.write_bytes(small_mp4.read_bytes())
    assert np.array_equal(read_video(copy).frames, read_video(small_mp4).frames)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "aac"), (".avi", "mp2")])
@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_sound_of_another_length_changes_nothing(
    suffix: str, codec: str, seconds: float, tmp_path: Path, small_frames: Frames
) -> None:
    path = tmp_path / f"sound{suffix}"
    with av.open(path, "w") as output:
        picture = output.add_stream("mpeg4", rate=8)
        picture.height, picture.width, picture.pix_fmt = 48, 64, "yuv420p"
        sound = output.add_stream(codec, rate=16000, layout="mono")
        for frame in small_frames:
            output.mux(picture.encode(av.VideoFrame.from_ndarray(frame)))
        output.mux(picture.encode())
        silence = np.zeros((1, int(16000 * seconds)), np.int16)
        samples = av.AudioFrame.from_ndarray(silence, "s16", "mono")
        samples.sample_rate = 16000
        resampler = av.AudioResampler(
            sound.codec_context.format, "mono", 16000, sound.codec_context.frame_size or 1024
        )
        for part in [*resampler.resample(samples), *resampler.resample(None)]:
            output.mux(sound.encode(part))
        output.mux(sound.encode())
    video = read_video(path)
    assert (len(video.frames), video.fps) == (12, 8.0)


def test_stopping_early_closes_the_file(small_mp4: Path) -> None:
    with open_video(small_mp4) as reader:
        assert reader.count == 12
        next(iter(reader))
        assert str(small_mp4) in open_files()
    assert str(small_mp4) not in open_files()


def open_files() -> list[str]:
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def test_only_time_inside_the_reader_counts(small_mp4: Path) -> None:
    with open_video(small_mp4, Limits(decode_seconds=1.0)) as reader:
        for _ in reader:
            time.sleep(0.15)
    clock = Clock(0.01)
    with clock:
        time.sleep(0.02)
    with pytest.raises(MediaError, match=r"longer than 0\.01 s"):
        clock.check()


def test_threads_and_repeats_change_nothing(small_mp4: Path) -> None:
    once = read_video(small_mp4).frames.tobytes()
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: read_video(small_mp4).frames.tobytes(), range(24)))
    assert set(many) == {once}


def test_frames_own_their_memory(small_mp4: Path) -> None:
    with open_video(small_mp4) as reader:
        frames = list(reader)
    assert all(frame.flags.c_contiguous and frame.flags.writeable for frame in frames)


def test_written_videos_read_back(tmp_path: Path, small_frames: Frames) -> None:
    path = tmp_path / "new" / "v.mp4"
    write_video(path, small_frames, 24000 / 1001)
    video = read_video(path)
    assert error(video.frames, small_frames) <= 9
    assert video.fps == pytest.approx(24000 / 1001, rel=1e-6)
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    first = path.read_bytes()
    write_video(path, small_frames, 24000 / 1001)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("shape", "reason"), [((4, 5, 3), "even"), ((4, 4, 4), "height, width, 3"), (None, "one frame")]
)
def test_what_cannot_be_written_leaves_nothing(
    shape: tuple[int, ...] | None, reason: str, tmp_path: Path
) -> None:
    frames = [] if shape is None else [np.zeros(shape, np.uint8)]
    with pytest.raises(ValueError, match=reason):
        write_video(tmp_path / "v.mp4", frames, 8.0)
    assert list(tmp_path.iterdir()) == []


def test_real_videos_as_pillow_reads_them(shared_media: Path) -> None:
    paths = sorted((shared_media / "videos").rglob("*.gif"))
    for path in paths[:: max(1, len(paths) // 6)]:
        video = read_video(path)
        with Image.open(path) as image:
            assert image.n_frames == len(video.frames)
            for at, frame in enumerate(video.frames):
                image.seek(at)
                assert np.array_equal(frame, np.asarray(image.convert("RGB")))
