"""Matching patches, and the two metrics over it, on features that can be worked out by hand."""

import numpy as np
import pytest

from customstudio.metrics import identity_margin, subject_presence
from customstudio.metrics.backbones.matching import (
    Gallery,
    foreground,
    found,
    matches,
    resemblance,
    unit32,
)
from customstudio.metrics.spec import SubjectInfo, Unscored, VideoFeatures

# Eight orthogonal directions: parts 0-2 are subject A's, 3-5 subject B's, 6 and 7 background.
E = np.eye(8, dtype=np.float32)
A, B, GROUND = E[:3], E[3:6], E[6:]


def picture(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate([*parts, GROUND])


def gallery(own: np.ndarray, other: np.ndarray) -> Gallery:
    whole = (picture(own), picture(own))
    return Gallery((own, own), whole, (other,), (picture(other),))


def test_found_is_the_mean_of_each_parts_best() -> None:
    assert found(A, picture(A)) == 1.0
    assert found(A, picture(A[:2])) == pytest.approx(2 / 3)
    assert found(A, picture(B)) == 0.0


def test_foreground_by_mask_and_by_what_the_references_share() -> None:
    images = [picture(A), np.concatenate([A, E[7:], E[7:]])]
    mask = np.array([True, True, True, False, False])
    (masked, rest) = foreground(images, [mask, None], picture(B))
    assert np.array_equal(masked, A)
    # Without a mask: half of the five patches, those found in the other image and not in B's.
    assert np.array_equal(rest, A[:2])
    (alone,) = foreground([picture(A)], [None], picture(B))
    assert np.array_equal(alone, picture(A))


def test_resemblance_of_the_references() -> None:
    rows = resemblance(gallery(A, B))
    assert rows.tolist() == [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    lonely = resemblance(Gallery((A,), (picture(A),)))
    assert lonely.tolist() == [[1.0, 1.0, -1.0]]


def test_matches_of_a_subject_that_is_there_gone_and_mistaken() -> None:
    frames = np.stack([picture(A), picture(B), picture((A + B) / np.sqrt(2).astype(np.float32))])
    table = matches(frames, gallery(A, B))
    assert table.shape == (3, 4)
    assert table[:, :2].mean(axis=1) == pytest.approx([1.0, 0.0, 2**-0.5])
    own, other = table[0, 2:]
    assert (own, other) == (1.0, 0.0)
    assert table[2, 2:] == pytest.approx([2**-0.5, 2**-0.5])  # a blend belongs to nobody


def test_the_order_of_patches_and_references_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    frames = unit32(rng.normal(size=(2, 9, 5)))
    images = [unit32(rng.normal(size=(9, 5))) for _ in range(3)]
    there = Gallery(tuple(images), tuple(images), (images[0],), (images[0],))
    back = Gallery(tuple(images[::-1]), tuple(images[::-1]), (images[0],), (images[0],))
    shuffled = frames[:, rng.permutation(9)]
    first, second = matches(frames, there), matches(shuffled, back)
    assert first[:, :3] == pytest.approx(second[:, :3][:, ::-1], abs=1e-6)
    assert first[:, 3:] == pytest.approx(second[:, 3:], abs=1e-6)


def video(frames: list[np.ndarray], *galleries: Gallery) -> VideoFeatures:
    stack = np.stack(frames)
    names = "abc"[: len(galleries)]
    return VideoFeatures(
        subjects=tuple(SubjectInfo(name, "pet") for name in names),
        frames=len(frames),
        fps=8.0,
        width=64,
        height=64,
        arrays={"dino.matches": np.hstack([matches(stack, g) for g in galleries])},
        references={"dino.resemblance": tuple(resemblance(g) for g in galleries)},
        text={},
    )


def test_presence_counts_the_frames_of_each_subject() -> None:
    frames = [picture(A, B), np.concatenate([A, A, GROUND])]  # B is gone in the second
    scores = subject_presence.score(video(frames, gallery(A, B), gallery(B, A)))
    assert scores["subject_presence"].subjects == {"a": 1.0, "b": 0.5}
    assert scores["subject_presence"].value == 0.75
    assert scores["subject_presence.together"].value == 0.5
    curve = scores["subject_presence"].curve
    assert curve is not None
    assert curve.tolist() == [1.0, 0.0]


def test_margin_of_a_subject_and_of_its_neighbours_double() -> None:
    both = identity_margin.score(video([picture(A, B)], gallery(A, B), gallery(B, A)))
    assert both["identity_margin"].value == 1.0
    twins = np.concatenate([A, A, GROUND])
    scores = identity_margin.score(video([twins], gallery(A, B), gallery(B, A)))
    assert scores["identity_margin"].subjects["a"] == 1.0
    # What is there in B's place is A through and through.
    assert scores["identity_margin.least"].value == pytest.approx(-1.0)


def test_what_cannot_be_told_has_a_reason() -> None:
    nobody = Gallery((A, A), (picture(A), picture(A)))
    none = Gallery((), ())
    alike = gallery(A, A)
    frames = [picture(A)]
    for module, made, why in [
        (subject_presence, nobody, subject_presence.ALONE),
        (subject_presence, none, subject_presence.NO_REFERENCE),
        (subject_presence, alike, subject_presence.ALIKE),
        (identity_margin, nobody, identity_margin.NOBODY_ELSE),
        (identity_margin, none, subject_presence.NO_REFERENCE),
    ]:
        for score in module.score(video(frames, made)).values():
            assert isinstance(score.value, Unscored)
            assert why.reason in score.value.reason
