"""Paired comparison: the test's p, Holm's correction, and what must not be compared."""

from itertools import product

import numpy as np
import pytest

from customstudio.evaluation.compare import holm, sign_flip_p


def test_sign_flips_are_exact_for_few_pairs() -> None:
    differences = np.array([0.3, -0.1, 0.25, 0.4, 0.05, 0.2])
    observed = abs(differences.mean())
    reached = [
        abs(np.mean([s * d for s, d in zip(signs, differences, strict=True)])) >= observed - 1e-12
        for signs in product((1, -1), repeat=6)
    ]
    assert sign_flip_p(differences) == pytest.approx(np.mean(reached))


def test_sign_flips_of_many_pairs_find_what_is_there_and_no_more() -> None:
    rng = np.random.default_rng(0)
    assert sign_flip_p(rng.normal(1.0, 0.5, size=68)) < 0.001
    false_alarms = sum(sign_flip_p(rng.normal(size=20)) < 0.05 for _ in range(100))
    assert false_alarms <= 12  # 5 expected; 12 or more has a chance of 0.4%
    assert sign_flip_p(np.zeros(20)) == 1.0


def test_holm_by_hand() -> None:
    # Smallest times 3, next times 2, largest times 1, never falling.
    assert holm([0.02, 0.01, 0.5]) == pytest.approx([0.04, 0.03, 0.5])
    assert holm([0.04, 0.04, 0.04]) == pytest.approx([0.12, 0.12, 0.12])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]
