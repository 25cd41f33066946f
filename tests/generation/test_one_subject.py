"""A suite of single subjects, of one's own pictures, with the methods that are made for them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from customstudio.baselines.bases.tiny import save, tiny
from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff, tiny_animatediff
from customstudio.baselines.videomaker_weights import OURS, write_weights
from customstudio.generation import runner
from customstudio.generation.prepare import Request, prepare
from customstudio.suites.load import load_suite
from customstudio.weights.store import RANDOM_MARK
from tests.generation.test_generate import FAST, Silent, videos

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person in two pictures, with masks beside them."""
    root = tmp_path_factory.mktemp("mine")
    for index in range(2):
        shape = np.zeros((48, 40), np.bool_)
        shape[8:40, 10 + index : 30] = True
        picture = np.where(shape[..., None], (200, 120, 90), (20, 60, 40)).astype(np.uint8)
        for kind, content in (("refs", picture), ("masks", (255 * shape).astype(np.uint8))):
            path = root / kind / "ann" / f"{index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path)
    return root / "refs"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["customcrafter", "vcd", "videomaker"])
def test_methods_of_one_subject(
    method: str, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every prompt of the pair gets its video, and the plain prompt names no second subject."""
    monkeypatch.setenv("CUSTOMSTUDIO_CACHE", str(tmp_path / "cache"))
    suite = load_suite("videomaker-human", references=references)
    (pair,) = suite.pairs.values()
    assert pair.subjects == ("ann",)
    video = {"frames": 3, "fps": 8.0, "width": 64, "height": 64}
    few = dict(list(suite.prompts.items())[:2])
    small = type(suite).model_validate({**suite.model_dump(), "prompts": few, "video": video})
    changes: dict[str, Any] = {"videomaker": ("sampling_steps=1",)}
    if method == "customcrafter":
        save(tiny(), tmp_path / "base")
    else:
        save_animatediff(tiny_animatediff(), tmp_path / "base")
        write_weights(tmp_path / "own" / OURS, tiny_animatediff().unet, "random: for tests")
        (tmp_path / "own" / RANDOM_MARK).write_text("Random values.\n")
    request = Request(
        small, method, tmp_path / "out", changes=changes.get(method, FAST), references=references,
        base_folder=tmp_path / "base", device="cpu",
    )  # fmt: skip
    if method == "videomaker":
        request = dataclasses.replace(request, method_folder=tmp_path / "own")
    outcome = runner.run(prepare(request), Silent())
    assert outcome.failures == []
    assert outcome.made == len(small.jobs) == 2
    assert set(videos(request.out)) == {f"{job.id}.mp4" for job in small.jobs}
    record = json.loads(next(request.out.rglob("0.json")).read_text())
    assert record["prompt"] in {job.prompt for job in small.jobs}
    assert "<new2>" not in json.dumps(record)
