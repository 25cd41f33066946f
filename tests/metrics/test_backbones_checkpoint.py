"""Checkpoints that must not be loaded: damaged, with code inside, or of another architecture."""

import io
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from customstudio.errors import UserError
from customstudio.metrics import backbones
from customstudio.metrics.backbones import clip
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors
from customstudio.weights.store import Located, Store, manifest


class Evil:
    """Would make a folder if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    path, target = tmp_path / "raft.pth", tmp_path / "evil"
    torch.save({"weight": torch.ones(2), "evil": Evil(target)}, path)
    with pytest.raises(UserError, match="more than tensors and was not loaded") as caught:
        read_tensors(path)
    assert caught.value.where == str(path)
    assert not target.exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(str(path))
    with pytest.raises(UserError, match="TorchScript archive holds code"):
        read_tensors(path)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_truncated_file_is_called_damaged(tmp_path: Path, name: str, kept: int) -> None:
    path, state = tmp_path / name, {"weight": torch.arange(1000.0)}
    if path.suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"damaged checkpoint|not loaded"):
        read_tensors(path)


def test_something_else_than_a_table_of_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"state": {"weight": torch.ones(2)}}, path)
    with pytest.raises(UserError, match="not a table of tensors by name"):
        read_tensors(path)


def test_half_precision_values_are_widened_and_counters_forgiven() -> None:
    module = nn.Linear(2, 1)
    state = {
        "weight": torch.tensor([[0.5, 2.0]], dtype=torch.float16),
        "bias": torch.zeros(1, dtype=torch.float16),
        "norm.num_batches_tracked": torch.tensor(3),
    }
    load_strictly(module, state, Path("x"))
    assert module.weight.dtype == torch.float32
    assert module.weight.tolist() == [[0.5, 2.0]]


def test_another_architecture_is_named_key_by_key(toy_weights: Path) -> None:
    located = Store(toy_weights).locate(["toy-clip", "toy-dino"])
    files = {"open_clip_model.safetensors": located["toy-dino"].files["model.safetensors"]}
    wrong = Located(located["toy-clip"].network, files, {}, "random")
    with pytest.raises(UserError) as caught:
        backbones.load("clip", wrong, device="cpu")
    text = str(caught.value)
    assert "missing keys: ln_final.bias" in text
    assert "unexpected keys: blocks.0.attn.proj.bias" in text
    assert "toy-dino/model.safetensors" in text


def test_another_width_is_told_by_its_shapes(toy_weights: Path, tmp_path: Path) -> None:
    located = Store(toy_weights).locate(["toy-dino"])["toy-dino"]
    state = load_file(located.files["model.safetensors"])
    state["norm.bias"] = torch.zeros(7)
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    wrong = Located(located.network, {"model.safetensors": path}, {}, "random")
    with pytest.raises(UserError, match=r"other shapes: norm.bias \(7,\) instead of \(32,\)"):
        backbones.load("dino", wrong, device="cpu")


def test_plain_gelu_is_refused_though_every_key_fits() -> None:
    quick, plain = (
        {name for name, _ in clip.open_clip.CLIP(**config).state_dict().items()}
        for config in (clip.TOY, {**clip.TOY, "quick_gelu": False})
    )
    assert quick == plain
    with pytest.raises(UserError, match="has plain GELU"):
        clip.build("ViT-B-32")


def test_a_network_of_another_kind_and_tf32_on_a_cpu_are_refused(toy_weights: Path) -> None:
    located = Store(toy_weights).locate(["toy-dino"])["toy-dino"]
    with pytest.raises(UserError, match="toy-dino is a dino network, not clip"):
        backbones.load("clip", located, device="cpu")
    with pytest.raises(UserError, match="TF32 exists on CUDA devices only"):
        backbones.load("dino", located, device="cpu", precision="tf32")


@pytest.mark.parametrize("name", ["raft-large-c-t-v1", "fasterrcnn-mobilenet-v3-large-fpn"])
def test_a_toy_checkpoint_does_not_pass_for_a_full_one(toy_weights: Path, name: str) -> None:
    network = manifest()[name]
    toy = f"toy-{network.kind}"
    (path,) = Store(toy_weights).locate([toy])[toy].files.values()
    located = Located(network, {network.files[0].name: path}, {}, "unofficial")
    with pytest.raises(UserError, match="of another architecture"):
        backbones.load(network.kind, located, device="cpu")


def test_layouts_of_the_large_clip_fit_the_aesthetic_predictor() -> None:
    model = clip.build("ViT-L-14-quickgelu")
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert len(shapes) == 446
    assert shapes["visual.conv1.weight"] == (1024, 3, 14, 14)
    assert shapes["visual.positional_embedding"] == (257, 1024)
    assert shapes["visual.proj"] == (1024, 768)
    assert shapes["transformer.resblocks.11.mlp.c_fc.weight"] == (3072, 768)


def test_global_settings_are_as_before_a_forward_pass(toy_weights: Path) -> None:
    def settings() -> tuple[object, ...]:
        return (
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.is_grad_enabled(),
            torch.random.get_rng_state().sum().item(),
        )

    before = settings()
    located = Store(toy_weights).locate(["toy-clip", "toy-flow", "toy-detector", "toy-dino"])
    for row in located.values():
        network = backbones.load(row.network.kind, row, device="cpu", precision="amp")
        if row.network.kind in ("clip", "dino"):
            size = network.transform.crop
            network.embed(torch.zeros(2, size, size, 3, dtype=torch.uint8).numpy())
    assert settings() == before


def test_a_checkpoint_that_is_no_onnx_is_refused(toy_weights: Path, tmp_path: Path) -> None:
    located = Store(toy_weights).locate(["toy-faces"])["toy-faces"]
    good = located.files
    garbage = tmp_path / "detection.onnx"
    garbage.write_bytes(io.BytesIO(b"\x08\x08garbage").getvalue())
    for files, where in (
        ({"detection.onnx": garbage, "recognition.onnx": good["recognition.onnx"]}, str(garbage)),
        (dict.fromkeys(good, good["recognition.onnx"]), "recognition.onnx"),
        (dict.fromkeys(good, good["detection.onnx"]), "detection.onnx"),
    ):
        with pytest.raises(UserError, match="not the expected ONNX network") as caught:
            backbones.load("faces", Located(located.network, files, {}, "random"), device="cpu")
        assert where in caught.value.where
