"""Looking for reference images in frames: copies are found, other pictures are not."""

import cv2
import numpy as np
import pytest

from customstudio.metrics import copy_paste
from customstudio.metrics.backbones.pasting import found, pasted, searched, small
from customstudio.metrics.spec import SubjectInfo, Unscored, VideoFeatures


def texture(seed: int, side: int = 96) -> np.ndarray:
    """A picture of large random patches: what photographs have and flat colour has not."""
    noise = np.random.default_rng(seed).uniform(0, 255, (12, 12, 3)).astype(np.float32)
    return (
        cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    )


def laid(frame: np.ndarray, image: np.ndarray, side: int, top: int, left: int) -> np.ndarray:
    frame = frame.copy()
    frame[top : top + side, left : left + side] = cv2.resize(
        image, (side, side), interpolation=cv2.INTER_AREA
    )
    return frame


@pytest.mark.parametrize("side", [80, 130, 200])
def test_a_copy_is_found_at_any_place_and_size(side: int) -> None:
    reference, ground = texture(1), texture(2, 256)
    frame = laid(ground, reference, side, 30, 20)
    assert found(small(frame).astype(np.float32), reference) > 0.75
    assert found(small(ground).astype(np.float32), reference) < 0.4


def test_a_frame_that_is_the_reference_is_one() -> None:
    reference = texture(3, 128)
    wide = cv2.resize(reference, (1024, 1024), interpolation=cv2.INTER_CUBIC)[224:800]
    assert found(small(wide).astype(np.float32), reference) > 0.98


def test_flat_pictures_have_no_correlation() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert found(flat.astype(np.float32), flat) == -1.0
    assert found(flat.astype(np.float32), texture(6)) == 0.0


def test_small_keeps_the_shape_and_never_loses_a_side() -> None:
    assert small(np.zeros((320, 576, 3), np.uint8)).shape == (64, 115, 3)
    assert small(np.zeros((16, 16, 3), np.uint8)).shape == (64, 64, 3)
    assert small(np.zeros((4, 900, 3), np.uint8)).shape == (64, 14400, 3)


def test_four_frames_are_searched() -> None:
    assert searched(1) == [0]
    assert searched(8) == [0, 2, 5, 7]
    frames = np.stack([texture(7, 64)] * 8)
    assert pasted(frames, [texture(7), texture(8)]).shape == (4, 2)
    assert pasted(frames, []).shape == (4, 0)


def video(table: np.ndarray, *images: int) -> VideoFeatures:
    names = "abc"[: len(images)]
    return VideoFeatures(
        subjects=tuple(SubjectInfo(name, "pet") for name in names),
        frames=4,
        fps=8.0,
        width=64,
        height=64,
        arrays={"pasting.frames": table},
        references={"pasting.references": tuple(np.arange(n, dtype=np.float32) for n in images)},
        text={},
    )


def test_scores_by_subject() -> None:
    # Two images of a, one of b.
    table = np.array([[0.2, 0.8, 0.1], [0.4, 0.6, 0.3]])
    scores = copy_paste.score(video(table, 2, 1))
    assert scores["copy_paste"].subjects == pytest.approx({"a": 0.7, "b": 0.2})
    assert scores["copy_paste"].value == pytest.approx(0.45)
    assert scores["copy_paste.most"].value == pytest.approx(0.7)


def test_without_references_there_is_a_reason() -> None:
    scores = copy_paste.score(video(np.empty((4, 0)), 0))
    for score in scores.values():
        assert isinstance(score.value, Unscored)
