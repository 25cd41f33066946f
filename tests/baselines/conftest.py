"""A base model of zeroscope's topology at tiny width, built once a session."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.task import Task, TaskSubject
from customstudio.suites.schema import Job, Reference, VideoSpec

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def _tiny() -> VideoModel:
    from customstudio.baselines.bases.tiny import tiny

    return tiny()


@pytest.fixture
def model(_tiny: VideoModel) -> VideoModel:
    """The tiny base, shared by all tests: whatever changes it must put it back."""
    return _tiny


@pytest.fixture(scope="session")
def tiny_folder(_tiny: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base as a folder on disk."""
    from customstudio.baselines.bases.tiny import save

    folder = tmp_path_factory.mktemp("base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(_tiny, folder)
    return folder


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """A pair of two subjects with two references each, a disc and a square, with masks."""
    folder = tmp_path_factory.mktemp("pair")
    subjects = []
    for number, noun in enumerate(("cat", "dog")):
        references = []
        for index in range(2):
            y, x = np.mgrid[:40, :48]
            shape = np.hypot(y - 20, x - 24) < 14 if number else (abs(y - 20) < 12) & (x > 10)
            image = np.full((40, 48, 3), 40 * (index + 1), np.uint8)
            image[shape] = (250, 30, 30) if number else (30, 30, 250)
            path = folder / "refs" / noun / f"{index:02d}.png"
            mask = folder / "masks" / noun / f"{index:02d}.png"
            for place, content in ((path, image), (mask, shape.astype(np.uint8) * 255)):
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(place)
            references.append(Reference(path=path, mask=mask))
        subjects.append(TaskSubject(f"pet_{noun}", noun, tuple(references)))
    video = VideoSpec(frames=3, fps=8.0, width=64, height=64)
    return Task("mini", "pet_cat+pet_dog", tuple(subjects), video)


def state(model: VideoModel) -> dict[str, torch.Tensor]:
    """Every tensor of a base, copied."""
    return {
        f"{part}.{name}": value.detach().clone()
        for part in ("unet", "vae", "text_encoder")
        for name, value in getattr(model, part).state_dict().items()
    }


def jobs(task: Task, count: int = 2) -> list[Job]:
    """Jobs of the pair, by seed."""
    return [
        Job(
            pair=task.pair, prompt_id="T2-01", seed=seed, prompt="a cat and a dog",
            prompt_with_tokens="a <new1> cat and a <new2> dog",
            subjects=tuple(s.id for s in task.subjects),
        )
        for seed in range(count)
    ]  # fmt: skip
