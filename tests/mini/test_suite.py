"""The suite `mini` is what its renderer writes, and loads like any other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from customstudio.cli.main import app
from customstudio.mini import suite as mini
from customstudio.mini.world import render
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir, find_references


@pytest.mark.parametrize(
    ("shipped", "what"),
    [(mini.FOLDER, ()), (mini.DEV_FOLDER, (mini.DEV_SUBJECTS, mini.BRIEF))],
    ids=["mini", "mini-dev"],
)
def test_the_files_are_what_the_renderer_writes(
    tmp_path: Path, shipped: Path, what: tuple[Any, ...]
) -> None:
    mini.write(tmp_path, *what)
    for name in ("subjects.csv", "pairs.csv", "prompts.csv"):
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes()
    written = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.png"))
    assert written == sorted(p.relative_to(shipped) for p in shipped.rglob("*.png"))
    for path in written:
        ours, theirs = (np.asarray(Image.open(root / path)) for root in (tmp_path, shipped))
        assert np.array_equal(ours, theirs), path


def test_counts_and_references(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(tmp_path))  # the images are in the package
    suite = load_suite("mini")
    assert (len(suite.subjects), len(suite.pairs), len(suite.jobs)) == (21, 14, 280)
    references = find_references(suite, None)
    assert {len(images) for images in references.values()} == {4}
    assert all(image.mask for images in references.values() for image in images)
    assert data_dir("mini") == mini.FOLDER


def test_every_job_has_a_scene_that_its_prompt_describes() -> None:
    suite = load_suite("mini")
    for job in suite.jobs:
        assert mini.scene(job.pair, job.prompt_id, job.seed).caption == job.prompt
    scenes = {mini.scene(j.pair, j.prompt_id, j.seed) for j in suite.jobs}
    assert len(scenes) == len(suite.jobs)


def test_no_subject_is_of_the_training_range() -> None:
    assert all(identity.seed >= 1_000_000 for identity in mini.SUBJECTS.values())


def test_settings_are_chosen_on_the_pairs_of_brief_and_other_individuals() -> None:
    brief, dev = load_suite("mini", prompt_set="brief"), load_suite("mini-dev")
    taken = [name for name, pair in brief.pairs.items() if pair.template_set]
    assert set(taken) == set(dev.pairs)
    assert {job.id for job in dev.jobs} == {job.id for job in brief.jobs}
    assert not set(mini.SUBJECTS.values()) & set(mini.DEV_SUBJECTS.values())
    assert data_dir("mini-dev") == mini.DEV_FOLDER


def test_masks_fit_their_pictures() -> None:
    clip = render(mini.scene("pet_cat1+pet_dog1", "T2-01", 0))
    assert clip.masks(0).any()
    for mask in mini.FOLDER.glob("masks/*/*.png"):
        values = np.asarray(Image.open(mask))
        assert set(np.unique(values)) == {0, 255}
        assert 0.05 < (values > 0).mean() < 0.5


def test_there_is_nothing_to_fetch() -> None:
    result = CliRunner().invoke(app, ["data", "fetch", "mini", "--yes"])
    assert result.exit_code == 0
    assert "come with the package" in result.output
    assert CliRunner().invoke(app, ["data", "status", "mini"]).exit_code == 0
