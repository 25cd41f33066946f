"""mini-CLIP and mini-DINO: what they are trained on, that training resumes, what they can do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from customstudio.errors import UserError
from customstudio.metrics.backbones import clip, dino
from customstudio.mini import captions, check, training_data
from customstudio.mini.captions import Words, match
from customstudio.mini.check import Result
from customstudio.mini.check_clip import CHANGES, retrieval
from customstudio.mini.check_dino import recognition
from customstudio.mini.look import Identity
from customstudio.mini.training import Loop, contrast, cover, views
from customstudio.mini.world import Scene

CPU = {"device": "cpu", "precision": "float32", "options": {}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> training_data.Pictures:
    """One cohort, with 176 scenes instead of 640: each individual twice alone, and 16 groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "_SINGLES", 160)
        patch.setattr(training_data, "_GROUPS", 16)
        return training_data.pictures(tmp_path_factory.mktemp("cache"), cohorts=1)


def test_pictures_say_who_is_where(data: training_data.Pictures) -> None:
    assert data.images.shape == (176, 64, 64, 3)
    assert data.images.dtype == np.uint8
    counts = (data.who >= 0).sum(1)
    assert set(counts[:160]) == {1}
    assert set(counts[160:]) <= {2, 3}
    assert ((data.who >= 0) == (data.classes >= 0)).all()
    for label, count in zip(data.labels, counts, strict=True):
        assert label.max() <= count
    assert len(np.unique(data.classes[data.classes >= 0])) == 4


def test_no_individual_of_the_suite_is_trained_on() -> None:
    seeds = 100 * (training_data.COHORTS - 1) + training_data.INDIVIDUALS
    assert seeds < training_data.HELD_OUT <= check.HELD_OUT


def test_a_light_and_a_mirror_are_applied_to_picture_and_labels_alike() -> None:
    images = np.full((6, 64, 64, 3), 200, np.uint8)
    images[:, :, 40:] = 40
    labels = np.zeros((6, 64, 64), np.uint8)
    labels[:, :, 40:] = 1
    light = np.array([0, 1, 2] * 2)
    seen, where = views(images, labels, light, (1.0, 1.2), np.random.default_rng(0))
    assert (seen[:, 2].amax((1, 2))[[0, 1, 2]].diff() < 0).tolist() == [True, False]  # 1, .7, .8
    for picture, mask in zip(seen, where, strict=True):
        assert picture[0][mask == 1].mean() < 0.5 * picture[0][mask == 0].mean()


def test_cover_is_the_share_of_each_patch() -> None:
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[0, :8, 8:12] = 2
    assert cover(labels, 4)[0].tolist() == [[0, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]]


def test_contrast_leaves_other_matches_out() -> None:
    logits = torch.tensor([[2.0, 50.0, 0.0], [0.0, 0.0, 0.0]])
    true = torch.tensor([[True, True, False], [False, False, False]])
    # By hand: log(1 + e^-2) and log(1 + e^-50), each against the only text that does not match.
    assert contrast(logits, true).item() == pytest.approx(np.log1p(np.exp(-2)) / 2, rel=1e-5)


def test_near_misses_are_false_and_variants_true() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        classes = tuple(int(c) for c in rng.choice(15, int(rng.integers(1, 4)), replace=False))
        truth = Words(classes, *(int(rng.integers(n)) for n in (5, 8, 3)))
        said = captions.variant(truth, rng)
        assert match([truth], [said]).all()
        assert not match([truth], captions.near_misses(truth, said, rng)).any()


def test_the_words_of_a_picture_are_the_caption_of_its_scene() -> None:
    people = (Identity("cat", 1), Identity("robot toy", 2), Identity("dog", 3))
    scene = Scene(people, "playing with a ball", "in a forest", light="at night")
    classes = tuple(captions.CLASSES.index(person.noun) for person in people)
    assert Words(classes, 4, 4, 2).text() == scene.caption


