"""Reads mp4, mov, webm, mkv, avi and gif with FFmpeg, which sees an open file and no path."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition
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

# Where FFmpeg can only read the open file these change nothing: a second lock on the door.
OPTIONS = {"protocol_whitelist": "none", "enable_drefs": "0", "codec_whitelist": CODECS}

_BLOCK = 1 << 18


def read_frames(file: LocalFile, kind: Kind, limits: Limits, index: Index) -> Frames:
    """Decode the frames, uint8 (height, width, 3), in the order in which they are shown.

    Raises:
        MediaError: a frame is damaged, or not all of the index's frames can be decoded.
    """
    with opened(file, kind, limits) as container:
        stream, to_rgb, done = only_video(container, limits), ToRgb(), 0
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


@contextmanager
def opened(file: LocalFile, kind: Kind, limits: Limits) -> Iterator[InputContainer]:
    file.seek(0)
    formats = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2" if kind == "mov" else kind}
    options = {**OPTIONS, **formats, **_decoder_options(limits)}
    with av.open(
        file, "r", format=kind, options=options, io_open=_refuse, buffer_size=_BLOCK
    ) as container:
        yield container


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise MediaError("it refers to another file or address")


def _decoder_options(limits: Limits) -> dict[str, str]:
    # Coded sizes are rounded up to whole blocks, hence the slack; the frame itself is measured.
    return {"max_pixels": str(2 * limits.pixels + (1 << 16)), "err_detect": "explode"}


def only_video(container: InputContainer, limits: Limits) -> VideoStream:
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
