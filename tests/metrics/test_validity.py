"""The study of the metrics themselves: on scores whose verdict is plain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from customstudio.metrics.validity import WORDS, Study, Validity, auc, read_study, validities

SEVERITIES = (0.25, 0.5, 0.75, 1.0)


def scores(metric: str, fault: str, slope: float) -> pd.DataFrame:
    """Three pairs with two seeds, whose scores start apart and move with the fault."""
    rows = []
    for pair in range(3):
        for seed in range(2):
            start = 0.5 + 0.1 * pair + 0.02 * seed
            job = f"p{pair}/T/{seed}"
            rows.append(("", 0.0, f"p{pair}", job, metric, start))
            rows += [(fault, s, f"p{pair}", job, metric, start + slope * s) for s in SEVERITIES]
    columns = ["fault", "severity", "pair", "job", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def test_a_metric_that_falls_sees_the_fault() -> None:
    (row,) = validities(scores("clip_i", "missing", -1.0), {"clip_i": "higher"})
    assert (row.jobs, row.spearman, row.auc, row.verdict) == (6, -1.0, 1.0, "seen")
    # Seeds of a pair are 0.02 apart: a spread of 0.02 / sqrt 2.
    assert row.effect == pytest.approx(-1.0 / (0.02 / np.sqrt(2)), abs=0.01)


def test_direction_is_the_metrics_own() -> None:
    table = scores("stitch_score", "collage", 1.0)
    (row,) = validities(table, {"stitch_score": "lower"})
    assert row.verdict == "seen"
    (row,) = validities(table, {"stitch_score": "higher"})
    assert (row.auc, row.verdict) == (0.0, "rewarded")


def test_a_metric_that_stays_is_blind() -> None:
    (row,) = validities(scores("clip_t", "blend", 0.0), {"clip_t": "higher"})
    assert (row.spearman, row.effect, row.auc, row.verdict) == (0.0, 0.0, 0.5, "blind")


def test_jobs_without_all_scores_do_not_count() -> None:
    table = scores("clip_t", "blur", -1.0)
    table.loc[(table["job"] == "p0/T/0") & (table["severity"] == 0.5), "value"] = np.nan
    (row,) = validities(table, {"clip_t": "higher"})
    assert row.jobs == 5


def test_ties_count_half() -> None:
    assert auc(np.array([0.0, 0.0]), np.array([0.0, 0.0])) == 0.5


def test_a_study_comes_back_from_its_file(tmp_path: Path) -> None:
    row = Validity(metric="clip_t", fault="blur", jobs=3, spearman=-0.7, effect=-1.5, auc=0.7)
    study = Study(
        suite="mini v1",
        suite_digest="0" * 64,
        protocol="mini-v1",
        networks={"clip": "1" * 64},
        jobs=3,
        severities=SEVERITIES,
        videos=15,
        faults={"blur": "Gaussian blur"},
        metrics={"clip_t": 1},
        rows=(row,),
    )
    path = tmp_path / "validity.json"
    path.write_text(study.model_dump_json())
    assert read_study(path) == study
    assert row.verdict == "weak"
    assert set(WORDS) == {"seen", "weak", "blind", "rewarded"}
