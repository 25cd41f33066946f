"""Geometry: everything inside its panel, no text over text, at one to twelve methods."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from bundle_factory import write_bundle

from customstudio.evaluation.records import Estimate
from customstudio.report.cells import best_method, make_cell
from customstudio.report.choice import choose_videos
from customstudio.report.curves import draw_mean, mean_curve
from customstudio.report.distributions import draw_distribution
from customstudio.report.load import Bundle, load_bundle
from customstudio.report.scale import WIDTH, axis, fitted, text_width
from customstudio.report.whiskers import draw_whiskers

LONG = "a method with a name that is much longer than any panel is wide, and then some"


def load(tmp_path: Path, methods: int, pairs: int = 7) -> Bundle:
    names = [f"{LONG} {n}" if n % 2 else f"M{n}" for n in range(methods)]
    return load_bundle(write_bundle(tmp_path, names, pairs=pairs, seeds=1, media=False))


@pytest.mark.parametrize("methods", [1, 2, 12])
def test_labels_never_meet_and_marks_stay_inside(tmp_path: Path, methods: int) -> None:
    bundle = load(tmp_path, methods, pairs=2)
    for key in bundle.headline:
        for panel in (draw_whiskers(bundle.summary, key), draw_distribution(bundle, key)):
            for row in panel.rows:
                assert 10 + sum(row.widths) + 10 < WIDTH
            steps = [b.baseline - a.baseline for a, b in itertools.pairwise(panel.rows)]
            assert all(step >= 30 for step in steps)
            assert panel.floor < panel.height
        for row in draw_whiskers(bundle.summary, key).rows:
            assert 8 <= (row.low or row.x) <= row.x <= (row.high or row.x) <= WIDTH - 8


@example([0.0, 5e-324], (10.0, 350.0))
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9),
    st.sampled_from([(10.0, 350.0), (98.0, 8.0)]),
)
def test_ticks_are_few_inside_and_apart(values: list[float], ends: tuple[float, float]) -> None:
    scale = axis(values, *ends)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 5
    assert all(min(ends) - 0.01 <= tick.at <= max(ends) + 0.01 for tick in ticks)
    assert len({tick.at for tick in ticks}) == len(ticks)


def test_text_that_does_not_fit_is_cut() -> None:
    assert fitted("short", 100, 12) == "short"
    cut = fitted("漢字" * 20, 100, 12)
    assert cut.endswith("…")
    assert text_width(cut, 12) <= 100


def test_bars_count_every_video(tmp_path: Path) -> None:
    names = ["A"]
    bundle = load_bundle(write_bundle(tmp_path, names, seeds=8, media=False))
    row = draw_distribution(bundle, bundle.headline[0]).rows[0]
    assert not row.dots
    assert max(bar.height for bar in row.bars) == 32
    few = load_bundle(write_bundle(tmp_path / "few", names, seeds=1, media=False))
    dots = draw_distribution(few, few.headline[0]).rows[0].dots
    assert len(dots) == 14


def test_mean_curve_reaches_as_far_as_half_of_the_videos() -> None:
    curve = mean_curve({"a": (1.0, 2.0, 3.0), "b": (3.0, 4.0, 5.0), "c": (5.0,)})
    assert curve is not None
    np.testing.assert_allclose(curve.mean, [3.0, 3.0, 4.0])
    assert curve.videos == 3
    drawn = draw_mean(curve, [curve])
    assert len(drawn.dots) == 3
    assert drawn.band.endswith("Z")
    assert mean_curve({}) is None


def test_best_is_only_who_is_clear_of_all_others(tmp_path: Path) -> None:
    bundle = load(tmp_path, 2)
    key = next(k for k in bundle.headline if k.key == "clip_t")
    first, second = bundle.summary.methods

    def ranged(method: object, low: float, high: float) -> object:
        estimate = Estimate(mean=(low + high) / 2, low=low, high=high, pairs=7, videos=14)
        return method.model_copy(update={"overall": {"clip_t": estimate}})  # type: ignore[attr-defined]

    clear = [ranged(first, 0.1, 0.2), ranged(second, 0.3, 0.4)]
    assert best_method(clear, key) == second.method  # type: ignore[arg-type]
    lower = key.model_copy(update={"better": "lower"})
    assert best_method(clear, lower) == first.method  # type: ignore[arg-type]
    overlapping = [ranged(first, 0.1, 0.35), ranged(second, 0.3, 0.4)]
    assert best_method(overlapping, key) is None  # type: ignore[arg-type]
    assert best_method(clear[:1], key) is None  # type: ignore[arg-type]
    neither = key.model_copy(update={"better": "neither"})
    assert best_method(clear, neither) is None  # type: ignore[arg-type]


def test_no_value_is_never_a_number() -> None:
    cell = make_cell(Estimate(mean=None, pairs=0, videos=0, reason="no face in any reference"))
    assert (cell.mean, cell.note) == ("", "no value: no face in any reference")
    assert make_cell(Estimate(mean=0.5, pairs=1, videos=4)).note == "no interval: 1 pair, 5 needed"


@pytest.mark.parametrize("methods", [1, 8])
def test_choices_are_the_extremes_and_few(tmp_path: Path, methods: int) -> None:
    bundle = load(tmp_path, methods, pairs=3)
    choices = choose_videos(bundle)
    assert len(choices) <= 48
    for choice in choices:
        values = bundle.values[choice.method, choice.key.key]
        if choice.place == "best":
            assert (values > choice.value).sum() <= 1
        if choice.place == "worst":
            assert (values < choice.value).sum() <= 1
    assert len({(c.key.key, c.method, c.job) for c in choices}) == len(choices)
