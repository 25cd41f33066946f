"""A base model of zeroscope's topology at tiny width, built once a session."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from customstudio.baselines import fitting
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.task import Task
from customstudio.baselines.training import train
from customstudio.baselines.trial import base_state, drawn_jobs, drawn_task

torch.set_num_threads(1)
state, jobs = base_state, drawn_jobs


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
    """A pair of two subjects with two references each, a square and a disc, with masks."""
    return drawn_task(tmp_path_factory.mktemp("pair"))


def having(pipeline: str) -> Any:
    """diffusers, for as long as it has a pipeline that it has deprecated."""
    import diffusers

    if not hasattr(diffusers, pipeline):
        pytest.skip(f"diffusers {diffusers.__version__} has no {pipeline} any more")
    return diffusers


def off(ours: Any, theirs: Any) -> float:
    """How far bytes are from float frames of 0 to 1, in levels, beyond what rounding takes.

    Other arithmetic moves a value by some 4e-5 of the range: rounded too, it may land on the next
    byte where it lies at an edge, so that equal bytes would be luck, and unequal ones no fault.
    """
    return float(np.abs(ours - 255 * np.asarray(theirs, np.float64)).max()) - 0.5


def names_that_train(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all parameters that require gradients in any step of the fits from here on."""
    needs: set[str] = set()

    def watch(rated: Any, options: Any, loss: Any, on_step: Any) -> list[float]:
        def spy(step: int) -> torch.Tensor:
            for part in (model.unet, model.text_encoder, model.vae):
                needs.update(name for name, p in part.named_parameters() if p.requires_grad)
            value: torch.Tensor = loss(step)
            return value

        return train(rated, options, spy, on_step)

    monkeypatch.setattr(fitting, "train", watch)
    return needs
