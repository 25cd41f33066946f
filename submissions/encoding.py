"""Makes small copies of a stranger's videos; runs as a process of its own, with hard limits.

`python -m customstudio.submissions.encoding` reads a line of JSON a video, `[path, sha256]`, and
answers each with a line, `{"bytes": n}` and n bytes after it, or `{"reason": text}`. It is started
as a program, not by multiprocessing, which would load the caller's main script again.
"""

import io
import json
import resource
import secrets
import sys
from fractions import Fraction
from pathlib import Path

SIDE = 320
"""Longer side of a small copy, in pixels."""
MOST_FRAMES = 480
MOST_BYTES = 2**28
"""Of a video file that is copied."""
MEMORY_BYTES = 3 * 2**30
"""Of the process, with its libraries."""
CPU_SECONDS = 120
"""Of computing, for one video."""


def limited() -> None:
    """Limit this process; the encoder's libraries are loaded before it counts."""
    import av  # noqa: F401

    for what, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, hard))


def guarded(path: str, sha256: str) -> bytes | str:
    """`encoded`, after which this process is killed if it computes too long."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS, hard)
    )
    return encoded(path, sha256)


def encoded(path: str, sha256: str) -> bytes | str:
    """An H.264 copy of a video; or why there is none; "" if it is another file than the submitted.

    Args:
        path: a video file or a folder of frames.
        sha256: what its content must hash to.
    """
    from customstudio.evaluation.stream import content_sha256
    from customstudio.media.limits import MediaError
    from customstudio.submissions.taken import is_plain

    if not is_plain(Path(path)) or Path(path).lstat().st_size > MOST_BYTES:
        return "no regular file, or too large"
    try:
        if content_sha256(Path(path)) != sha256:
            return ""
        return _small(Path(path))
    except (MediaError, MemoryError, ValueError) as error:
        return str(error)[:200] or type(error).__name__


def _small(path: Path) -> bytes:
    import av
    import numpy as np

    from customstudio.media.limits import Limits
    from customstudio.media.video import open_video

    limits = Limits(pixels=2**24, bytes=MOST_BYTES, decode_seconds=60.0)
    buffer = io.BytesIO()
    with open_video(path, limits, fps=8.0) as reader, av.open(buffer, "w", format="mp4") as out:
        out.metadata["comment"] = secrets.token_hex(16)
        stream = None
        for number, frame in enumerate(reader):
            if number == MOST_FRAMES:
                break
            height, width = _size(*frame.shape[:2])
            if stream is None:
                rate = Fraction(min(max(reader.fps, 1.0), 60.0)).limit_denominator(1001)
                options = {"crf": "26", "preset": "veryfast"}
                stream = out.add_stream("libx264", rate=rate, options=options)
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.height, stream.width = height, width
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame))
            small = picture.reformat(
                width=stream.width, height=stream.height, format="yuv420p", interpolation="AREA"
            )
            out.mux(stream.encode(small))
        if stream is None:
            raise ValueError("it has no frames")
        out.mux(stream.encode())
    return buffer.getvalue()


def _size(height: int, width: int) -> tuple[int, int]:
    """Both sides even, the longer one `SIDE` at most.

    >>> _size(320, 576), _size(64, 64), _size(3, 5)
    ((176, 320), (64, 64), (2, 4))
    """
    scale = min(1.0, SIDE / max(height, width))
    return max(2, int(height * scale) // 2 * 2), max(2, int(width * scale) // 2 * 2)


def main() -> None:
    """Answer until there is nothing more to read."""
    limited()
    for line in sys.stdin.buffer:
        path, sha256 = json.loads(line)
        result = guarded(path, sha256)
        answer = {"reason": result} if isinstance(result, str) else {"bytes": len(result)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        if isinstance(result, bytes):
            sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
