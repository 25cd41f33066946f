"""A video never opens anything but itself."""

import os
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from customstudio.media import container
from customstudio.media.image import load_image
from customstudio.media.limits import Limits
from customstudio.media.video import MediaError, read_video


class Listener:
    """A server on 127.0.0.1 that remembers who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._visitors: queue.Queue[int] = queue.Queue()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, (_, port) = self.socket.accept()
            except OSError:
                return
            self._visitors.put(port)
            connection.close()

    def was_visited(self) -> bool:
        """Whether somebody came before this call, which itself comes and waits to be seen."""
        with socket.create_connection(self.socket.getsockname()) as own:
            return self._visitors.get(timeout=10) != own.getsockname()[1]


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.socket.shutdown(socket.SHUT_RDWR)
    server.socket.close()


def test_the_listener_hears(listener: Listener, tmp_path: Path) -> None:
    assert not listener.was_visited()
    with pytest.raises(av.error.FFmpegError):
        av.open(f"{listener.address}/a.mp4")
    assert listener.was_visited()


# Each `{url}` is the listening server, each `{file}` a whole video beside the text.
TEXTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/a.ts\n#EXTINF:1,\n{file}\n",
    "hls with a mark before": "\ufeff#EXTM3U\n#EXTINF:1,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{file}'\nfile '{url}/a.mp4'\n",
    "dash": "<?xml version='1.0'?><MPD type='static'><BaseURL>{url}/</BaseURL></MPD>",
    "svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}/a.png'/></svg>",
    "html": "<!doctype html><video src='{url}/a.mp4'>",
    "sdp": "v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "subfile": "subfile,,start,0,end,0,,:{file}",
    "url": "{url}/a.mp4",
    "reference movie": "RTSPtext{url}/a.mov",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_point_elsewhere(
    name: str, listener: Listener, small_mp4: Path, tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"
    path.write_text(TEXTS[name].format(url=listener.address, file=small_mp4))
    with pytest.raises(MediaError, match="not a video"):
        read_video(path)
    with pytest.raises(MediaError, match="not an image"):
        load_image(path)
    assert not listener.was_visited()


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4, "big") + name + body


def with_samples_in(data: bytes, sibling: str) -> bytes:
    """A QuickTime movie whose pictures are all in a file beside it: an alias data reference."""
    name, target = sibling.encode(), f"/x/{sibling}".encode()
    alias = b"".join([
        bytes(14), b"\0", bytes(27 + 12), bytes([len(name)]), name.ljust(63, b"\0"), bytes(16),
        b"\0\1\0\1", bytes(16), b"\0\2", len(target).to_bytes(2, "big"), target,
        b"\xff\xff\0\0",
    ])  # fmt: skip
    own, other = box(b"url ", b"\0\0\0\1"), box(b"alis", alias)
    out = bytearray(data.replace(own, other))
    for folder in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.index(folder) - 4
        size = int.from_bytes(data[at : at + 4], "big") + len(other) - len(own)
        out[at : at + 4] = size.to_bytes(4, "big")
    at = data.index(b"mdat") + 4
    size = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    out[at : at + size] = bytes(size)
    return bytes(out)


def test_a_movie_whose_samples_are_in_another_file(
    small_mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.mp4").write_bytes(small_mp4.read_bytes())
    path = tmp_path / "video.mp4"
    path.write_bytes(with_samples_in(small_mp4.read_bytes(), "other.mp4"))
    # The bait works: FFmpeg by itself takes it.
    with av.open(str(path), options={"enable_drefs": "1"}) as bait:
        assert len(list(bait.decode(video=0))) == 12
    with pytest.raises(MediaError, match="no frames"):
        read_video(path)
    # And with the first lock picked, the next one holds.
    options = container.OPTIONS
    monkeypatch.setattr(container, "OPTIONS", {**options, "enable_drefs": "1"})
    with pytest.raises(MediaError, match="refers to another file or address"):
        read_video(path)


def test_ffmpeg_is_given_no_protocol(
    listener: Listener, small_mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first bytes' lock picked and a playlist demuxer forced, the others still hold."""
    text = TEXTS["hls"].format(url=listener.address, file=small_mp4)
    path = tmp_path / "video.mp4"
    path.write_text(text)
    monkeypatch.setattr("customstudio.media.video.video_kind", lambda head: "hls")
    monkeypatch.setattr("customstudio.media.video.check_whole", lambda *rest: None)
    with pytest.raises(MediaError):
        read_video(path)
    assert not listener.was_visited()


def test_odd_paths(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    wanted = {
        tmp_path / "a": "in a circle",
        tmp_path / "pipe.mp4": "a named pipe, not a file",
        tmp_path / "empty.mp4": "empty",
        tmp_path / "folder.mp4": "a folder without images",
        tmp_path / "missing.mp4": "no such file",
        tmp_path / "empty.mp4" / "below": "no such file",
        Path("/dev/zero"): "a device, not a file",
        Path("nul\0byte"): "no file name can have",
        tmp_path / ("long" * 100): "cannot be opened",
    }
    for path, reason in wanted.items():
        with pytest.raises(MediaError, match=reason):
            read_video(path)


def test_a_link_to_a_video_is_that_video(small_mp4: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(small_mp4)
    assert len(read_video(tmp_path / "link.mp4").frames) == 12


def test_unlisted_codecs_stay_shut(
    tmp_path: Path, encode: Any, small_frames: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "old.avi", small_frames, codec="wmv2")
    with pytest.raises(MediaError, match="coded with wmv2, which is not accepted"):
        read_video(path)
    monkeypatch.setattr(container, "CODECS", "h264")
    with pytest.raises(MediaError, match="not accepted"):
        read_video(encode(tmp_path / "v.webm", small_frames, codec="libvpx-vp9"))


def test_limits_name_themselves(small_mp4: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    Image.new("RGB", (64, 48)).save(folder / "0.png")
    Image.new("RGB", (64, 48)).save(folder / "1.png")
    pictures = [Image.new("RGB", (64, 48), (at, 0, 0)) for at in range(12)]
    for suffix in ("gif", "webp"):
        pictures[0].save(
            tmp_path / f"a.{suffix}", save_all=True, append_images=pictures[1:], duration=125
        )
    for path in (small_mp4, tmp_path / "a.gif", tmp_path / "a.webp", folder):
        for limits, reason in (
            (Limits(pixels=3000), "64x48, above the limit of 3,000 pixels"),
            (Limits(frames=1), "limit of 1"),
            (Limits(seconds=0.1), "above the limit of 0.1 s"),
            (Limits(bytes=50), "bytes, more than the limit of 50"),
            (Limits(decode_seconds=0.0), "longer than 0 s"),
        ):
            with pytest.raises(MediaError, match=reason):
                read_video(path, limits, fps=8.0)
