"""Masks by a segmenter: a random SAM of tiny width in SAM's own format stands for the real one."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.generation import masks, runner, segmenter
from customstudio.generation.prepare import prepare
from customstudio.generation.records import MaskSource, Settings, Sidecar
from customstudio.generation.segmenter import Segmenter, choose
from customstudio.media.image import load_image
from customstudio.media.masks import load_mask
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Suite, VideoSpec
from customstudio.weights.networks import manifest
from customstudio.weights.store import RANDOM_MARK
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import FAST, Silent, request_of, suite, videos  # noqa: F401

torch.set_num_threads(1)


def tiny_sam(folder: Path, seed: int = 0) -> Path:
    """A SAM with random values, saved as transformers saves one; marked as random."""
    from transformers import SamConfig, SamModel

    config = SamConfig(
        vision_config={
            "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 64, "patch_size": 8, "window_size": 4,
            "global_attn_indexes": [1], "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SamModel(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    (folder / RANDOM_MARK).write_text("Random values: its masks mean nothing.\n")
    return folder


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights with a random segmenter whose masks are neither empty nor everything."""
    root = tmp_path_factory.mktemp("weights")
    images = sorted((data_dir("mini") / "refs").rglob("*.png"))
    for seed in range(30):
        folder = tiny_sam(root / f"seed{seed}" / masks.NETWORK, seed)
        loaded = Segmenter(folder)
        if all(loaded.mask(image, "") is not None for image in images[::17]):
            return folder.parent
    raise AssertionError("no seed gives masks")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The references of suite mini without their masks."""
    shutil.copytree(data_dir("mini") / "refs", tmp_path / "bare" / "refs")
    return tmp_path / "bare" / "refs"


def test_the_choice_is_what_is_documented() -> None:
    yes = np.zeros((3, 20, 20), np.bool_)
    yes[0] = True  # everything
    yes[1, 5:15, 5:15] = True
    yes[2, :4, :4] = True  # not in the middle
    for scores in ([0.9, 0.1, 0.8], [0.1, 0.2, 0.9]):
        chosen = choose(yes, np.array(scores))
        assert chosen is not None
        assert np.array_equal(chosen, yes[1])
    both = np.stack([yes[1], np.pad(np.ones((16, 16), np.bool_), 2)])
    for scores, best in (([0.3, 0.6], 1), ([0.6, 0.3], 0), ([0.5, 0.5], 0)):
        chosen = choose(both, np.array(scores))
        assert chosen is not None
        assert np.array_equal(chosen, both[best])
    assert choose(yes[[0, 2]], np.array([0.9, 0.8])) is None


def test_masks_are_of_the_pictures_size_and_repeat(sam: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (37, 91, 3)).astype(np.uint8)).save(wide)
    for seed in range(30):
        loaded = Segmenter(tiny_sam(tmp_path / str(seed), seed))
        first, second = loaded.mask(wide, ""), loaded.mask(wide, "")
        if first is None:
            continue
        assert first.shape == (37, 91)
        assert first[18, 45]
        assert np.array_equal(first, second)
        return
    raise AssertionError("no seed gives a mask")


def test_a_generation_with_made_masks(
    sam: Path,
    bare: Path,
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(sam))
    request = request_of("customvideo", changes=FAST, references=bare, masks="segment", batch=4)
    prepared = prepare(request)
    source = prepared.settings.masks
    assert source is not None
    assert (source.kind, source.network, source.status) == ("segment", "sam-vit-base", "random")
    assert set(source.sha256) == {"config.json", "model.safetensors"}
    for task in prepared.tasks.values():
        for subject in task.subjects:
            for reference in subject.references:
                assert reference.mask is not None
                assert reference.mask.parent.name == "masks"
                load_mask(reference.mask, load_image(reference.path).shape[:2])
    assert not runner.run(prepared, Silent()).failures
    assert len(videos(request.out)) == len(suite.jobs)
    written = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert written.masks == source
    job = suite.jobs[0]
    sidecar = Sidecar.model_validate_json((request.out / f"{job.id}.json").read_bytes())
    assert sidecar.masks == "sam-vit-base"
    pair = json.loads((request.out / ".pairs" / job.pair / "pair.json").read_text())
    assert any(name.startswith("mask:") for name in pair["references"][job.subjects[0]])

    # Cached by content: another run asks the network for nothing.
    monkeypatch.setattr(Segmenter, "mask", lambda *_: pytest.fail("segmented again"))
    (request.out / f"{job.id}.mp4").unlink()
    prepare(request, segment=False)  # a look at what is missing: not that masks changed
    assert runner.run(prepare(request), Silent()).made == 1
    with pytest.raises(UserError, match=r"other settings \(masks\)"):
        prepare(request_of("customvideo", changes=FAST))


def test_pictures_in_which_nothing_is_found_are_one_error(
    sam: Path,
    bare: Path,
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(sam))
    monkeypatch.setattr(segmenter, "LEAST", 2.0)  # no mask is large enough
    names = {subject for pair in suite.pairs.values() for subject in pair.subjects}
    pictures = {str(path) for name in names for path in (bare / name).glob("*.png")}
    with pytest.raises(UserError, match=f"made for {len(pictures)} pictures: .* middle") as caught:
        prepare(request_of("customvideo", changes=FAST, references=bare, masks="segment"))
    assert {line.split(" (")[0].strip() for line in caught.value.where.splitlines()} == pictures
    assert "--masks segment" not in caught.value.fix


def test_a_random_segmenter_is_said() -> None:
    plain = Settings(
        name="vcd", method="vcd", options={}, suite="mini", suite_version="v1", suite_digest="0",
        prompt_set="p", base=None, upscaler=None, arithmetic="float32",
        video=VideoSpec(frames=1, fps=8.0, width=64, height=64),
        masks=MaskSource(kind="segment", network=masks.NETWORK, status="unrecorded"),
    )  # fmt: skip
    assert plain.masks is not None
    assert plain.random == []
    made = plain.masks.model_copy(update={"status": "random"})
    assert plain.model_copy(update={"masks": made}).random == [masks.NETWORK]
    folder = MaskSource(kind="folder")
    assert plain.model_copy(update={"masks": folder}).random == []


def test_masks_that_are_there_are_kept(
    sam: Path,
    request_of: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(sam))
    monkeypatch.setattr(Segmenter, "mask", lambda *_: pytest.fail("the suite has masks"))
    own = prepare(request_of("customvideo", changes=FAST))
    made = prepare(request_of("customvideo", changes=FAST, masks="segment"))
    assert own.settings.masks is None
    assert made.settings.masks is not None
    assert made.tasks == own.tasks


def test_a_folder_of_masks(
    bare: Path,
    request_of: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    shutil.copytree(data_dir("mini") / "masks", tmp_path / "mine")
    folder = str(tmp_path / "mine")
    request = request_of("customvideo", changes=FAST, references=bare, masks=folder)
    prepared = prepare(request)
    assert prepared.settings.masks is not None
    assert prepared.settings.masks.kind == "folder"
    subject = next(iter(prepared.tasks.values())).subjects[0]
    mask = subject.references[0].mask
    assert mask is not None
    assert mask.is_relative_to(tmp_path / "mine")
    mask.unlink()
    with pytest.raises(UserError, match="masks are missing for 1 subjects"):
        prepare(request)
    with pytest.raises(UserError, match="no such folder of masks"):
        prepare(request_of("customvideo", changes=FAST, masks=str(tmp_path / "none")))
    unmasked = prepare(request_of("untuned", masks=folder))
    assert unmasked.settings.masks is None, "the method needs none"


def test_missing_weights_are_one_error(
    bare: Path,
    request_of: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError) as caught:
        prepare(request_of("customvideo", changes=FAST, references=bare, masks="segment"))
    text = str(caught.value)
    assert text.count("error:") == 1
    assert "licence: Apache-2.0" in text
    assert "374.9 MB" in text
    assert "customstudio weights fetch sam-vit-base" in text
    planned = CliRunner().invoke(
        app,
        ["generate", "customvideo", "--suite", "mini", "--masks", "segment", "--dry-run"],
    )
    assert planned.exit_code == 0
    assert "the weights that make masks are missing" in planned.output


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_sam(tmp_path / "sam")
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "iou_prediction_head" in name)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="keys do not fit"):
        Segmenter(folder)
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="cannot be loaded"):
        Segmenter(folder)


def test_the_manifest_has_the_size_of_the_architecture() -> None:
    from transformers import SamConfig, SamModel

    with torch.device("meta"):
        model = SamModel(SamConfig())
    megabytes = sum(4 * parameter.numel() for parameter in model.parameters()) / 1e6
    assert manifest()[masks.NETWORK].files[0].megabytes == pytest.approx(megabytes, abs=0.06)
