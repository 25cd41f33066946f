"""Folders of numbered frames."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.video import MediaError, read_video


def write(folder: Path, names: list[str], size: tuple[int, int] = (8, 6)) -> None:
    for at, name in enumerate(names):
        Image.new("RGB", size, (at, 0, 0)).save(folder / name)


def order(folder: Path) -> list[int]:
    frames: NDArray[np.uint8] = read_video(folder, fps=8.0).frames
    return [int(value) for value in frames[:, 0, 0, 0]]


def test_two_comes_before_ten(tmp_path: Path) -> None:
    write(tmp_path, [f"frame_{number}.png" for number in range(12)])
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / ".frame_99.png").write_bytes(b"hidden")
    assert order(tmp_path) == list(range(12))
    assert read_video(tmp_path, fps=24.0).fps == 24.0


def test_padded_numbers_and_even_steps(tmp_path: Path) -> None:
    write(tmp_path, [f"{number:05}.png" for number in (3, 7, 11)])
    assert order(tmp_path) == [0, 1, 2]


def test_one_frame(tmp_path: Path) -> None:
    write(tmp_path, ["0.png"])
    assert order(tmp_path) == [0]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "without images"),
        (["cover.png"], "'cover.png' does not end in a frame number"),
        (["1.png", "01.png"], "two frames are number 1"),
        (["1.png", "1.bmp"], "two frames are number 1"),
        (["a_1.png", "b_2.png"], "frames of 2 sequences: 'a_', 'b_'"),
        (["0.png", "1.png", "3.png"], "number 1 is followed by 3"),
    ],
)
def test_what_is_not_one_sequence(names: list[str], reason: str, tmp_path: Path) -> None:
    write(tmp_path, names)
    with pytest.raises(MediaError, match=reason):
        read_video(tmp_path, fps=8.0)


def test_no_frame_rate_is_made_up(tmp_path: Path) -> None:
    write(tmp_path, ["0.png"])
    with pytest.raises(MediaError, match="no frame rate of its own"):
        read_video(tmp_path)


def test_other_sizes_and_damage_name_the_frame(tmp_path: Path) -> None:
    write(tmp_path, ["0.png", "1.png"])
    write(tmp_path, ["2.png"], size=(6, 8))
    with pytest.raises(MediaError, match="frame 2 is 6x8, the first is 8x6"):
        read_video(tmp_path, fps=8.0)
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(MediaError, match=r"2\.png: the file is empty"):
        read_video(tmp_path, fps=8.0)
