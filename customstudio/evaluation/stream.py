"""Decode once: threads turn videos into blocks of inputs; memory is bounded by the blocks ahead."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from customstudio.evaluation.items import Item
from customstudio.files import sha256_file
from customstudio.media.video import Limits, MediaError, open_video
from customstudio.metrics.dynamic_degree import sampling_step
from customstudio.metrics.spec import Array

BLOCK_FRAMES = 16
BLOCK_BYTES = 64 * 2**20
BLOCKS_AHEAD = 2
"""Blocks of one video that may wait for the consumer."""
STALL_SECONDS = 120.0
"""A decoder that gives nothing for so long is given up."""


@dataclass(frozen=True)
class Block:
    """Consecutive frames of one video, as the networks want them."""

    inputs: Mapping[str, UInt8[Array, "frames crop crop 3"]]
    """Role -> resized and cropped frames."""
    values: Mapping[str, Float[Array, "frames"]]
    """Features that threads compute themselves, a value a frame or a frame pair."""
    frames: UInt8[Array, "frames height width 3"] | None
    """Whole frames, where a network wants them."""
    taken: UInt8[Array, "taken height width 3"] | None
    """The frames taken for flow, about 8 a second."""


@dataclass(frozen=True)
class Facts:
    """What a video is."""

    frames: int
    width: int
    height: int
    fps: float
    sha256: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Broken:
    """Why a video gives no scores, and what tells whether its file has changed since."""

    reason: str
    bytes: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class Wanted:
    """What the frames of each video are turned into."""

    transforms: Mapping[str, Callable[[UInt8[Array, "height width 3"]], UInt8[Array, "h w 3"]]]
    """Role -> the network's own resize, or another way to a smaller frame."""
    per_frame: Mapping[str, Callable[[UInt8[Array, "height width 3"]], float]] = field(
        default_factory=dict
    )
    """Feature -> a function of one frame."""
    per_pair: Mapping[str, Callable[..., float]] = field(default_factory=dict)
    """Feature -> a function of two consecutive taken frames."""
    whole_frames: bool = False
    taken_frames: bool = False
    fps: float = 8.0
    """Frame rate of folders of frames, which carry none."""


class _Abandoned(Exception):
    """The consumer has given this video up."""


class _Channel:
    """One video's blocks on their way to the consumer."""

    def __init__(self) -> None:
        self.queue: queue.Queue[Block | Facts | Broken | BaseException] = queue.Queue(BLOCKS_AHEAD)
        self.abandoned = threading.Event()

    def put(self, message: Block | Facts | Broken | BaseException) -> None:
        while True:
            if self.abandoned.is_set():
                raise _Abandoned
            try:
                return self.queue.put(message, timeout=0.5)
            except queue.Full:
                continue