def test_the_vocabulary_has_a_token_for_each_word_and_takes_any_text() -> None:
    path = check.WEIGHTS / "mini-clip" / clip.MERGES
    assert path.read_bytes() == captions.merges_file()
    tokenizer = clip.tokenizer(64, path)
    assert tokenizer.vocab_size == clip.MINI["text_cfg"]["vocab_size"]
    text = "a cat, a robot toy and a vase playing with a ball on a surfboard in the ocean at night"
    assert len(tokenizer.encode(text)) == 21
    for other in ("Ein Äffchen, 12 xylophones!", "猫"):
        assert tokenizer.decode(tokenizer.encode(other)).replace(" ", "") == (
            other.lower().replace(" ", "")
        )


def test_training_text_features_are_those_of_open_clip() -> None:
    from customstudio.mini.train_clip import Pairs

    torch.manual_seed(0)
    module = Pairs().eval()
    tokenizer = clip.tokenizer(64, check.WEIGHTS / "mini-clip" / clip.MERGES)
    tokens = tokenizer(["a cat", "a dog walking in the snow"])
    theirs = module.network.encode_text(tokens, normalize=True)
    torch.testing.assert_close(module.texts(tokens), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "dino"])
def test_training_resumes_to_the_same_result(
    name: str, data: training_data.Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from customstudio.mini import train_clip, train_dino, training

    module = {"clip": train_clip, "dino": train_dino}[name]
    monkeypatch.setattr(training, "EVERY", 2)
    monkeypatch.setattr(train_clip, "BATCH", 8)
    monkeypatch.setattr(train_dino, "GROUPS", 3)
    monkeypatch.setattr(train_dino, "SINGLES", 2)
    monkeypatch.setattr(module, "pictures", lambda cache, cohorts: data)
    whole = module.train(tmp_path / "whole", 4, tmp_path)
    at = training.Loop.at
    with monkeypatch.context() as patch:

        def stop(loop: Loop, step: int) -> float:
            if step == 3:
                raise KeyboardInterrupt
            return at(loop, step)

        patch.setattr(training.Loop, "at", stop)
        with pytest.raises(KeyboardInterrupt):
            module.train(tmp_path / "parts", 4, tmp_path)
    parts = module.train(tmp_path / "parts", 4, tmp_path)
    assert whole.read_bytes() == parts.read_bytes()
    floats = [v for v in load_file(whole).values() if v.is_floating_point()]
    assert {value.dtype for value in floats} == {torch.float16}
    assert whole.stat().st_size < 5e6


def test_a_scene_changes_in_one_thing_only() -> None:
    scene = Scene((Identity("cat", 1), Identity("dog", 2)), "walking", "in the snow")
    counts = {name: len(change(scene)) for name, change in CHANGES.items()}
    assert counts == {"one class": 13, "the action": 4, "the place": 7, "the light": 2}
    for change in CHANGES.values():
        assert all(other.caption != scene.caption for other in change(scene))


def test_a_value_passes_at_its_bar() -> None:
    result = Result("x", 0.9, 0.9)
    assert result.passed
    assert not replace(result, value=0.89).passed
    assert replace(result, bar=None).passed


def test_missing_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mini-clip"):
        check.check(tmp_path)


def test_mini_clip_finds_the_prompt() -> None:
    found = clip.load(check.located(check.WEIGHTS, "mini-clip", "clip"), **CPU)
    top, *_ = retrieval(found, draws=2)
    assert top.value >= 0.9  # forty videos; `customstudio mini check` has two hundred


def test_mini_dino_finds_the_individual(monkeypatch: pytest.MonkeyPatch) -> None:
    from customstudio.mini import check_dino

    monkeypatch.setattr(check_dino, "CLASSES", ("cat", "vase", "man"))
    found = dino.load(check.located(check.WEIGHTS, "mini-dino", "dino"), **CPU)
    top, *_ = recognition(found, rounds=1)
    assert top.value >= 0.9  # thirty individuals; `customstudio mini check` has three hundred
