"""Faults: nothing at severity 0, what their name says at 1, more and more in between."""

import numpy as np
import pytest

from customstudio.metrics.backbones.seams import seam_code
from customstudio.mini.faults import FAULTS, applies, faulty, victim
from customstudio.mini.look import Identity
from customstudio.mini.suite import scene
from customstudio.mini.world import Scene, render

PEOPLE = scene("person_man1+person_woman2", "T2-03", 0)
PETS = scene("pet_cat1+pet_dog1", "T2-01", 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_severity_zero_is_the_truth(fault: str) -> None:
    assert np.array_equal(faulty(PEOPLE, fault, 0.0), render(PEOPLE).frames)


@pytest.mark.parametrize("fault", FAULTS)
def test_more_severe_is_further_from_the_truth(fault: str) -> None:
    truth = render(PEOPLE).frames.astype(float)
    assert applies(PEOPLE, fault)
    steps = [np.abs(faulty(PEOPLE, fault, s).astype(float) - truth).mean() for s in (0.25, 0.5, 1)]
    assert steps[0] > 0
    assert steps == sorted(steps)


def test_a_missing_subject_is_missing_in_as_many_frames() -> None:
    mask = render(PETS).masks(victim(PETS))
    truth = render(PETS).frames
    for severity, frames in ((0.5, 4), (1.0, 8)):
        changed = (faulty(PETS, "missing", severity) != truth).any(axis=-1)
        touched = [bool((c & m).any()) for c, m in zip(changed, mask, strict=True)]
        assert sum(touched) == frames
    rest = ~mask & (render(PETS).labels != 0)
    # Its outline reaches a little beyond its own pixels, over its neighbours.
    assert changed[rest].mean() < 0.1


def test_a_frozen_video_stands_still() -> None:
    frames = faulty(PETS, "frozen", 1.0)
    assert (frames == frames[0]).all()


def test_a_collage_has_a_seam() -> None:
    assert sum(seam_code(frame) == 1 for frame in faulty(PETS, "collage", 1.0, 256)) >= 6
    assert sum(seam_code(frame) == 1 for frame in render(PETS, 256).frames) == 0


def test_a_blend_of_one_class_is_one_look() -> None:
    cats = scene("pet_cat1+pet_cat2", "T2-04", 0)
    frames = faulty(cats, "blend", 1.0)
    assert not np.array_equal(frames, render(cats).frames)


def test_what_cannot_go_wrong_does_not_apply() -> None:
    alone = Scene((Identity("cat", 1),), "walking", "on the beach")
    for fault in ("other_subject", "blend", "collage", "face_changed"):
        assert not applies(alone, fault)
    assert applies(alone, "missing")
    assert not applies(PETS, "face_changed")


@pytest.mark.parametrize(("fault", "severity"), [("nothing", 0.5), ("blur", 1.5), ("blur", -0.1)])
def test_no_such_fault(fault: str, severity: float) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        faulty(PETS, fault, severity)
