"""A folder of numbered frames as a video."""

import re
from itertools import pairwise
from pathlib import Path

from customstudio.media.image import IMAGE_SUFFIXES, load_image
from customstudio.media.limits import Clock, Limits, MediaError
from customstudio.media.reader import Frames, Index

_NUMBERED = re.compile(r"(.*?)(\d+)", re.ASCII)


def read(folder: Path, limits: Limits, clock: Clock, fps: float | None) -> tuple[Index, Frames]:
    """The index and the frames of a folder, in the order of their numbers.

    Raises:
        MediaError: there are no frames, their numbers do not make one sequence, there is no frame
            rate, or a limit is passed.
    """
    paths = frame_paths(folder)
    if fps is None or not 0 < fps < 1e5:
        raise MediaError("a folder of frames has no frame rate of its own, and none was given")
    if len(paths) > limits.frames:
        raise MediaError(f"{len(paths):,} frames, above the limit of {limits.frames:,}")
    if len(paths) / fps > limits.seconds:
        raise MediaError(f"{len(paths) / fps:.0f} s, above the limit of {limits.seconds:g} s")
    return Index(len(paths), float(fps)), _frames(paths, limits, clock)


def frame_paths(folder: Path) -> list[Path]:
    """The images of a folder by number: 2 before 10. Hidden and other files are passed over.

    Raises:
        MediaError: a name has no number, two share one, names differ in more than the number, or
            a number is missing from an otherwise even sequence.
    """
    paths = [path for path in folder.iterdir() if _is_frame(path)]
    if not paths:
        raise MediaError("a folder without images")
    numbers: dict[int, Path] = {}
    stems = set()
    for path in sorted(paths):
        match = _NUMBERED.fullmatch(path.stem)
        if match is None:
            raise MediaError(f"{path.name!r} does not end in a frame number")
        stem, number = match[1], int(match[2])
        if number in numbers:
            raise MediaError(f"two frames are number {number}: {numbers[number].name}, {path.name}")
        numbers[number] = path
        stems.add(stem)
    if len(stems) > 1:
        raise MediaError(f"frames of {len(stems)} sequences: {', '.join(sorted(map(repr, stems)))}")
    order = sorted(numbers)
    _refuse_gaps(order)
    return [numbers[number] for number in order]


def _refuse_gaps(order: list[int]) -> None:
    step = order[1] - order[0] if len(order) > 1 else 1
    for before, after in pairwise(order):
        if after - before != step:
            raise MediaError(f"frames are missing: number {before} is followed by {after}")


def _is_frame(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _frames(paths: list[Path], limits: Limits, clock: Clock) -> Frames:
    for path in paths:
        clock.check()
        try:
            yield load_image(path, limits, clock=clock)
        except MediaError as error:
            raise MediaError(f"{path.name}: {error}") from error
