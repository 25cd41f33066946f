"""Draws: fixed by key and submission, known to nobody before, open to everybody afterwards."""

import pytest

from customstudio.submissions.draw import drawn, drawn_by, seed_of, told
from customstudio.submissions.events import signed
from customstudio.submissions.keys import Key

MAINTAINER, OTHER = Key(b"m" * 32), Key(b"o" * 32)
JOBS = [f"a+b/p{number}/0" for number in range(200)]
ID = "ab" * 32


def test_one_draw_a_key_and_submission() -> None:
    seed = seed_of(MAINTAINER, ID)
    first = drawn(JOBS, 60, seed)
    assert first == drawn(JOBS[::-1], 60, seed_of(MAINTAINER, ID))
    assert len(set(first)) == 60
    assert set(first) <= set(JOBS)
    assert set(drawn(JOBS, 30, seed)) < set(first)
    assert first != drawn(JOBS, 60, seed_of(OTHER, ID))
    assert first != drawn(JOBS, 60, seed_of(MAINTAINER, "cd" * 32))


def test_every_job_has_its_chance() -> None:
    """Over 400 submissions each of 200 jobs is drawn in 30% of them, within 5 standard errors."""
    counts = dict.fromkeys(JOBS, 0)
    for number in range(400):
        for job in drawn(JOBS, 60, seed_of(MAINTAINER, f"{number:064x}")):
            counts[job] += 1
    assert all(abs(count - 120) < 5 * (400 * 0.3 * 0.7) ** 0.5 for count in counts.values())


def test_everybody_can_check_it() -> None:
    seed = seed_of(MAINTAINER, ID)
    about = told(60, len(JOBS), "recomputed, all agree", seed)
    event = signed(MAINTAINER, "sample-checked", ID, "mini-v1", about=about)
    assert drawn_by(event, JOBS) == drawn(JOBS, 60, seed)
    assert drawn_by(event, JOBS[1:]) is None
    assert drawn_by(event.model_copy(update={"about": None}), JOBS) is None


@pytest.mark.parametrize("seed", [seed_of(OTHER, ID), seed_of(MAINTAINER, "cd" * 32), "00" * 64])
def test_no_draw_of_ones_choice(seed: str) -> None:
    about = told(60, len(JOBS), "recomputed, all agree", seed)
    event = signed(MAINTAINER, "sample-checked", ID, "mini-v1", about=about)
    assert drawn_by(event, JOBS) is None
