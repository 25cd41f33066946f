"""The one reducer: its order, groups, intervals and coverage; no order of rows matters."""

import numpy as np
import pandas as pd
import pytest

from customstudio.evaluation import reduce
from customstudio.evaluation.records import Group, MethodSummary
from customstudio.metrics import catalog

CATEGORY = {"cat": "pet", "dog": "pet", "hat": "wearable item"}


def video(pair: str, prompt: str, seed: int, method: str = "m") -> dict[str, object]:
    subjects = pair.split("+")
    return {
        "method": method,
        "job": f"{pair}/{prompt}/{seed}",
        "pair": pair,
        "prompt_id": prompt,
        "subjects": subjects,
        "categories": [CATEGORY.get(s) for s in subjects],
        "type": f"[{', '.join(str(CATEGORY.get(s)) for s in subjects)}]",
    }


def score(
    video: dict[str, object],
    key: str,
    value: float | None,
    subject: str | None = None,
    reason: str | None = None,
) -> dict[str, object]:
    return {
        "method": video["method"],
        "job": video["job"],
        "metric": key,
        "subject": subject,
        "value": value,
        "reason": reason,
    }


def summarise(
    scores: list[dict[str, object]], videos: list[dict[str, object]], metrics: list[str]
) -> MethodSummary:
    frame = pd.DataFrame(scores).astype({"value": "float32"})
    summary = reduce.summarise(
        frame,
        pd.DataFrame(videos),
        scores_sha256="0" * 64,
        protocol=catalog.protocol("customstudio-v1"),
        metrics=metrics,
    )
    return summary.methods[0]


def group(summary: MethodSummary, by: str, name: str) -> Group:
    return next(g for g in summary.groups if (g.by, g.name) == (by, name))


def test_means_go_over_videos_then_pairs() -> None:
    videos = [video("cat+dog", "a", seed) for seed in range(3)] + [video("cat+hat", "a", 0)]
    values = [0.0, 0.5, 1.0, 0.25]
    scores = [score(v, "stitch_score", x) for v, x in zip(videos, values, strict=True)]
    summary = summarise(scores, videos, ["stitch_score"])
    # (0.5 + 0.25) / 2, not the mean over the four videos, 0.4375
    assert summary.overall["stitch_score"].mean == pytest.approx(0.375)
    assert summary.overall["stitch_score"].pairs == 2
    assert summary.overall["stitch_score"].videos == 4
    assert summary.overall["stitch_score"].low is None, "no interval under five pairs"
    assert group(summary, "type", "[pet, wearable item]").estimates["stitch_score"].mean == 0.25
    assert group(summary, "prompt", "a").estimates["stitch_score"].mean == pytest.approx(0.375)
    assert group(summary, "pair size", "2").estimates["stitch_score"].pairs == 2


def test_categories_take_subject_values_where_there_are_some() -> None:
    both, mixed = video("cat+dog", "a", 0), video("cat+hat", "a", 0)
    scores = [
        score(both, "dino_i", 0.5),
        score(both, "dino_i", 0.4, "cat"),
        score(both, "dino_i", 0.6, "dog"),
        score(mixed, "dino_i", 0.3),
        score(mixed, "dino_i", 0.2, "cat"),
        score(mixed, "dino_i", 0.4, "hat"),
        score(both, "clip_t", 0.1),
        score(mixed, "clip_t", 0.3),
    ]
    summary = summarise(scores, [both, mixed], ["dino_i", "clip_t"])
    pet, hat = group(summary, "category", "pet"), group(summary, "category", "wearable item")
    # The mixed pair counts with its cat alone: (mean(0.4, 0.6) + 0.2) / 2.
    assert pet.estimates["dino_i"].mean == pytest.approx(0.35)
    assert hat.estimates["dino_i"].mean == pytest.approx(0.4)
    assert pet.estimates["clip_t"].mean == pytest.approx(0.2)
    assert hat.estimates["clip_t"].mean == pytest.approx(0.3)


def test_reasons_are_counted_and_never_imputed() -> None:
    videos = [video("cat+dog", "a", seed) for seed in range(3)]
    scores = [
        score(videos[0], "face_similarity", 0.5),
        score(videos[1], "face_similarity", None, reason="not_applicable: not a person"),
        score(videos[2], "face_similarity", None, reason="missing"),
    ]
    summary = summarise(scores, videos, ["face_similarity"])
    assert summary.overall["face_similarity"].mean == 0.5
    coverage = summary.coverage["face_similarity"]
    assert (coverage.jobs, coverage.scored, coverage.not_applicable, coverage.failed) == (
        3,
        1,
        1,
        1,
    )
    assert coverage.share == pytest.approx(2 / 3)
    nothing = summarise(scores[1:], videos, ["face_similarity"])
    assert nothing.overall["face_similarity"].mean is None
    assert nothing.overall["face_similarity"].reason == "missing"


def test_intervals_resample_pairs_with_a_fixed_seed() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=68)
    found = reduce.interval(values)
    assert found is not None
    # Independent: draw pairs one resample at a time from the same seed.
    generator = np.random.default_rng(reduce.SEED)
    draws = generator.integers(68, size=(reduce.RESAMPLES, 68))
    means = [values[draw].mean() for draw in draws]
    assert found == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=1e-12)
    assert found == reduce.interval(values)
    # About 95% of such intervals hold the true mean, here 0.
    held = 0
    for _ in range(200):
        bounds = reduce.interval(rng.normal(size=40))
        assert bounds is not None
        held += bounds[0] <= 0 <= bounds[1]
    assert 180 <= held <= 199


def test_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    videos = [
        video(p, q, s) for p in ("cat+dog", "cat+hat", "dog+hat") for q in "ab" for s in (0, 1)
    ]
    scores = [score(v, "clip_t", float(rng.normal())) for v in videos]
    scores += [score(v, "stitch_score", float(rng.random())) for v in videos]
    straight = summarise(scores, videos, ["clip_t", "stitch_score"])
    order = rng.permutation(len(scores))
    shuffled = summarise([scores[i] for i in order], videos[::-1], ["clip_t", "stitch_score"])
    assert straight.model_dump_json() == shuffled.model_dump_json()
