"""Files that options name, and the image encoder: found or refused at the start, and recorded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from customstudio.baselines import image_encoder
from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff, tiny_animatediff
from customstudio.baselines.image_encoder import load_image_encoder
from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.files import sha256_file
from customstudio.generation import runner
from customstudio.generation.parts import locate_networks
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.records import Settings
from customstudio.media.video import write_video
from customstudio.suites.schema import Suite
from customstudio.weights import random_weights
from customstudio.weights.store import Store
from tests.baselines.image_networks import tiny_clip
from tests.generation.test_generate import FAST, Silent, suite, videos  # noqa: F401

torch.set_num_threads(1)
ENCODER, CPU = "clip-vit-l14-openai", torch.device("cpu")


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("animatediff")
    save_animatediff(tiny_animatediff(), folder)
    return folder


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights, still empty."""
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def request_of(suite: Suite, base_folder: Path, tmp_path: Path) -> Any:  # noqa: F811
    def make(*changes: str, **others: Any) -> Request:
        return Request(
            suite, "videodreamer", tmp_path / "out", changes=(*FAST, *changes), device="cpu",
            base="animatediff", base_folder=base_folder, batch=4, **others,
        )  # fmt: skip

    return make


@pytest.fixture
def picks(suite: Suite, tmp_path: Path) -> Path:  # noqa: F811
    """Two pictures for each pair."""
    rng = np.random.default_rng(0)
    for pair in suite.pairs:
        for index in range(2):
            path = tmp_path / "picks" / pair / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (32, 48, 3)).astype(np.uint8)).save(path)
    return tmp_path / "picks"


@pytest.mark.filterwarnings("ignore")
def test_a_generation_with_picks_and_a_motion(
    request_of: Any,
    suite: Suite,  # noqa: F811
    weights: Path,
    picks: Path,
    tmp_path: Path,
) -> None:
    tiny_clip(weights / ENCODER)
    clip = tmp_path / "clip.mp4"
    write_video(clip, np.random.default_rng(1).integers(0, 256, (6, 64, 64, 3), np.uint8), 8.0)
    motion = (f"motion_video={clip}", "motion_prompt=a thing moves", "motion_steps=2")
    request, progress = request_of(f"picked={picks}", *motion), Silent()
    prepared = prepare(request)
    outcome = runner.run(prepared, progress)
    assert not outcome.failures
    assert outcome.made == len(suite.jobs) == len(videos(request.out))
    assert progress.steps == progress.total
    settings = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert settings.networks is not None
    ((used, encoder),) = settings.networks.items()
    assert (used, encoder.status) == (ENCODER, "random")
    file = weights / ENCODER / "model.safetensors"
    assert encoder.sha256["model.safetensors"] == sha256_file(file)
    assert settings.random == ["animatediff", ENCODER]
    assert settings.options["picked"] == str(picks)
    pair = next(iter(suite.pairs))
    record = json.loads((request.out / ".pairs" / pair / "pair.json").read_text())["references"]
    assert record["option:picked"] == {
        f"{n}.png": sha256_file(picks / pair / f"{n}.png") for n in (0, 1)
    }
    assert record["option:motion_video"] == {"clip.mp4": sha256_file(clip)}

    # Other pictures than those that the pair was begun with are refused.
    job = suite.jobs[0]
    (request.out / f"{job.id}.mp4").unlink()
    (picks / job.pair / "0.png").write_bytes((picks / job.pair / "1.png").read_bytes())
    again = runner.run(prepare(request), Silent())
    assert again.made == 0
    assert "changed since" in again.failures[0].reason


def test_all_that_is_missing_is_said_at_once(
    request_of: Any, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        prepare(request_of(f"picked={tmp_path / 'picks'}", "motion_video=none.mp4"))
    text = str(caught.value)
    assert f"customstudio weights fetch {ENCODER}" in text
    assert "MIT" in text
    assert "no such folder of picked pictures" in text
    assert "one of them is missing" in text
    assert "--set motion_video=none.mp4" in text
    assert not (tmp_path / "out").exists()
    assert "or --set visual=false" in text
    prepared = prepare(request_of("visual=false"))
    assert prepared.parts.networks == {}
    assert prepared.settings.networks is None
    assert prepare(request_of("data=separate")).parts.networks == {}


def test_the_command_line_refuses_a_motion_on_text2video_zero(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(clip, np.zeros((40, 64, 64, 3), np.uint8), 8.0)
    call = ["generate", "videodreamer", "--suite", "mini", "--base", "text2video-zero"]
    call += ["--set", f"motion_video={clip}", "--set", "motion_prompt=a thing moves"]
    result = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UserError)
    assert "text2video-zero has no layers that work across frames alone" in str(result.exception)


def test_a_folder_is_named_by_options_however_long(request_of: Any, weights: Path) -> None:
    from customstudio.cli.generate import default_out

    short = default_out(request_of("picked=a/b"))
    assert "picked=a-b" in short.name
    long = [default_out(request_of(f"motion_prompt={'word ' * 60}{n}")).name for n in (1, 2)]
    assert all(len(name) <= 60 and name.startswith("videodreamer[") for name in long)
    assert long[0] != long[1]


def test_random_image_encoders_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written as the manifest has them, at small width."""
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "projection_dim": 24}  # fmt: skip
    shape = {"projection_dim": 24, "text_config": small,
             "vision_config": {**small, "image_size": 32, "patch_size": 8}}  # fmt: skip
    monkeypatch.setitem(image_encoder.ARCHITECTURES, "clip-vit-l-14", shape)
    written = list(random_weights.write(tmp_path, [ENCODER]))
    assert {path.name for path in written} == {"model.safetensors", "config.json"}
    located = Store(tmp_path).locate([ENCODER])[ENCODER]
    assert located.status == "random"
    encoder = load_image_encoder(located, CPU)
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
    features = encoder.embed(encoder.pixels(images))
    assert features.shape == (2, 24)
    assert not torch.equal(features[0], features[1])


def test_an_encoder_that_does_not_fit_is_refused(weights: Path) -> None:
    folder = tiny_clip(weights / ENCODER)
    located = locate_networks([ENCODER])[ENCODER]
    assert load_image_encoder(located, CPU).width == 16
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["projection_dim"] = 24
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_image_encoder(located, CPU)
    assert f"weights fetch {ENCODER}" in caught.value.fix
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_image_encoder(located, CPU)
