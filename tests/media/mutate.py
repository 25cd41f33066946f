"""Reads damaged copies of a video: `python mutate.py FILE FOLDER COUNT [SEED]`.

Prints how many gave frames, how many a reason, the slowest in seconds and the peak
memory; any other ending is a
fault of the reader, and its traceback or signal is this program's.
"""

import faulthandler
import sys
import time
from pathlib import Path

import numpy as np

from customstudio.media.video import Limits, MediaError, read_video

LIMITS = Limits(pixels=1 << 20, decode_seconds=5.0)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with some bytes changed, cut out, doubled, or its end missing."""
    out = bytearray(data)
    kind = rng.integers(5)
    at = int(rng.integers(len(out)))
    if kind == 0:
        return bytes(out[:at])
    if kind == 1:
        del out[at : at + int(rng.integers(1, 64))]
    elif kind == 2:
        out[at:at] = out[at : at + int(rng.integers(1, 64))]
    else:
        # Headers are a small part of a file and the larger part of its dangers.
        end = len(out) if kind == 3 else min(len(out), 600)
        for place in rng.integers(0, end, int(rng.integers(1, 16))):
            out[place] = int(rng.integers(256))
    return bytes(out)


def main(source: Path, folder: Path, count: int, seed: int = 0) -> None:
    data, path = source.read_bytes(), folder / f"mutated{source.suffix}"
    frames = reasons = 0
    slowest = 0.0
    for number in range(count):
        path.write_bytes(mutated(data, np.random.default_rng([seed, number])))
        started = time.monotonic()
        try:
            frames += len(read_video(path, LIMITS).frames) > 0
        except MediaError as error:
            reasons += bool(str(error))
        except BaseException:
            print(f"number {number}", file=sys.stderr)
            raise
        slowest = max(slowest, time.monotonic() - started)
    peak = _peak() // 1024
    print(f"frames={frames} reasons={reasons} slowest={slowest:.3f} mebibytes={peak}")


def _peak() -> int:
    """KiB that this process had at most.

    Not `ru_maxrss`, which begins at what the process that started this one had.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])


if __name__ == "__main__":
    faulthandler.enable()
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
