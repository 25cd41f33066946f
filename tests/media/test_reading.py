"""Times, gif and webp, threads, and what is written reads back."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.limits import Clock
from customstudio.media.video import Limits, MediaError, open_video, read_video, write_video

Frames = NDArray[np.uint8]


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
    assert np.abs(video.frames.astype(int) - small_frames).mean() <= 9
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


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    """Whatever memory held: x264 with AVX-512 would read some that nobody wrote (`ALIKE`)."""
    rng = np.random.default_rng(0)
    scene = np.full((166, 200, 3), 90, np.uint8)
    for _ in range(40):
        middle, axes = rng.integers(0, (200, 166)).tolist(), rng.integers(4, 33, 2).tolist()
        colour, angle = rng.integers(0, 256, 3).tolist(), float(rng.uniform(0, 180))
        cv2.ellipse(scene, middle, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    frames = [np.ascontiguousarray(scene[:, 2 * n : 2 * n + 184]) for n in range(6)]
    written = set()
    for fill in range(8):
        junk = [np.full(size, 30 * fill, np.uint8) for size in rng.integers(1000, 400_000, 60)]
        del junk
        write_video(tmp_path / "v.mp4", frames, 8.0)
        written.add((tmp_path / "v.mp4").read_bytes())
    assert len(written) == 1
