"""The decoding stream: in order, bounded, and not to be held up by a decoder that hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from customstudio.evaluation import stream
from customstudio.evaluation.items import Item
from customstudio.evaluation.stream import Block, Broken, Facts, FrameStream, Wanted


def item(path: Path | None, number: int) -> Item:
    return Item("m", "p", "q", str(number), "", (), "", path)


def drain(frames: FrameStream) -> list[list[Block | Facts | Broken]]:
    return [list(messages) for _, messages in frames]


def test_videos_come_in_order_with_all_frames(small_mp4: Path, tmp_path: Path) -> None:
    wanted = Wanted({}, per_frame={"mean": lambda frame: float(frame.mean())}, whole_frames=True)
    items = [item(small_mp4, 0), item(None, 1), item(tmp_path / "no.mp4", 2), item(small_mp4, 3)]
    first, missing, gone, last = drain(FrameStream(items, wanted, workers=3))
    assert isinstance(first[-1], Facts)
    assert first[-1] == last[-1]
    assert first[-1].frames == 12
    blocks = [message for message in first if isinstance(message, Block)]
    frames = np.concatenate([b.frames for b in blocks if b.frames is not None])
    assert len(frames) == 12
    means = np.concatenate([block.values["mean"] for block in blocks])
    assert means == pytest.approx([frame.mean() for frame in frames], rel=1e-6)
    assert missing == [Broken("missing")]
    assert isinstance(gone[-1], Broken)


def test_taken_frames_follow_the_frame_rate(tmp_path: Path) -> None:
    from customstudio.media.video import write_video
    from tests.conftest import moving_picture

    write_video(tmp_path / "fast.mp4", moving_picture(10, 48, 64), 24.0)
    pairs: list[Any] = []
    wanted = Wanted({}, per_pair={"n": lambda a, b: len(pairs) or pairs.append(1) or 0.0},
                    taken_frames=True)  # fmt: skip
    (messages,) = drain(FrameStream([item(tmp_path / "fast.mp4", 0)], wanted, workers=1))
    (block, facts) = messages
    assert isinstance(block, Block)
    assert isinstance(facts, Facts)
    assert facts.fps == pytest.approx(24.0)
    assert block.taken is not None
    assert len(block.taken) == 4, "frames 0, 3, 6 and 9"
    assert len(block.values["n"]) == 3


def test_memory_is_bounded_by_the_blocks_ahead(small_mp4: Path) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def count(frame: Any) -> float:
        with lock:
            seen.append(1)
        return 0.0

    items = [item(small_mp4, number) for number in range(12)]
    frames = iter(FrameStream(items, Wanted({}, per_frame={"n": count}), workers=2))
    next(frames)
    time.sleep(1.0)  # time enough to run away
    assert len(seen) <= 12 * 3, "at most workers + 1 videos are open"


def test_a_hanging_decoder_is_given_up(
    small_mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, real = tmp_path / "stuck.mp4", stream.open_video
    stuck.write_bytes(b"x")
    release = threading.Event()

    @contextmanager
    def open_video(path: Path, *args: Any, **options: Any) -> Iterator[Any]:
        if path == stuck:
            release.wait(30)
        with real(path, *args, **options) as video:
            yield video

    monkeypatch.setattr(stream, "open_video", open_video)
    items = [item(stuck, 0), item(small_mp4, 1), item(stuck, 2), item(small_mp4, 3)]
    frames = FrameStream(items, Wanted({}), workers=1, stall_seconds=0.3)
    first, second, third, fourth = drain(frames)
    release.set()
    for hung in (first, third):
        (broken,) = hung
        assert isinstance(broken, Broken)
        assert "gave nothing for 0.3 s" in broken.reason
    assert isinstance(second[-1], Facts)
    assert isinstance(fourth[-1], Facts)


def test_bugs_are_raised_and_not_swallowed(small_mp4: Path) -> None:
    def broken(frame: Any) -> float:
        raise ZeroDivisionError("a bug")

    frames = FrameStream([item(small_mp4, 0)], Wanted({}, per_frame={"n": broken}), workers=1)
    with pytest.raises(ZeroDivisionError):
        drain(frames)
