"""`customstudio suites` and `customstudio data`, as a person uses them."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from customstudio.cli import data, suites
from customstudio.errors import UserError

Draw = Callable[..., bytes]
LABEL = "reconstruction r1"


def run(*arguments: str | Path) -> Result:
    app = {"suites": suites.app, "data": data.app}[str(arguments[0])]
    return CliRunner().invoke(app, [str(argument) for argument in arguments[1:]])


def error(*arguments: str | Path) -> UserError:
    found = run(*arguments).exception
    assert isinstance(found, UserError)
    return found


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "customstudio"


@pytest.mark.parametrize(
    "arguments",
    [
        ("suites", "list"),
        ("suites", "show", "customstudio"),
        ("suites", "show", "customstudio", "--subjects"),
        ("suites", "show", "customstudio", "--pairs"),
        ("suites", "show", "customstudio", "--templates", "--prompt-set", "table5-repaired"),
        ("suites", "jobs", "customstudio"),
        ("suites", "jobs", "customstudio", "--json"),
        ("suites", "jobs", "customstudio", "--csv"),
        ("suites", "check", "customstudio"),
        ("data", "status", "customstudio"),
        ("data", "status", "customstudio", "--json"),
    ],
)
def test_the_label_is_always_there(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert LABEL in result.output


def test_jobs_for_scripts() -> None:
    lines = run("suites", "jobs", "customstudio").stdout.splitlines()
    assert len(lines) == 2720
    assert lines[0].split("\t") == [
        "decor_woodenpot+plant_flower1/T2-01/0",
        "a <new1> wooden pot and a <new2> flower sitting on an antique table",
        "a wooden pot and a flower sitting on an antique table",
    ]
    rows = list(csv.DictReader(io.StringIO(run("suites", "jobs", "customstudio", "--csv").stdout)))
    assert len(rows) == 2720
    assert rows[0]["prompt_with_tokens"].startswith("a <new1> wooden pot and a <new2> flower")
    content = json.loads(run("suites", "jobs", "customstudio", "--json").stdout)
    assert content["suite"]["label"] == LABEL
    assert [job["id"] for job in content["jobs"]] == [row["id"] for row in rows]
    assert error("suites", "jobs", "customstudio", "--json", "--csv").fix == "choose one"


@pytest.mark.parametrize("name", ["vcd", "multistudio", "customcrafter", "videomaker-human"])
def test_suites_without_jobs_say_why(name: str) -> None:
    assert "unpublished" in run("suites", "show", name).output
    problem = error("suites", "jobs", name)
    assert "has no jobs" in problem.what
    assert "unpublished: the" in problem.where


def test_own_folder(refs: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "p.txt"
    prompts.write_text("a <c1> on a beach\n")
    own = ("custom", "--references", refs, "--prompts", prompts)
    lines = run("suites", "jobs", *own, "--seeds", "2").stdout.splitlines()
    assert lines[0] == "pet_cat/p001/0\ta <new1> pet cat on a beach\ta pet cat on a beach"
    assert len(lines) == 4
    assert "custom suite" in run("suites", "show", *own).output
    assert run("suites", "export", *own, "--to", tmp_path / "out").exit_code == 0
    again = run("suites", "jobs", tmp_path / "out").stdout.splitlines()
    assert again[0] == lines[0]
    assert "the tables are sound" in run("suites", "check", tmp_path / "out").output
    assert "--references DIR --prompts FILE" in error("suites", "show", "custom").fix
    assert "its own prompts" in error("suites", "show", "vcd", "--prompts", prompts).what


def test_check_counts_the_images(refs: Path) -> None:
    result = run("suites", "check", "customstudio", "--references", refs)
    assert "references: 2 of 63 subjects, 3 images" in result.output
    assert "the tables are sound" in result.output
    (refs / "pet_cat" / "00.jpg").write_bytes(b"")
    assert "zero bytes" in error("suites", "check", "customstudio", "--references", refs).what
    assert run("suites", "check").exit_code == 0


def test_fetch_shows_licences_and_wants_a_yes() -> None:
    result = run("data", "fetch", "customstudio")
    assert isinstance(result.exception, UserError)
    assert "--yes" in result.exception.fix
    for text in (LABEL, "CC BY 4.0", "about 3.4 GB", "none stated for the images", "e9b8c013"):
        assert text in result.output


def test_fetch_and_status(refs: Path, own_data: Path) -> None:
    result = run("data", "fetch", "customstudio", "--from", refs)
    assert result.exit_code == 0, result.output
    assert "2 of 63 subjects: 3 images, 1 masks" in result.output
    by_hand = f"datasets/data/characters/anime/Son_Goku/image -> {own_data}/refs/anime_goku"
    assert by_hand in result.output
    assert run("data", "status", "customstudio").exit_code == 0
    (own_data / "refs" / "pet_cat" / "00.jpg").write_bytes(b"spoiled")
    (own_data / "refs" / "toy_duck" / "00.jpg").unlink()
    result = run("data", "status", "customstudio", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["files"] == {
        "masks/pet_cat/00.png": "ok",
        "refs/pet_cat/00.jpg": "changed",
        "refs/pet_cat/01.png": "ok",
        "refs/toy_duck/00.jpg": "missing",
    }
    assert run("data", "status", "customstudio").exit_code == 1


def test_nothing_to_fetch() -> None:
    assert "nothing to fetch" in error("data", "fetch", "vcd").what
    assert error("data", "status", "customstudi").fix == "did you mean 'customstudio'?"
