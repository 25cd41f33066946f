"""DIS motion against translations that are known because the tests make them."""

import threading

import cv2
import numpy as np
import pytest

from customstudio.metrics.backbones import dis
from customstudio.metrics.spec import Array


def _texture(height: int, width: int, seed: int = 0) -> Array:
    """Noise of five scales, RGB: enough structure to follow at every level of a pyramid."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            rng.random((max(2, height // size), max(2, width // size), 3), dtype=np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        * size**0.5
        for size in (2, 4, 8, 16, 32)
    ]
    total = np.sum(layers, axis=0)
    return np.asarray(255 * (total - total.min()) / np.ptp(total), np.uint8)


def _translated(size: tuple[int, int], shift: tuple[int, int]) -> tuple[Array, Array]:
    margin = 64
    whole = _texture(size[0] + 2 * margin, size[1] + 2 * margin)
    down, right = shift
    rows, columns = slice(margin, margin + size[0]), slice(margin, margin + size[1])
    moved = whole[margin - down :, margin - right :][: size[0], : size[1]]
    return whole[rows, columns], moved


@pytest.mark.parametrize("size", [(320, 576), (512, 512), (720, 1280)])
@pytest.mark.parametrize("shift", [(0, 2), (0, 10), (12, 0), (9, 12), (0, -20), (0, 40)])
def test_translation_is_measured_in_source_pixels(
    size: tuple[int, int], shift: tuple[int, int]
) -> None:
    first, second = _translated(size, shift)
    flow = dis.dense_flow(first, second)
    median = np.median(flow.reshape(-1, 2), axis=0)
    np.testing.assert_allclose(median, (shift[1], shift[0]), atol=0.15)


@pytest.mark.parametrize("shift", [(0, 2), (0, 10), (9, 12)])
def test_top_5_percent_of_a_translation_is_near_it(shift: tuple[int, int]) -> None:
    """Uncovered borders have no counterpart, so the largest 5% lie above the true value."""
    expected = float(np.hypot(*shift))
    measured = dis.motion(*_translated((320, 576), shift))
    assert 0.98 * expected < measured < 1.3 * expected


def test_toy_frames_work_too() -> None:
    first, second = _translated((64, 64), (0, 5))
    flow = dis.dense_flow(first, second)
    assert float(np.median(flow[..., 0])) == pytest.approx(5, abs=0.25)


@pytest.mark.parametrize("size", [(320, 576), (64, 64), (1080, 1920)])
def test_a_still_pair_has_no_motion(size: tuple[int, int]) -> None:
    frame = _texture(*size)
    assert dis.motion(frame, frame.copy()) == 0.0


def test_noise_alone_is_little_motion() -> None:
    frame = _texture(320, 576)
    noise = np.random.default_rng(1).integers(-2, 3, frame.shape)
    noisy = np.clip(frame.astype(int) + noise, 0, 255).astype(np.uint8)
    assert 0 < dis.motion(frame, noisy) < 0.3


def test_more_motion_scores_higher() -> None:
    values = [dis.motion(*_translated((320, 576), (0, shift))) for shift in (1, 4, 16)]
    assert values == sorted(values)
    assert values[0] < values[-1] / 4


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (12, 300), (63, 65)])
def test_any_frame_size_gives_a_finite_value(size: tuple[int, int]) -> None:
    first, second = _texture(*size), _texture(*size, seed=1)
    assert np.isfinite(dis.motion(first, second))


def test_threads_and_opencv_threads_change_nothing() -> None:
    pair = _translated((320, 576), (3, 7))
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = dis.motion(*pair)
    finally:
        cv2.setNumThreads(before)
    values: list[float] = []
    threads = [threading.Thread(target=lambda: values.append(dis.motion(*pair))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [alone] * 6
