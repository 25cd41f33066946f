"""Which images belong to which subject, and whether they can be read."""

from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.suites.references import data_dir, find_references, images_in, unreadable
from customstudio.suites.schema import Suite


def test_images_by_name_with_masks(refs: Path, suite: Suite) -> None:
    (refs / "pet_cat" / "notes.txt").write_text("no image")
    (refs / "pet_cat" / ".hidden.jpg").write_text("no image")
    found = find_references(suite, refs)
    assert [reference.path.name for reference in found["pet_cat"]] == ["00.jpg", "01.png"]
    assert [reference.mask is not None for reference in found["pet_cat"]] == [True, False]
    mask = found["pet_cat"][0].mask
    assert mask == refs.parent / "masks" / "pet_cat" / "00.png"
    assert find_references(["ghost"], refs) == {"ghost": ()}
    assert images_in(refs / "pet_cat") == found["pet_cat"]
    assert images_in(refs / "pet_cat" / "00.jpg") == found["pet_cat"][:1]


def test_default_root(refs: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(refs.parents[1]))
    assert data_dir("media") == refs.parent
    assert find_references(suite, None) == {"pet_cat": (), "toy_duck": ()}
    renamed = suite.model_copy(update={"name": "media"})
    assert len(find_references(renamed, None)["pet_cat"]) == 2
    monkeypatch.delenv("CUSTOMSTUDIO_DATA")
    assert data_dir("media").parts[-2:] == ("customstudio", "media")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        find_references(["pet_cat"], tmp_path / "nowhere")
    with pytest.raises(UserError, match="no reference images here"):
        images_in(tmp_path)


def test_unreadable_ones_are_all_listed(refs: Path, suite: Suite) -> None:
    assert unreadable(find_references(suite, refs)) == []
    whole = (refs / "pet_cat" / "01.png").read_bytes()
    (refs / "pet_cat" / "00.jpg").write_bytes(b"")
    (refs / "pet_cat" / "01.png").write_bytes(whole[: len(whole) // 2])
    (refs / "toy_duck" / "00.jpg").write_bytes(b"this is a text, not an image")
    (refs.parent / "masks" / "pet_cat" / "00.png").write_bytes(b"")
    problems = unreadable(find_references(suite, refs))
    assert len(problems) == 4
    assert sum("zero bytes" in problem.what for problem in problems) == 2
    assert {Path(problem.where).name for problem in problems} == {"00.jpg", "01.png", "00.png"}


def test_real_references(shared_media: Path) -> None:
    from customstudio.suites.load import load_suite

    found = find_references(load_suite("customstudio"), shared_media / "refs")
    assert sum(bool(images) for images in found.values()) == 40
    assert len(found["pet_cat"]) == 5
    assert all(reference.mask is not None for reference in found["pet_cat"])
