"""The embedded world: the same everywhere, and its truth is true."""

import numpy as np
import pytest

from customstudio.mini.look import NOUNS, PATTERNS, Identity, mix
from customstudio.mini.places import PLACES
from customstudio.mini.world import ACTIONS, CAMERAS, LIGHTS, Scene, portrait, render

CAT, DOG, MAN = Identity("cat", 3), Identity("dog", 4), Identity("man", 5)


def test_the_same_scene_is_the_same_video() -> None:
    scene = Scene((CAT, DOG), "walking", "on the beach", "pan left", seed=9)
    first, again = render(scene), render(scene)
    assert first.frames.shape == (8, 64, 64, 3)
    assert first.frames.dtype == np.uint8
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames[0], first.frames[1])
    other = render(Scene((CAT, DOG), "walking", "on the beach", "pan left", seed=10))
    assert not np.array_equal(first.frames, other.frames)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_class_is_drawn_in_every_pose(noun: str) -> None:
    one, two = Identity(noun, 1), Identity(noun, 2)
    for action in ACTIONS:
        clip = render(Scene((one,), action, "in the snow"), only=[0, 5])
        shares = clip.masks(0).mean(axis=(1, 2))
        assert ((shares > 0.03) & (shares < 0.6)).all(), (noun, action)
        # As many shapes in every frame and for every individual: flow and blending need it.
        counts = {len(shapes) for shapes in clip.drawn}
        assert counts == {len(render(Scene((two,), action, "in the snow"), only=[0]).drawn[0])}
    here, there = portrait(one, 0, 64), portrait(two, 0, 64)
    assert not np.array_equal(here.frames, there.frames)


@pytest.mark.parametrize("place", PLACES)
def test_places_differ_from_seed_to_seed(place: str) -> None:
    clips = [render(Scene((CAT,), "sitting", place, seed=s), only=[0]).frames for s in (1, 2)]
    assert not np.array_equal(*clips)


def test_larger_pictures_show_the_same() -> None:
    scene = Scene((CAT, DOG), "sitting", "in the city")
    small, large = render(scene, only=[0]), render(scene, 256, only=[0])
    reduced = large.frames[0].reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small.frames[0]).mean() < 2


def test_labels_say_whose_pixel_it_is() -> None:
    clip = render(Scene((CAT, DOG), "sitting", "in the snow"), only=[0])
    assert set(np.unique(clip.labels)) == {0, 1, 2}
    left, right = (np.nonzero(clip.masks(i)[0])[1].mean() for i in (0, 1))
    assert left < right  # subjects stand in their order


@pytest.mark.parametrize(("action", "camera"), [("walking", "pan left"), ("spinning", "zoom in")])
def test_flow_leads_to_the_same_colour(action: str, camera: str) -> None:
    """Away from borders and covered places, the picture warped by the flow is the picture."""
    clip = render(Scene((CAT, DOG), action, "in the mountains", camera, seed=4), 128, only=[2, 3])
    assert clip.flow.shape == (1, 128, 128, 2)
    ys, xs = np.mgrid[:128, :128]
    ends = np.round(np.stack([xs, ys], -1) + clip.flow[0]).astype(int)
    inside = ((ends >= 0) & (ends < 128)).all(axis=-1)
    x, y = ends[inside].T
    same_owner = clip.labels[1][y, x] == clip.labels[0][inside]
    difference = np.abs(
        clip.frames[1][y, x].astype(float) - clip.frames[0][inside].astype(float)
    ).mean(axis=1)
    subject = clip.labels[0][inside] > 0  # background may be covered by a subject meanwhile
    assert same_owner[subject].mean() > 0.95
    assert np.median(difference[same_owner]) < 1.0
    assert (difference[same_owner] < 25).mean() > 0.9
    assert np.abs(clip.flow[0][clip.masks(0)[0]]).max() > 1.0  # and it moves


def test_a_still_scene_has_no_flow() -> None:
    clip = render(Scene((CAT,), "sitting", "in a forest"), only=[3, 3])
    assert np.abs(clip.flow).max() < 1e-4


def test_faces_are_on_persons() -> None:
    clip = render(Scene((MAN, DOG), "walking", "in the city"), 128)
    for frame, faces in enumerate(clip.faces):
        (face,) = faces
        assert face.shape == (5, 2)
        x, y = np.round(face.mean(axis=0)).astype(int)
        assert clip.labels[frame][y, x] == 1


def test_light_darkens() -> None:
    day, night = (
        render(Scene((CAT,), "sitting", "in the snow", light=light), only=[0]).frames.mean()
        for light in ("day", "at night")
    )
    assert night < 0.75 * day


def test_captions() -> None:
    three = Scene((CAT, DOG, MAN), "jumping", "in the desert", light="at night")
    assert three.caption == "a cat, a dog and a man jumping in the desert at night"
    assert Scene((CAT,), "sitting", "in the snow").caption == "a cat sitting in the snow"


def test_mixing_looks_goes_from_one_to_the_other() -> None:
    first, second = CAT.look, Identity("cat", 77).look
    assert mix(first, second, 0.0).main == pytest.approx(first.main)
    assert mix(first, second, 1.0).shape == pytest.approx(second.shape)
    half = mix(first, second, 0.5, only=("main",))
    assert half.main == pytest.approx(np.mean([first.main, second.main], axis=0))
    assert half.second == first.second


def test_the_world_is_large() -> None:
    looks = [Identity("cat", seed).look for seed in range(200)]
    assert len({look.main for look in looks}) == 200
    assert {look.pattern for look in looks} == set(PATTERNS)
    assert len(CAMERAS) == 4
    assert len(LIGHTS) == 3
