"""What is in a folder: the suite's own tree, and errors that say what is needed."""

from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.evaluation.discover import discover
from customstudio.suites.load import load_suite


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at here")
    return folder


def test_the_tree_of_a_suite_is_recognised(tmp_path: Path) -> None:
    put(tmp_path, "pet_cat+pet_dog/T2-03/2.mp4", "pet_cat+pet_dog/T2-03/0.gif", "README.md")
    put(tmp_path, "pet_cat+pet_dog/T2-04/1/0000.png", ".cache/x/y/0.mp4")
    found = discover(tmp_path)
    assert found.suite.name == "customstudio"
    assert found.suite.label == "reconstruction r1"
    assert len(found.items) == 2720
    there = {item.job: item.path for item in found.items if item.path}
    assert there == {
        "pet_cat+pet_dog/T2-03/0": tmp_path / "pet_cat+pet_dog/T2-03/0.gif",
        "pet_cat+pet_dog/T2-03/2": tmp_path / "pet_cat+pet_dog/T2-03/2.mp4",
        "pet_cat+pet_dog/T2-04/1": tmp_path / "pet_cat+pet_dog/T2-04/1",
    }
    assert [item.job for item in found.items] == sorted(item.job for item in found.items)
    item = next(i for i in found.items if i.job == "pet_cat+pet_dog/T2-03/2")
    assert item.prompt.startswith("a dog and a cat side by side")
    assert "<new" not in item.prompt


def test_another_prompt_set_has_other_jobs(tmp_path: Path) -> None:
    put(tmp_path, "pet_cat+pet_dog/T2R-03/2.mp4")
    with pytest.raises(UserError, match="no jobs of suite customstudio"):
        discover(tmp_path)
    suite = load_suite("customstudio", prompt_set="table5-repaired")
    assert sum(item.path is not None for item in discover(tmp_path, suite=suite).items) == 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pet_cat+pet_dgo/T2-03/2.mp4", "did you mean 'pet_cat+pet_dog'?"),
        ("pet_cat+pet_dog/T2-3/2.mp4", "did you mean 'T2-0"),
        ("pet_cat+pet_dog/T2-03/7.mp4", "seed 7"),
        ("pet_cat+pet_dog/2.mp4", "PAIR/PROMPT/SEED.mp4"),
        ("pet_cat+pet_dog/T3-01/0.mp4", "no job of this pair"),
    ],
)
def test_unknown_jobs_get_a_hint(tmp_path: Path, name: str, hint: str) -> None:
    put(tmp_path, "pet_cat+pet_dog/T2-01/0.mp4", name)
    with pytest.raises(UserError) as caught:
        discover(tmp_path)
    assert "1 videos are no jobs" in caught.value.what
    assert name in caught.value.where
    assert hint in caught.value.fix


def test_two_videos_of_one_job(tmp_path: Path) -> None:
    put(tmp_path, "pet_cat+pet_dog/T2-01/0.mp4", "pet_cat+pet_dog/T2-01/0.gif")
    with pytest.raises(UserError, match="two videos of one job"):
        discover(tmp_path)


def test_runs_written_among_the_videos_are_no_videos(tmp_path: Path) -> None:
    put(tmp_path, "pet_cat+pet_dog/T2-01/0.mp4", "runs/a-123/features/000000.safetensors")
    put(tmp_path, "runs/a-123/run.json", "runs/a-123/x/y/0.mp4")
    assert sum(item.path is not None for item in discover(tmp_path).items) == 1


def test_the_method_is_named_after_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "ours", "pet_cat+pet_dog/T2-01/0.mp4")
    monkeypatch.chdir(tmp_path / "ours")
    assert discover(Path()).methods == ("ours",)


def test_nothing_to_score(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        discover(tmp_path / "none")
    with pytest.raises(UserError, match="the folder is empty"):
        discover(tmp_path)
    put(tmp_path, "holiday/0.mp4")
    with pytest.raises(UserError, match="no videos of a known suite and no manifest") as caught:
        discover(tmp_path)
    assert "manifest.csv" in caught.value.fix
    file = put(tmp_path, "file.mp4") / "file.mp4"
    with pytest.raises(UserError, match="not a folder"):
        discover(file)
