"""A small study made of rendered videos: three methods, of which one is true and two are faulty."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from customstudio.leaderboard.votes.making import make_study
from customstudio.leaderboard.votes.plan import Settings
from customstudio.leaderboard.votes.sources import from_folder
from customstudio.leaderboard.votes.study import Folder
from customstudio.media.video import write_video
from customstudio.mini.rendering import scene_of
from customstudio.mini.world import FPS, render
from customstudio.submissions.place import DATABASE
from customstudio.suites.load import load_suite
from tests.submissions.conftest import address, postgres

__all__ = ["address", "postgres"]  # fixtures of these tests too

JOBS = ("pet_cat1+pet_dog1/T2-01/0", "toy_robot+toy_duck/T2-02/0", "pet_cat1+pet_dog1/T2-02/0",
        "pet_cat2+pet_dog1+toy_duck/T3-01/0")  # fmt: skip


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """METHOD/PAIR/PROMPT/SEED.mp4 of three methods: faithful, blurred, and in grey."""
    folder = tmp_path_factory.mktemp("rendered")
    for job in load_suite("mini").jobs:
        if job.id in JOBS:
            true = render(scene_of(job), 64).frames
            blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in true])
            grey = np.repeat(true.mean(3, keepdims=True), 3, 3).astype(np.uint8)
            for method, frames in (("faithful", true), ("blurred", blurred), ("grey", grey)):
                path = folder / method / f"{job.id}.mp4"
                path.parent.mkdir(parents=True)
                write_video(path, frames, 2 * FPS)
    return folder


SMALL = Settings(raters=6, each=8, overlap=2, gold_every=4, repeat_every=8)


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory, rendered: Path) -> Path:
    """A study nobody has voted in; copy it before voting."""
    return make_study(tmp_path_factory.mktemp("made") / "study", from_folder(rendered), SMALL).root


@pytest.fixture
def study(tmp_path: Path, made_study: Path) -> Folder:
    """A study of one's own."""
    shutil.copytree(made_study, tmp_path / "study")
    return Folder(tmp_path / "study")


@pytest.fixture
def anywhere(study: Folder, address: str | None, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The same, with its votes in SQLite or in PostgreSQL."""
    if address is not None:
        monkeypatch.setenv(DATABASE, address)
    return study
