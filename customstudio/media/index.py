"""Counts a video's frames and takes their times, from its packets, before anything is decoded."""

from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from customstudio.media.container import only_video, opened
from customstudio.media.limits import Limits, MediaError
from customstudio.media.local import LocalFile
from customstudio.media.reader import Index
from customstudio.media.sniff import Kind


def read_index(file: LocalFile, kind: Kind, limits: Limits) -> Index:
    """Count the frames and take their times.

    Raises:
        MediaError: there is no single video stream, a limit is passed, or the header's number of
            frames or playing time is not what the file holds.
    """
    with opened(file, kind, limits) as container:
        stream = only_video(container, limits)
        count = _Count(stream, limits)
        for packet in container.demux():
            file.clock.check()
            count.add(packet)
        count.compare(container, kind)
        return Index(count.frames, count.fps(kind))


class _Count:
    """Tallies packets: frames of the video, and the time that all streams cover."""

    def __init__(self, stream: VideoStream, limits: Limits) -> None:
        self.stream, self.limits = stream, limits
        self.frames = self.packets = 0
        self._starts: tuple[int, int] | None = None
        self._end = 0
        self._covered: tuple[Fraction, Fraction] | None = None

    def add(self, packet: "Packet[Stream]") -> None:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None and packet.size == 0:
            return
        if packet.is_corrupt:
            raise MediaError("cut short or corrupt: a frame's bytes are missing")
        if at is not None and packet.time_base:
            self._cover(at * packet.time_base, packet)
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
        first, last = self._starts or (at, at)
        self._end = at + duration if self._starts is None else max(self._end, at + duration)
        self._starts = (min(first, at), max(last, at))

    def _cover(self, at: Fraction, packet: "Packet[Stream]") -> None:
        end = at + (packet.duration or 0) * packet.time_base
        first, last = self._covered or (at, end)
        self._covered = (min(first, at), max(last, end))

    def compare(self, container: InputContainer, kind: Kind) -> None:
        """Hold what was found against what the header declares."""
        if not self.frames:
            raise MediaError("no frames")
        if kind in ("mov", "avi") and self.stream.frames > self.packets:
            raise MediaError(
                f"cut short: {self.stream.frames} frames are declared, {self.packets} are here"
            )
        first, last = self._covered or (0, 0)
        covered = float(last - first)
        if covered > self.limits.seconds:
            raise MediaError(f"{covered:.0f} s, above the limit of {self.limits.seconds:g} s")
        declared = (container.duration or 0) / 1e6
        if self._covered and declared and abs(declared - covered) > max(1.0, 0.1 * covered):
            raise MediaError(f"{declared:.1f} s are declared, its frames cover {covered:.1f} s")

    def fps(self, kind: Kind) -> float:
        """Frames over time. The last frame lasts as long as its packet says, or as the mean."""
        base, declared = self.stream.time_base, self.stream.average_rate
        first, last = self._starts or (0, 0)
        rate: Fraction | None = declared
        if base and self._end > last:
            rate = self.frames / ((self._end - first) * base)
        elif base and last > first:
            rate = (self.frames - 1) / ((last - first) * base)
        if not rate or not 0 < rate < 1e5:
            raise MediaError("its frames have no times, so it has no frame rate")
        # Matroska rounds times to milliseconds: 24 Hz would read as 23.98.
        rounded = kind == "matroska" and declared and abs(declared - rate) < rate / 100
        return float(declared if rounded and declared else rate)


def _is_shown(stream: VideoStream, packet: "Packet[Stream]") -> bool:
    """False for VP8's alternate references, which are decoded and never shown (RFC 6386, 9.1)."""
    return stream.codec_context.name not in ("vp8", "libvpx") or bool(bytes(packet)[0] & 0x10)