class FrameStream:
    """Decodes videos in threads, a few ahead of the consumer, who takes them in order.

    However many or long the videos are, at most `workers + 1` of them are open, each with at
    most `BLOCKS_AHEAD` blocks of `BLOCK_FRAMES` frames or `BLOCK_BYTES` bytes waiting.
    """

    def __init__(
        self,
        items: Sequence[Item],
        wanted: Wanted,
        *,
        workers: int,
        limits: Limits | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._items, self._wanted = items, wanted
        self._limits, self._stall = limits or Limits(), stall_seconds
        self._channels = [_Channel() for _ in items]
        self._next = 0
        self._lock = threading.Lock()
        self._open = threading.Semaphore(workers + 1)
        self._stopped = threading.Event()
        for _ in range(min(workers, len(items))):
            self._start_worker()

    def __iter__(self) -> Iterator[tuple[Item, Iterator[Block | Facts | Broken]]]:
        """Each item with its blocks, ending in `Facts` or `Broken`; take all before the next."""
        for item, channel in zip(self._items, self._channels, strict=True):
            yield item, self._messages(channel)
            self._open.release()

    def close(self) -> None:
        """Stop the threads; what they hold is dropped."""
        self._stopped.set()
        for channel in self._channels:
            channel.abandoned.set()
        self._open.release(len(self._items))

    def _messages(self, channel: _Channel) -> Iterator[Block | Facts | Broken]:
        while True:
            try:
                message = channel.queue.get(timeout=self._stall)
            except queue.Empty:
                channel.abandoned.set()
                self._start_worker()  # in place of the one that hangs
                yield Broken(f"decoding gave nothing for {self._stall:g} s and was given up")
                return
            if isinstance(message, BaseException):
                raise message
            yield message
            if not isinstance(message, Block):
                return

    def _start_worker(self) -> None:
        threading.Thread(target=self._work, daemon=True, name="decode").start()

    def _work(self) -> None:
        while True:
            self._open.acquire()
            with self._lock:
                index = self._next
                self._next += 1
            if index >= len(self._items) or self._stopped.is_set():
                return
            channel = self._channels[index]
            try:
                for message in self._decode(self._items[index]):
                    channel.put(message)
            except _Abandoned:
                continue
            except BaseException as error:  # a bug, or out of memory: the consumer raises it
                try:
                    channel.put(error)
                except _Abandoned:
                    return

    def _decode(self, item: Item) -> Iterator[Block | Facts | Broken]:
        if item.path is None:
            yield Broken("missing")
            return
        try:
            yield from self._blocks(item.path)
        except MediaError as error:
            yield Broken(str(error), *_stamp_if_any(item.path))

    def _blocks(self, path: Path) -> Iterator[Block | Facts]:
        before = stamp(path)
        with open_video(path, self._limits, fps=self._wanted.fps) as video:
            step = sampling_step(video.fps)
            builder = _BlockBuilder(self._wanted, step)
            for frame in video:
                if builder.add(frame):
                    yield builder.block()
            if builder.pending:
                yield builder.block()
            facts = Facts(
                frames=builder.count,
                width=video.width,
                height=video.height,
                fps=video.fps,
                sha256=content_sha256(path),
                bytes=before[0],
                mtime_ns=before[1],
            )
        if stamp(path) != before:
            raise MediaError("the file changed while it was read")
        yield facts


class _BlockBuilder:
    """Collects frames until a block is full."""

    def __init__(self, wanted: Wanted, step: int) -> None:
        self._wanted, self._step = wanted, step
        self._last: Array | None = None
        self.count = 0
        self._clear()

    def _clear(self) -> None:
        self._inputs: dict[str, list[Array]] = {role: [] for role in self._wanted.transforms}
        self._values: dict[str, list[float]] = {
            name: [] for name in (*self._wanted.per_frame, *self._wanted.per_pair)
        }
        self._frames: list[Array] = []
        self._taken: list[Array] = []
        self.pending = 0

    def add(self, frame: UInt8[Array, "height width 3"]) -> bool:
        """Take a frame in; True when the block is full."""
        for role, transform in self._wanted.transforms.items():
            self._inputs[role].append(transform(frame))
        for name, function in self._wanted.per_frame.items():
            self._values[name].append(float(function(frame)))
        if self._wanted.whole_frames:
            self._frames.append(frame)
        if self.count % self._step == 0:
            self._take(frame)
        self.count += 1
        self.pending += 1
        held = (len(self._frames) + len(self._taken)) * frame.nbytes
        return self.pending >= BLOCK_FRAMES or held >= BLOCK_BYTES

    def _take(self, frame: UInt8[Array, "height width 3"]) -> None:
        if self._wanted.taken_frames:
            self._taken.append(frame)
        if self._wanted.per_pair and self._last is not None:
            for name, function in self._wanted.per_pair.items():
                self._values[name].append(float(function(self._last, frame)))
        self._last = frame

    def block(self) -> Block:
        """The block so far; the next one starts empty."""
        block = Block(
            inputs={role: np.stack(images) for role, images in self._inputs.items()},
            values={name: np.array(v, np.float32) for name, v in self._values.items()},
            frames=np.stack(self._frames) if self._frames else None,
            taken=np.stack(self._taken) if self._taken else None,
        )
        self._clear()
        return block


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change: tells cheaply whether a file is still the one that was read.

    Raises:
        MediaError: the file is not there, or cannot be looked at.
    """
    try:
        files = _files(path)
        stats = [file.stat() for file in files]
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from error
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _stamp_if_any(path: Path) -> tuple[int | None, int | None]:
    try:
        return stamp(path)
    except MediaError:
        return None, None


def content_sha256(path: Path) -> str:
    """SHA-256 of a video file; of the names and digests of the files for a folder of frames.

    Raises:
        MediaError: it cannot be read.
    """
    try:
        return _content_sha256(path)
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from error


def _content_sha256(path: Path) -> str:
    if not path.is_dir():
        return sha256_file(path)
    lines = [f"{file.name} {sha256_file(file)}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
