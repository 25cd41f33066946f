"""Reads mp4, mov, webm, mkv, avi and gif with FFmpeg, which sees an open file and no path."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NoReturn

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from customstudio.media.limits import Limits, MediaError
from customstudio.media.local import LocalFile
from customstudio.media.pixels import ToRgb
from customstudio.media.reader import Frames, Index
from customstudio.media.sniff import Kind

CODECS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg4,mjpeg,gif,ffv1,huffyuv,ffvhuff,"
    "utvideo,png,prores,qtrle,rawvideo,mpeg1video,mpeg2video,h263,msmpeg4v3,msmpeg4v2,cinepak,dnxhd"
)
"""The decoders that a file may ask for; FFmpeg's several hundred others stay shut."""

_BLOCK = 1 << 18


def read_index(file: LocalFile, kind: Kind, limits: Limits) -> Index:
    """Count the frames and take their times.

    Raises:
        MediaError: there is no single video stream, a limit is passed, or the header's number of
            frames or playing time is not what the file holds.
    """
    with _opened(file, kind, limits) as container:
        stream = _only_video(container, limits)
        count = _Count(stream, limits)
        for packet in container.demux():
            file.clock.check()
            count.add(packet)
        count.compare(container, kind)
        return Index(count.frames, count.fps(kind))


def read_frames(file: LocalFile, kind: Kind, limits: Limits, index: Index) -> Frames:
    """Decode the frames, uint8 (height, width, 3), in the order in which they are shown.

    Raises:
        MediaError: a frame is damaged, or not all of the index's frames can be decoded.
    """
    with _opened(file, kind, limits) as container:
        stream, to_rgb, done = _only_video(container, limits), ToRgb(), 0
        decoder = _decoder(stream, limits)
        for packet in container.demux(stream):
            file.clock.check()
            # An empty packet in the middle would end the decoding: only the last one may.
            if packet.size == 0 and packet.dts is not None:
                continue
            for frame in decoder.decode(packet):
                if frame.is_corrupt:
                    raise MediaError(f"frame {done} is damaged")
                done += 1
                yield to_rgb(frame)
        if done != index.frames:
            raise MediaError(f"{done} of its {index.frames} frames can be decoded")


class _Count:
    """Tallies packets: frames of the video, and the time that all streams cover."""

    def __init__(self, stream: VideoStream, limits: Limits) -> None:
        self.stream, self.limits = stream, limits
        self.frames = self.packets = 0
        self._first: int | None = None
        self._end = self._last = 0
        self._covered: dict[int, tuple[Fraction, Fraction]] = {}

    def add(self, packet: "Packet[Stream]") -> None:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None and packet.size == 0:
            return
        if packet.is_corrupt:
            raise MediaError("cut short or corrupt: a frame's bytes are missing")
        if at is not None and packet.time_base:
            self._cover(packet.stream_index, at * packet.time_base, packet)
        if packet.stream_index != self.stream.index:
            return
        self.packets += 1
        if packet.size and not packet.is_discard and _is_shown(self.stream, packet):
            self._add_frame(at, packet.duration or 0)

    def _add_frame(self, at: int | None, duration: int) -> None:
        self.frames += 1
        if self.frames > self.limits.frames:
            raise MediaError(f"more than the limit of {self.limits.frames:,} frames")
        if at is None:
            return
        self._first = at if self._first is None else min(self._first, at)
        self._last, self._end = max(self._last, at), max(self._end, at + duration)

    def _cover(self, stream: int, at: Fraction, packet: "Packet[Stream]") -> None:
        end = at + (packet.duration or 0) * packet.time_base
        first, last = self._covered.get(stream, (at, end))
        self._covered[stream] = (min(first, at), max(last, end))

    def compare(self, container: InputContainer, kind: Kind) -> None:
        """Hold what was found against what the header declares."""
        if not self.frames:
            raise MediaError("no frames")
        if kind in ("mov", "avi") and self.stream.frames > self.packets:
            raise MediaError(
                f"cut short: {self.stream.frames} frames are declared, {self.packets} are here"
            )
        covered = float(
            max(last for _, last in self._covered.values())
            - min(first for first, _ in self._covered.values())
            if self._covered
            else 0
        )
        if covered > self.limits.seconds:
            raise MediaError(f"{covered:.0f} s, above the limit of {self.limits.seconds:g} s")
        declared = (container.duration or 0) / 1e6
        if self._covered and abs(declared - covered) > max(1.0, 0.1 * covered) and declared:
            raise MediaError(f"{declared:.1f} s are declared, its frames cover {covered:.1f} s")

    def fps(self, kind: Kind) -> float:
        """Frames over time. The last frame lasts as long as its packet says, or as the mean."""
        base, declared = self.stream.time_base, self.stream.average_rate
        if self._first is None or base is None:
            rate = declared
        elif self._end > self._last:
            rate = self.frames / ((self._end - self._first) * base)
        elif self._last > self._first:
            rate = (self.frames - 1) / ((self._last - self._first) * base)
        else:
            rate = declared
        if not rate or not 0 < rate < 1e5:
            raise MediaError("its frames have no times, so it has no frame rate")
        # Matroska rounds times to milliseconds: 24 Hz would read as 23.98.
        rounded = kind == "matroska" and declared and abs(declared - rate) < rate / 100
        return float(declared if rounded and declared else rate)


def _is_shown(stream: VideoStream, packet: "Packet[Stream]") -> bool:
    """False for VP8's alternate references, which are decoded and never shown (RFC 6386, 9.1)."""
    return stream.codec_context.name not in ("vp8", "libvpx") or bool(bytes(packet)[0] & 0x10)


@contextmanager
def _opened(file: LocalFile, kind: Kind, limits: Limits) -> Iterator[InputContainer]:
    file.seek(0)
    options = {
        # Nothing of these is needed where only the open file can be read: a second lock.
        "protocol_whitelist": "none",
        "format_whitelist": kind if kind != "mov" else "mov,mp4,m4a,3gp,3g2,mj2",
        "codec_whitelist": CODECS,
        **_decoder_options(limits),
    }
    with av.open(
        file, "r", format=kind, options=options, io_open=_refuse, buffer_size=_BLOCK
    ) as container:
        yield container


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise MediaError("it refers to another file or address")


def _decoder_options(limits: Limits) -> dict[str, str]:
    # Coded sizes are rounded up to whole blocks, hence the slack; the frame itself is measured.
    return {"max_pixels": str(2 * limits.pixels + (1 << 16)), "err_detect": "explode"}


def _only_video(container: InputContainer, limits: Limits) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if len(streams) != 1:
        raise MediaError(f"{len(streams)} video streams, where one is expected")
    stream = streams[0]
    if stream.codec_context is None:
        raise MediaError("its codec is not known to this build of FFmpeg")
    if stream.codec_context.name not in CODECS.split(","):
        raise MediaError(f"coded with {stream.codec_context.name}, which is not accepted")
    if stream.width * stream.height > limits.pixels:
        raise MediaError(
            f"frames of {stream.width}x{stream.height}, above the limit of {limits.pixels:,} pixels"
        )
    return stream


def _decoder(stream: VideoStream, limits: Limits) -> av.VideoCodecContext:
    decoder = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and decoder.name in ("vp8", "vp9"):
        # FFmpeg's own VP8 and VP9 decoders drop the transparency that webm stores beside them.
        wrapped = av.CodecContext.create("libvpx" if decoder.name == "vp8" else "libvpx-vp9", "r")
        decoder = wrapped
    decoder.options = _decoder_options(limits)
    decoder.thread_count, decoder.thread_type = 1, "NONE"
    return decoder
