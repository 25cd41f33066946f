"""A user's own folder of references and prompts."""

from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.suites.custom import load_custom


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_text_file(refs: Path, tmp_path: Path) -> None:
    prompts = write(tmp_path / "p.txt", "# comment\na <c1> on a beach\n\nA <c1> in snow\n")
    suite = load_custom(refs, prompts, seeds=(0, 1))
    assert [job.id for job in suite.jobs][:3] == [
        "pet_cat/p001/0",
        "pet_cat/p001/1",
        "pet_cat/p002/0",
    ]
    assert suite.jobs[0].prompt == "a pet cat on a beach"
    assert suite.subjects["pet_cat"].category == "unspecified"
    assert len(suite.jobs) == 2 * 2 * 2


def test_tables_name_nouns_and_pairs(refs: Path, tmp_path: Path) -> None:
    write(refs / "subjects.csv", "id,prompt_noun,category\npet_cat,orange cat,pet\n")
    write(refs / "pairs.csv", "subjects\npet_cat+toy_duck\ntoy_duck\n")
    prompts = write(
        tmp_path / "p.csv",
        'id,text\nboth,"a <c1>, with a <c2>"\nalone,a <c1> in a pond\n',
    )
    suite = load_custom(refs, prompts)
    assert {job.id: job.prompt for job in suite.jobs} == {
        "pet_cat+toy_duck/both/0": "an orange cat, with a toy duck",
        "toy_duck/alone/0": "a toy duck in a pond",
    }
    assert suite.pairs["pet_cat+toy_duck"].type == "[pet, unspecified]"


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("p.csv", "prompt\na <c1>\n", "the column 'text' is missing"),
        ("p.csv", "text,seed\na <c1>,0\n", "unknown column 'seed'"),
        ("p.csv", "text,text\na <c1>,b <c1>\n", "the column 'text' is there twice"),
        ("p.csv", "id,text\nx,a <c1>, red\n", "a row without exactly 2 cells"),
        ("p.csv", "id,text\nx,a <c1>\nx,b <c1>\n", "the id 'x' is there twice"),
        ("p.csv", "id,text\na/b,a <c1>\n", "'a/b' cannot be an id"),
        ("p.csv", "", "the column 'text' is missing"),
        ("p.txt", "\n", "no prompts"),
        ("p.txt", "a {} on a beach\n", "the prompt 'a {} on a beach' does not name its 1 subject"),
        ("p.txt", "a <c2> alone\n", "the prompt 'a <c2> alone' does not name its 2 subject"),
        ("p.txt", "a <c1> and a <c2>\n", "no pair takes the prompt 'p001' (2 subject(s))"),
    ],
)
def test_bad_prompts(refs: Path, tmp_path: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        load_custom(refs, write(tmp_path / name, text))
    assert caught.value.what.startswith(what)
    assert name in caught.value.where


def test_not_utf8(refs: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes(b"\xff\xfea <c1>")
    with pytest.raises(UserError, match="not UTF-8"):
        load_custom(refs, path)


@pytest.mark.parametrize(
    ("pairs", "row"), [("pet_cat+dog", 2), ("pet_cat+pet_cat", 2), ("toy_duck\ntoy_duck", 3)]
)
def test_bad_pairs(refs: Path, tmp_path: Path, pairs: str, row: int) -> None:
    write(refs / "pairs.csv", f"subjects\n{pairs}\n")
    with pytest.raises(UserError) as caught:
        load_custom(refs, write(tmp_path / "p.txt", "a <c1>\n"))
    assert caught.value.where.endswith(f"pairs.csv, row {row}")


def test_subject_without_images(refs: Path, tmp_path: Path) -> None:
    write(refs / "subjects.csv", "id\nghost\n")
    with pytest.raises(UserError, match="without a folder of images: ghost"):
        load_custom(refs, write(tmp_path / "p.txt", "a <c1>\n"))


@pytest.mark.parametrize("made", [False, True])
def test_no_references(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    with pytest.raises(UserError, match="no folders with images" if made else "no such folder"):
        load_custom(folder, write(tmp_path / "p.txt", "a <c1>\n"))
