"""Manifests: what they may say, and three-line errors for what they may not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from customstudio.errors import UserError
from customstudio.evaluation.discover import discover


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    for subject in ("cat", "dog", "both"):
        target = folder / "references" / subject
        target.mkdir(parents=True)
        Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).save(target / "00.png")
    (folder / "a.mp4").write_bytes(b"not looked at here")
    (folder / "b.mp4").write_bytes(b"not looked at here")
    return folder


def write(folder: Path, *rows: dict[str, object]) -> Path:
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def row(path: str = "a.mp4", **more: object) -> dict[str, object]:
    return {"path": path, "prompt": "a cat and a dog", "subjects": ["cat", "dog"], **more}


def test_csv_and_jsonl_say_the_same(folder: Path) -> None:
    (folder / "manifest.csv").write_text(
        "path,prompt,subjects,seed,method,licence\n"
        'a.mp4,"a <new1> cat, a dog",cat;dog,3,ours,none\n'
        "b.mp4,a cat and a dog,cat;dog,,ours,\n"
    )
    found = discover(folder)
    (folder / "manifest.csv").unlink()
    write(
        folder,
        row("b.mp4", method="ours"),
        row("a.mp4", prompt="a cat, a dog", seed=3, method="ours"),
    )
    again = discover(folder)
    assert [item.job for item in found.items] == [item.job for item in again.items]
    assert found.suite == again.suite
    first = next(item for item in found.items if item.seed == "3")
    assert first.prompt == "a cat, a dog", "learnable tokens are not for text metrics"
    assert first.pair == "cat+dog"
    assert [len(subject.references) for subject in first.subjects] == [1, 1]
    assert {item.seed for item in found.items} == {"3", "noseed"}


def test_one_reference_set_for_two_subjects_is_scored_as_one(folder: Path) -> None:
    found = discover(write(folder, row(subjects="bear;bear", references="both")))
    assert [subject.id for subject in found.items[0].subjects] == ["both"]


def test_references_may_be_files_of_the_folder(folder: Path) -> None:
    given = "references/cat/00.png"
    found = discover(write(folder, row(subjects=["tom"], references=[given], categories=["pet"])))
    (subject,) = found.items[0].subjects
    assert (subject.id, subject.category) == ("tom", "pet")
    assert subject.references[0].path == (folder / given).resolve()


def test_categories_of_known_subjects_come_from_the_suite(folder: Path) -> None:
    found = discover(write(folder, row(subjects=["pet_cat", "dog"], references=["cat", "dog"])))
    assert [subject.category for subject in found.items[0].subjects] == ["pet", None]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([{"path": "a.mp4", "promt": "x", "subjects": "cat"}], "no column 'prompt'"),
        ([{"path": "a.mp4", "prompt": "x"}], "neither a column 'subjects' nor 'references'"),
        ([row(prompt=7)], "prompt is not a text: 7"),
        ([row(subjects=7)], "subjects is not a list"),
        ([row(seed="two")], "seed 'two' is not a whole number"),
        ([row("../secret.mp4")], "leads outside the manifest's folder"),
        ([row("/etc/passwd")], "leads outside the manifest's folder"),
        ([row(subjects=["cat"], references=["../cat/00.png"])], "leads outside"),
        ([row(), row("b.mp4")], "duplicate job cat+dog/"),
        ([row(subjects=["cat", "cat"], references=["cat", "dog"])], "appears twice"),
        ([row(subjects=["cat", "dog", "hat"], references=["cat", "dog"])], "3 subjects but 2"),
        ([row(categories=["pet"])], "2 subjects but 1 categories"),
        ([row(), row("b.mp4", references=["dog", "cat"], seed=1)], "has other references"),
        ([row(prompt="a \ud800 cat")], "control character"),
        ([row(subjects=["b\u0000", "dog"], references=["cat", "dog"])], "control character"),
        ([row(subjects=["..", "dog"])], "'..' cannot be an id"),
        ([row("x" * 5000)], "cannot be followed"),
        ([row(seed="²")], "not a whole number"),
        ([], "no rows"),
        (["cat"], "line 1 is not an object"),
    ],
)
def test_bad_manifests(folder: Path, rows: list[dict[str, object]], what: str) -> None:
    with pytest.raises(UserError) as caught:
        discover(write(folder, *rows))
    assert what in str(caught.value)
    assert "where:" in str(caught.value)
    assert str(folder) in caught.value.where


def test_all_mistakes_are_listed_at_once(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        discover(write(folder, row(seed="x"), row("../b.mp4"), row(prompt=[])))
    text = str(caught.value)
    assert text.count("error:") == 3
    assert "row 1" in text
    assert "row 2" in text
    assert "row 3" in text


def test_symlink_loops_are_no_videos(folder: Path) -> None:
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    with pytest.raises(UserError, match="cannot be followed"):
        discover(write(folder, row("loop.mp4")))


def test_links_may_not_lead_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.mp4").write_bytes(b"secret")
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    with pytest.raises(UserError, match="leads outside"):
        discover(write(folder, row("link.mp4")))


def test_broken_tables(folder: Path) -> None:
    (folder / "manifest.csv").write_bytes(b"path,prompt\n\xff\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        discover(folder)
    (folder / "manifest.csv").write_text("path,prompt,subjects\na.mp4,x,cat,more,cells\n")
    with pytest.raises(UserError, match="more cells than the header"):
        discover(folder)
    (folder / "manifest.csv").write_text("path,prompt,prompt,subjects\na.mp4,x,y,cat\n")
    with pytest.raises(UserError, match="the column 'prompt' appears twice"):
        discover(folder)
    (folder / "manifest.csv").write_text("path,prompt,subjects\na.mp4,x\n")
    with pytest.raises(UserError, match="fewer cells than the header"):
        discover(folder)
    (folder / "manifest.jsonl").write_text("{}")
    with pytest.raises(UserError, match="two manifests"):
        discover(folder)


def test_strange_but_lawful_texts(folder: Path) -> None:
    (folder / "references" / "st. bernard").mkdir()
    picture = Image.fromarray(np.full((8, 8, 3), 100, np.uint8))
    picture.save(folder / "references" / "st. bernard" / "00.png")
    text = json.dumps(row(prompt="one\u2028two", subjects=["st. bernard"]), ensure_ascii=False)
    (folder / "manifest.jsonl").write_text(text + "\n")
    (item,) = discover(folder).items
    assert item.prompt == "one\u2028two"
    assert len(item.subjects[0].references) == 1


def test_many_mistakes_are_counted(folder: Path) -> None:
    rows = [row(seed=f"x{number}") for number in range(15)]
    with pytest.raises(UserError) as caught:
        discover(write(folder, *rows))
    assert str(caught.value).count("error:") == 11
    assert "5 more mistakes in the manifest" in str(caught.value)


def test_categories_that_no_suite_has_are_noted(folder: Path) -> None:
    found = discover(write(folder, row(categories=["Person", "pet"])))
    assert "category 'Person' is none of the suite's" in found.notes[0]
    assert len(found.notes) == 1
