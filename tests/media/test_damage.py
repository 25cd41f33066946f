"""Damaged and lying files are reasons: no crash, no hang, no silently shortened video."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.video import MediaError, read_video

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def samples(
    tmp_path_factory: pytest.TempPathFactory, encode: Any, small_frames: Frames
) -> dict[str, Path]:
    """One small file of each container."""
    folder = tmp_path_factory.mktemp("samples")
    pictures = [Image.fromarray(frame) for frame in small_frames]
    for name, options in (("gif", {}), ("webp", {"lossless": True})):
        pictures[0].save(
            folder / f"v.{name}", save_all=True, append_images=pictures[1:], duration=125, **options
        )
    encode(folder / "v.mp4", small_frames)
    encode(folder / "front.mp4", small_frames, muxing={"movflags": "faststart"})
    encode(folder / "v.webm", small_frames, codec="libvpx-vp9")
    encode(folder / "v.avi", small_frames, codec="mpeg4")
    encode(folder / "v.mkv", small_frames, codec="ffv1", pix_fmt="bgr0")
    return {path.name: path for path in sorted(folder.iterdir())}


NAMES = ["v.gif", "v.webp", "v.mp4", "front.mp4", "v.webm", "v.avi", "v.mkv"]


@pytest.mark.parametrize("name", NAMES)
def test_no_cut_goes_unseen(name: str, samples: dict[str, Path], tmp_path: Path) -> None:
    data = samples[name].read_bytes()
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        path = tmp_path / f"{share}{name}"
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(MediaError):
            read_video(path)
    path.write_bytes(data[:-1])
    with pytest.raises(MediaError, match=r"cut short|damaged|corrupt"):
        read_video(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_head_without_a_body(name: str, samples: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(samples[name].read_bytes()[:64] + bytes(5000))
    with pytest.raises(MediaError):
        read_video(path)


def patched(data: bytes, box: bytes, skip: int, value: int) -> bytes:
    at = data.index(box) + 4 + skip
    return data[:at] + value.to_bytes(4, "big") + data[at + 4 :]


@pytest.mark.parametrize(
    ("box", "skip", "count"),
    [
        (b"stsz", 8, 10), (b"stsz", 8, 0), (b"stsz", 8, 10_000_000), (b"stsz", 8, 2**32 - 1),
        (b"stts", 8, 13), (b"stts", 8, 500_000_000), (b"stts", 4, 0), (b"stts", 4, 2**32 - 1),
    ],
)  # fmt: skip
def test_a_lying_index(box: bytes, skip: int, count: int, small_mp4: Path, tmp_path: Path) -> None:
    """The tables of sizes (stsz) and times (stts) of twelve frames tell of another number."""
    path = tmp_path / "lying.mp4"
    path.write_bytes(patched(small_mp4.read_bytes(), box, skip, count))
    with pytest.raises(MediaError):
        read_video(path)


def test_a_small_file_cannot_declare_an_index_of_gigabytes(
    small_mp4: Path, tmp_path: Path, encode: Any, small_frames: Frames
) -> None:
    data = patched(small_mp4.read_bytes(), b"stsz", 4, 1)
    path = tmp_path / "bomb.mp4"
    path.write_bytes(patched(data, b"stsz", 8, 500_000_000))
    with pytest.raises(MediaError, match="more than 10,000,000 samples are declared"):
        read_video(path)
    encode(path, small_frames, muxing={"movflags": "frag_keyframe+empty_moov"})
    path.write_bytes(patched(path.read_bytes(), b"trun", 4, 500_000_000))
    with pytest.raises(MediaError, match="more than 10,000,000 samples are declared"):
        read_video(path)


def test_a_lying_duration(samples: dict[str, Path], tmp_path: Path) -> None:
    data = samples["v.webm"].read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # Duration, eight bytes of float
    path = tmp_path / "hours.webm"
    path.write_bytes(data[:at] + np.array(3.6e7, ">f8").tobytes() + data[at + 8 :])
    with pytest.raises(MediaError, match=r"36000.0 s are declared, its frames cover 1.5 s"):
        read_video(path)


def test_a_lying_size(samples: dict[str, Path], tmp_path: Path) -> None:
    data = samples["v.gif"].read_bytes()
    path = tmp_path / "huge.gif"
    path.write_bytes(data[:6] + b"\xff\xff\xff\xff" + data[10:])
    with pytest.raises(MediaError, match="65535x65535, above the limit"):
        read_video(path)
    data = samples["v.webp"].read_bytes()
    path.write_bytes(data[:24] + b"\xff\xff\xff\xff\xff\x00" + data[30:])
    with pytest.raises(MediaError, match="above the limit"):
        read_video(path)


def test_sound_without_a_picture(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(MediaError, match="0 video streams"):
        read_video(path)


def test_two_streams_are_ambiguous(tmp_path: Path, small_frames: Frames) -> None:
    import av

    path = tmp_path / "two.mkv"
    with av.open(path, "w") as output:
        streams = [output.add_stream("ffv1", rate=8) for _ in range(2)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        for stream in streams:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(small_frames[0])))
            output.mux(stream.encode())
    with pytest.raises(MediaError, match="2 video streams"):
        read_video(path)


@pytest.mark.parametrize("name", NAMES)
def test_mutations_give_frames_or_reasons(
    name: str, samples: dict[str, Path], tmp_path: Path
) -> None:
    """In a process of its own, so that a crash of a decoder fails the test and not the run."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("mutate.py"), samples[name], tmp_path, "60"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(part.split("=") for part in done.stdout.split())
    assert int(counts["reasons"]) + int(counts["frames"]) == 60
    assert int(counts["reasons"]) >= 10
    assert float(counts["slowest"]) < 10
    assert int(counts["mebibytes"]) < 1500
