"""Masks by the subject's noun: a random Grounding DINO of tiny width, in its published format."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from typer.testing import CliRunner

from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.files import sha256_file
from customstudio.generation import detector, masks, runner
from customstudio.generation.detector import Detector
from customstudio.generation.prepare import prepare
from customstudio.generation.records import DetectorUse, MaskSource, Settings, Sidecar
from customstudio.generation.segmenter import Segmenter
from customstudio.media.image import load_image
from customstudio.media.masks import load_mask
from customstudio.records import digest
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Suite, VideoSpec
from customstudio.weights import random_weights
from customstudio.weights.networks import manifest
from customstudio.weights.store import RANDOM_MARK, Store
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import FAST, Silent, request_of, suite, videos  # noqa: F401
from tests.generation.test_masks import bare, tiny_sam  # noqa: F401

torch.set_num_threads(1)
BASE = "mini-zeroscope"
"""The folder of the tests is of its kind."""
NOUNS = ("Red fox", "mug")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tiny_config() -> Any:
    """The architecture at tiny width; its neck has 32 groups of channels at any."""
    return transformers.GroundingDinoConfig(
        backbone_config={
            "model_type": "swin", "embed_dim": 8, "depths": [1, 1, 1, 1],
            "num_heads": [1, 1, 2, 2], "window_size": 4, "out_indices": [2, 3, 4],
        },
        text_config={
            "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 1102,
        },
        d_model=32, num_queries=12, encoder_layers=1, encoder_ffn_dim=32,
        encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=32,
        decoder_attention_heads=2,
    )  # fmt: skip


def vocabulary() -> dict[str, int]:
    """Words by letters, with what BERT's numbers mean to the network where BERT has it."""
    tokens = [f"[unused{index}]" for index in range(1030)]
    for index, token in ((0, "[PAD]"), (100, "[UNK]"), (101, "[CLS]"), (102, "[SEP]")):
        tokens[index] = token
    tokens[103], tokens[1012], tokens[1029] = "[MASK]", ".", "?"
    tokens += [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return {token: index for index, token in enumerate(tokens)}


def small_pictures(folder: Path) -> None:
    """Let a network see pictures smaller than the 800 pixels of the published one."""
    size = {"shortest_edge": 128, "longest_edge": 213}
    transformers.GroundingDinoImageProcessor(size=size).save_pretrained(folder)


def tiny_dino(folder: Path, seed: int = 2) -> Path:
    """A Grounding DINO with random values, as transformers saves its parts; marked as random.

    With this seed its best boxes score from 0.6 to 0.7, and other nouns have other boxes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.GroundingDinoForObjectDetection(tiny_config())
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, std=1.0 if "text" in name else 0.15)
    model.save_pretrained(folder)
    small_pictures(folder)
    transformers.BertTokenizer(vocab=vocabulary()).save_pretrained(folder)
    (folder / RANDOM_MARK).write_text("Random values: its boxes mean nothing.\n")
    return folder


def by_hand(folder: Path, image: Any, text: str) -> tuple[float, Any]:
    """The highest score and its box, from the network's own outputs."""
    model = transformers.GroundingDinoForObjectDetection.from_pretrained(folder).eval()
    words = transformers.BertTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    pixels = transformers.GroundingDinoImageProcessor.from_pretrained(folder)(
        torch.from_numpy(image).permute(2, 0, 1), return_tensors="pt"
    )
    with torch.no_grad():
        found = model(**words, **pixels)
    scores = (1 / (1 + np.exp(-found.logits[0].double().numpy()))).max(axis=1)
    x, y, width, height = found.pred_boxes[0, scores.argmax()].double().numpy()
    corners = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    return float(scores.max()), corners * np.tile(image.shape[1::-1], 2)


def sam_by_hand(folder: Path, image: Any, box: Any) -> Any:
    """SAM's one mask of a box."""
    model = transformers.SamModel.from_pretrained(folder).eval()
    side = model.config.vision_config.image_size
    processor = transformers.SamProcessor(
        transformers.SamImageProcessor(
            size={"longest_edge": side}, pad_size={"height": side, "width": side},
            mask_size={"longest_edge": side // 4},
        )
    )  # fmt: skip
    asked = processor(image, input_boxes=[[box.tolist()]], return_tensors="pt")
    boxes = asked["input_boxes"].float()
    with torch.no_grad():
        found = model(pixel_values=asked["pixel_values"], input_boxes=boxes, multimask_output=False)
    sizes = asked["original_sizes"], asked["reshaped_input_sizes"]
    return processor.post_process_masks(found.pred_masks, *sizes)[0][0, 0].numpy()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with both networks; with this seed SAM's mask of a box is partial."""
    root = tmp_path_factory.mktemp("weights")
    tiny_sam(root / masks.NETWORK, 12)
    tiny_dino(root / masks.DETECTOR)
    return root


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "wide.png"
    pixels = np.random.default_rng(0).integers(0, 256, (97, 181, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_masks_are_those_of_transformers_own_classes(weights: Path, wide: Path) -> None:
    found = Detector(weights / masks.DETECTOR)
    segmenter = Segmenter(weights / masks.NETWORK, detector=found)
    boxes = []
    for path in (wide, *sorted((data_dir("mini") / "refs").rglob("*.png"))[::60]):
        image = load_image(path)
        for noun, text in zip(NOUNS, ("red fox.", "mug."), strict=True):
            score, box = by_hand(weights / masks.DETECTOR, image, text)
            assert score > detector.THRESHOLD
            assert found.box(image, noun) == pytest.approx(box, abs=1e-3)
            mask = segmenter.mask(path, noun)
            assert mask is not None
            assert mask.shape == image.shape[:2]
            assert 0 < mask.mean() < 1
            assert np.array_equal(mask, sam_by_hand(weights / masks.NETWORK, image, box))
            boxes.append(box)
    assert all(np.abs(a - b).max() > 1 for a, b in zip(boxes[::2], boxes[1::2], strict=True))


def test_the_box_has_the_highest_score_above_the_threshold(
    weights: Path, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, found = load_image(wide), Detector(weights / masks.DETECTOR)
    score, box = by_hand(weights / masks.DETECTOR, image, "mug.")
    monkeypatch.setattr(detector, "THRESHOLD", score - 1e-4)
    assert found.box(image, "mug") == pytest.approx(box, abs=1e-3)
    monkeypatch.setattr(detector, "THRESHOLD", score + 1e-4)
    assert found.box(image, "mug") is None
    segmenter = Segmenter(weights / masks.NETWORK, detector=found)
    assert segmenter.mask(wide, "mug") is None


def test_an_empty_mask_is_none(weights: Path, wide: Path, tmp_path: Path) -> None:
    segmenter = Segmenter(
        tiny_sam(tmp_path / "sam", 0), detector=Detector(weights / masks.DETECTOR)
    )
    assert segmenter.mask(wide, "mug") is None


def test_a_generation_with_masks_by_noun(
    weights: Path,
    bare: Path,  # noqa: F811
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(weights))
    asked, box = [], Detector.box
    monkeypatch.setattr(
        Detector, "box", lambda self, image, noun: asked.append(noun) or box(self, image, noun)
    )
    request = request_of("vcd", base=BASE, changes=FAST, references=bare, masks="prompt", batch=4)
    prepared = prepare(request)
    subjects = {
        subject.id: subject for task in prepared.tasks.values() for subject in task.subjects
    }
    nouns = [suite.subjects[name].prompt_noun for name, s in subjects.items() for _ in s.references]
    assert sorted(asked) == sorted(nouns)
    for subject in subjects.values():
        for reference in subject.references:
            assert reference.mask is not None
            assert reference.mask.parent.name == "masks"
            load_mask(reference.mask, load_image(reference.path).shape[:2])

    source, located = prepared.settings.masks, Store().locate(masks.NETWORKS["prompt"])
    sam, dino = located[masks.NETWORK], located[masks.DETECTOR]
    assert source == MaskSource(
        kind="prompt", network="sam-vit-base", status="random", sha256=sam.sha256,
        rule=detector.RULE,
        detector=DetectorUse(
            network="grounding-dino-tiny", status="random", sha256=dino.sha256, threshold=0.3
        ),
    )  # fmt: skip
    assert set(dino.sha256) == {
        "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    assert not runner.run(prepared, Silent()).failures
    assert len(videos(request.out)) == len(suite.jobs)
    written = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert written.masks == source
    job = suite.jobs[0]
    sidecar = Sidecar.model_validate_json((request.out / f"{job.id}.json").read_bytes())
    assert sidecar.masks == "grounding-dino-tiny+sam-vit-base"

    # Cached by content: another run asks the networks for nothing.
    monkeypatch.setattr(Segmenter, "mask", lambda *_: pytest.fail("segmented again"))
    (request.out / f"{job.id}.mp4").unlink()
    assert runner.run(prepare(request), Silent()).made == 1
    monkeypatch.undo()
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(weights))
    for other in ("suite", "segment"):
        with pytest.raises(UserError, match=r"other settings \(masks\)"):
            prepare(replace(request, masks=other, references=None))


def test_masks_are_cached_by_all_that_they_depend_on(
    weights: Path, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Store(weights).locate(masks.NETWORKS["prompt"])
    alone = {masks.NETWORK: both[masks.NETWORK]}
    other = {n: replace(both[n], sha256={**both[n].sha256, "config.json": "0" * 64}) for n in both}
    places = [
        masks._cached(wide, noun, makers)
        for noun, makers in (
            ("mug", both), ("cup", both), ("mug", both | {masks.NETWORK: other[masks.NETWORK]}),
            ("mug", both | {masks.DETECTOR: other[masks.DETECTOR]}), ("mug", alone),
        )
    ]  # fmt: skip
    monkeypatch.setattr(detector, "RULE", detector.RULE + 1)
    places.append(masks._cached(wide, "mug", both))
    monkeypatch.setattr(detector, "THRESHOLD", 0.4)
    places.append(masks._cached(wide, "mug", both))
    assert len(set(places)) == len(places)
    assert masks._cached(wide, "cup", alone) == places[4], "without a detector no noun counts"
    key = digest([sha256_file(wide), alone[masks.NETWORK].sha256, 1])
    assert places[4].stem == key[:32], "as before there was a detector"


def test_pictures_in_which_nothing_is_found_are_one_error(
    weights: Path,
    bare: Path,  # noqa: F811
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(weights))
    names = {subject for pair in suite.pairs.values() for subject in pair.subjects}
    scores = {}
    for name in names:
        text = f"{suite.subjects[name].prompt_noun}."
        for path in (bare / name).glob("*.png"):
            scores[path], _ = by_hand(weights / masks.DETECTOR, load_image(path), text)
    ordered = np.sort(list(scores.values()))
    widest = int(np.diff(ordered).argmax())
    threshold = float(ordered[widest : widest + 2].mean())
    lacking = {str(path) for path, score in scores.items() if score < threshold}
    monkeypatch.setattr(detector, "THRESHOLD", threshold)
    with pytest.raises(UserError, match=f"made for {len(lacking)} pictures: .* noun") as caught:
        prepare(request_of("vcd", base=BASE, changes=FAST, references=bare, masks="prompt"))
    assert {line.split(" (")[0].strip() for line in caught.value.where.splitlines()} == lacking
    assert 0 < len(lacking) < len(scores)
    nouns = {line.split(" (")[1].strip(")") for line in caught.value.where.splitlines()}
    assert nouns <= {subject.prompt_noun for subject in suite.subjects.values()}
    assert "draw these masks" in caught.value.fix
    assert "--masks segment" in caught.value.fix


def test_a_random_detector_is_said_and_older_settings_keep_their_digest() -> None:
    segment = MaskSource(
        kind="segment", network=masks.NETWORK, status="unrecorded",
        sha256={"model.safetensors": "0" * 64}, rule=1,
    )  # fmt: skip
    plain = Settings(
        name="vcd", method="vcd", options={}, suite="mini", suite_version="v1", suite_digest="0",
        prompt_set="p", base=None, upscaler=None, arithmetic="float32", masks=segment,
        video=VideoSpec(frames=1, fps=8.0, width=64, height=64),
    )  # fmt: skip
    # Both as the version before `detector` computed them.
    assert plain.digest == "11c3fd8ef50998aeea9b23cee1f15d1977fcfb96e227f32464c28001796fbfe9"
    folder = plain.model_copy(update={"masks": MaskSource(kind="folder")})
    assert folder.digest == "41ed1fa6319aaa333549d2324f5551f82bf5f044735525e60be4c4ffbf9907dd"
    used = DetectorUse(network=masks.DETECTOR, status="random", sha256={}, threshold=0.3)
    prompt = segment.model_copy(update={"kind": "prompt", "detector": used})
    settings = plain.model_copy(update={"masks": prompt})
    assert settings.random == [masks.DETECTOR]
    assert settings.of_status("unrecorded") == [masks.NETWORK]
    other = prompt.model_copy(update={"detector": used.model_copy(update={"threshold": 0.4})})
    assert plain.model_copy(update={"masks": other}).digest != settings.digest


def test_missing_weights_of_both_are_one_error(
    request_of: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        prepare(request_of("vcd", base=BASE, references=tmp_path / "empty", masks="prompt"))
    text = str(caught.value)
    assert text.count("error:") == 2
    assert "no reference images of" in text
    assert text.count("licence: Apache-2.0") == 2
    assert "374.9 MB" in text
    assert "689.0 MB" in text
    assert "customstudio weights fetch sam-vit-base grounding-dino-tiny, or" in text
    arguments = ["generate", "vcd", "--suite", "mini", "--masks", "prompt", "--dry-run"]
    planned = CliRunner().invoke(app, arguments)
    assert planned.exit_code == 0
    assert "the weights that make masks are missing" in planned.output


@pytest.mark.parametrize(
    ("file", "content"),
    [("model.safetensors", b"damaged"), ("config.json", b"{"), ("tokenizer.json", b"{"),
     ("preprocessor_config.json", b"{")],
)  # fmt: skip
def test_a_file_that_is_damaged_is_refused(
    weights: Path, tmp_path: Path, file: str, content: bytes
) -> None:
    folder = tmp_path / "dino"
    shutil.copytree(weights / masks.DETECTOR, folder)
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match="the detector cannot be loaded") as caught:
        Detector(folder)
    assert "customstudio weights fetch grounding-dino-tiny" in caught.value.fix


def test_a_file_that_lacks_a_tensor_is_refused(weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "dino"
    shutil.copytree(weights / masks.DETECTOR, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.text_projection.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 keys do not fit, as model\.text_projection\.weight"):
        Detector(folder)


def test_random_files_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide: Path) -> None:
    network = manifest()[masks.DETECTOR]
    written = random_weights._grounding(network, tmp_path / network.id, 0, tiny_config())
    assert {path.name for path in written} == {file.name for file in network.files}
    found = Store(tmp_path).locate([masks.DETECTOR])[masks.DETECTOR]
    assert found.status == "random"
    size = json.loads(found.files["preprocessor_config.json"].read_text())["size"]
    assert size == {"shortest_edge": 800, "longest_edge": 1333}
    small_pictures(tmp_path / masks.DETECTOR)
    monkeypatch.setattr(detector, "THRESHOLD", 0.0)
    box = Detector(tmp_path / masks.DETECTOR).box(load_image(wide), "mug")
    assert box is not None
    assert len(box) == 4


def test_the_manifest_has_the_size_of_the_architecture() -> None:
    with torch.device("meta"):
        model = transformers.GroundingDinoForObjectDetection(transformers.GroundingDinoConfig())
    megabytes = sum(4 * parameter.numel() for parameter in model.parameters()) / 1e6
    assert manifest()[masks.DETECTOR].files[0].megabytes == pytest.approx(megabytes, abs=0.06)
