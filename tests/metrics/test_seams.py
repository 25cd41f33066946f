"""The seam detector on pictures that the tests render, and on real data where there is any."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from customstudio.metrics.backbones import seams
from customstudio.metrics.backbones.seam_model import seam_model
from customstudio.metrics.seam_study import data as seam_data
from customstudio.metrics.seam_study.making import h264, joined, jpeg
from customstudio.metrics.seam_study.scenes import SCENES
from customstudio.metrics.seam_study.validation import judged, video_samples
from customstudio.metrics.spec import Array

SIZES = [(320, 576), (512, 512), (576, 320), (256, 256), (1080, 1920)]


def _picture(seed: int, size: tuple[int, int]) -> Array:
    """A made-up scene: a background of soft light, and shapes of many sizes and colours on it."""
    rng = np.random.default_rng(seed)
    height, width = size
    soft = rng.uniform(0, 255, (3, 3, 3)).astype(np.float32)
    picture = cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(40):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        axes = (int(height * rng.uniform(0.02, 0.2)), int(height * rng.uniform(0.02, 0.2)))
        colour = rng.uniform(0, 255, 3).tolist()
        cv2.ellipse(picture, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    noisy = picture + rng.normal(0, 3, picture.shape)
    blurred = cv2.GaussianBlur(noisy, (0, 0), height / 320)
    return np.asarray(np.clip(blurred, 0, 255), np.uint8)


def _pair(size: tuple[int, int], axis: int, cut: float = 0.5, feather: float = 0.0) -> Array:
    return joined([_picture(1, size), _picture(2, size)], [cut], axis, feather)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cut", [0.25, 0.5, 0.7])
@pytest.mark.parametrize(("axis", "name"), [(1, "vertical"), (0, "horizontal")])
def test_two_pictures_have_a_seam_where_they_meet(
    size: tuple[int, int], cut: float, axis: int, name: str
) -> None:
    found = seams.find_seam(_pair(size, axis, cut))
    assert found is not None
    assert found.axis == name
    assert found.position == pytest.approx(cut, abs=0.015)
    assert 0.5 < found.strength <= 1


@pytest.mark.parametrize("feather", [0.005, 0.01, 0.02])
def test_a_feathered_seam_is_found(feather: float) -> None:
    assert seams.has_seam(_pair((320, 576), 1, feather=feather))


def test_four_pictures_have_a_seam() -> None:
    pictures = [_picture(seed, (320, 576)) for seed in range(4)]
    rows = [joined(pictures[:2], [0.5], 1, 0), joined(pictures[2:], [0.5], 1, 0)]
    assert seams.has_seam(joined(rows, [0.5], 0, 0))


@pytest.mark.parametrize("quality", [90, 50])
def test_jpeg_does_not_hide_a_seam(quality: int) -> None:
    assert seams.has_seam(jpeg(_pair((320, 576), 1), quality))


@pytest.mark.parametrize("crf", [18, 28, 35])
def test_h264_does_not_hide_a_seam(crf: int) -> None:
    assert seams.has_seam(h264([_pair((320, 576), 0)] * 3, crf)[-1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_one_picture_has_none(size: tuple[int, int], seed: int) -> None:
    assert not seams.has_seam(_picture(seed, size))


@pytest.mark.parametrize("seed", range(3))
def test_compression_makes_no_seams(seed: int) -> None:
    picture = _picture(seed, (320, 576))
    assert not seams.has_seam(jpeg(picture, 30))
    assert not seams.has_seam(h264([picture] * 3, 38)[-1])


@pytest.mark.parametrize("scene", ["letterbox", "picture frame", "stripes", "plain"])
@pytest.mark.parametrize("seed", range(4))
def test_bars_frames_and_stripes_are_no_seams(scene: str, seed: int) -> None:
    picture = _picture(seed, (320, 576))
    assert not seams.has_seam(SCENES[scene](picture, np.random.default_rng(seed)))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (8, 8), (23, 500), (24, 24), (31, 47)])
def test_any_frame_size_is_judged(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert not seams.has_seam(frame)


def test_a_transposed_frame_has_the_same_seam_on_the_other_axis() -> None:
    frame = _pair((320, 576), 1, 0.4)
    one = seams.find_seam(frame)
    other = seams.find_seam(np.ascontiguousarray(frame.transpose(1, 0, 2)))
    assert one is not None
    assert other is not None
    assert (one.axis, other.axis) == ("vertical", "horizontal")
    assert one.position == pytest.approx(other.position, abs=1e-9)


def test_views_and_copies_are_judged_alike() -> None:
    frame = _pair((320, 576), 1)
    assert seams.find_seam(frame[:, ::-1]) == seams.find_seam(frame[:, ::-1].copy())


def test_threads_change_nothing() -> None:
    frames = [_pair((320, 576), 1), _pair((320, 576), 0), _picture(3, (320, 576))] * 3
    alone = [seams.find_seam(frame) for frame in frames]
    together: list[seams.Seam | None] = [None] * len(frames)

    def judge(i: int) -> None:
        together[i] = seams.find_seam(frames[i])

    threads = [threading.Thread(target=judge, args=(i,)) for i in range(len(frames))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_the_frame_is_left_as_it_is() -> None:
    frame = _pair((320, 576), 1)
    before = frame.copy()
    seams.has_seam(frame)
    np.testing.assert_array_equal(frame, before)


def test_the_model_is_that_of_the_code() -> None:
    model = seam_model()
    assert model.version == seams.VERSION
    assert model.measures == seams.MEASURES
    assert len(model.mean) == len(model.deviation) == len(model.hidden) == len(seams.MEASURES)


def test_no_subject_is_both_fitted_and_tested_on() -> None:
    names = [f"subject{i}" for i in range(20)] + ["decor_candle", "plush_bear", "plush_wolf"]
    images = {name: [np.zeros((8, 8, 3), np.uint8)] for name in names}
    tuning, held_out = seam_data.split(images)
    assert not set(tuning) & set(held_out)
    assert set(tuning) | set(held_out) == set(names)
    assert {"decor_candle", "plush_bear", "plush_wolf"} in (
        {"decor_candle", "plush_bear", "plush_wolf"} & set(part) for part in (tuning, held_out)
    )


def test_samples_are_the_same_each_time() -> None:
    images = {f"s{i}": [_picture(i, (128, 128))] for i in range(5)}
    first, second = (list(seam_data.samples(images, 3, seed=7)) for _ in range(2))
    assert [sample.stitched for sample in first] == [True, False] * 3
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        assert one.seams == other.seams
        assert len({*one.source.split("+")}) == (len(one.source.split("+")))


def test_held_out_subjects(shared_media: Path) -> None:
    """A third of docs/metrics/stitch_score.md's frames, and bars a little below its figures."""
    _, held_out = seam_data.split(seam_data.load_images(shared_media / "refs"))
    verdicts = judged(seam_data.samples(held_out, 150, seed=3))
    recall = np.mean([v.called for v in verdicts if v.sample.stitched])
    false = np.mean([v.called for v in verdicts if not v.sample.stitched])
    assert recall > 0.88
    assert recall / (recall + false) > 0.88


def test_real_customized_videos(shared_media: Path) -> None:
    verdicts = judged(video_samples(shared_media / "videos"))
    yes = [v.called for v in verdicts if v.sample.stitched]
    no = [v.called for v in verdicts if not v.sample.stitched]
    assert len(yes) == 24
    assert np.mean(yes) > 0.75
    assert np.mean(no) < 0.13
