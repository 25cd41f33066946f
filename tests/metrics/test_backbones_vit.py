"""CLIP and DINO against a float64 forward pass in NumPy, and against the libraries' own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.special import erf
from timm.models.vision_transformer import VisionTransformer
from torchvision.transforms import Compose, Normalize, ToTensor

from customstudio.metrics import backbones
from customstudio.metrics.backbones import dino
from customstudio.weights import random_weights
from customstudio.weights.store import Located, Store

Floats = NDArray[np.float64]
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TEXTS = ["a cat", "An anime girl and a pair of sunglasses, in Kyoto.", "", "ten " * 100]


@pytest.fixture(scope="module")
def full_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full-size CLIP ViT-B/32 and DINO ViT-S/16 of random values."""
    folder = tmp_path_factory.mktemp("full")
    list(random_weights.write(folder, ["clip-vit-b32-openai", "dino-vits16"]))
    return folder


def locate(request: pytest.FixtureRequest, name: str) -> Located:
    folder = request.getfixturevalue("toy_weights" if name.startswith("toy") else "full_weights")
    return Store(folder).locate([name])[name]


def tensors(located: Located) -> dict[str, torch.Tensor]:
    (path,) = located.files.values()
    return load_file(path)


def pictures(count: int, size: int) -> NDArray[np.uint8]:
    """Pictures of noise over a gradient, no two alike."""
    rng = np.random.default_rng(count)
    ramp = np.linspace(0, 1, size)[:, None, None] * rng.integers(0, 200, (count, 1, 1, 3))
    return (ramp + rng.integers(0, 56, (count, size, size, 3))).astype(np.uint8)


def assert_same(ours: NDArray[Any], other: NDArray[Any], tolerance: float = 1e-5) -> None:
    """Equal within a share of the largest value, row by row in direction too."""
    ours, other = np.asarray(ours, np.float64), np.asarray(other, np.float64)
    assert ours.shape == other.shape
    assert np.abs(ours - other).max() <= tolerance * np.abs(other).max()
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (ours, other)]
    assert np.abs((unit[0] * unit[1]).sum(1) - 1).max() <= tolerance
    assert np.abs(unit[0] @ unit[0].T - unit[1] @ unit[1].T).max() <= tolerance


CLIPS = [
    pytest.param("toy-clip"),
    pytest.param("clip-vit-b32-openai", marks=pytest.mark.slow),
]
DINOS = [
    pytest.param("toy-dino"),
    pytest.param("dino-vits16", marks=pytest.mark.slow),
]


# A vision transformer in float64.


def layer_norm(x: Floats, weights: Mapping[str, Floats], name: str, eps: float) -> Floats:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(
    x: Floats, qkv: tuple[Floats, Floats], out: tuple[Floats, Floats], heads: int, causal: bool
) -> Floats:
    count, length, width = x.shape
    mixed = (x @ qkv[0].T + qkv[1]).reshape(count, length, 3, heads, width // heads)
    q, k, v = mixed.transpose(2, 0, 3, 1, 4)
    logits = q @ k.swapaxes(-1, -2) / np.sqrt(width // heads)
    if causal:
        logits = np.where(np.tri(length, dtype=bool), logits, -np.inf)
    logits -= logits.max(-1, keepdims=True)
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    joined = (share @ v).transpose(0, 2, 1, 3).reshape(count, length, width)
    return joined @ out[0].T + out[1]


def quick_gelu(x: Floats) -> Floats:
    return x / (1 + np.exp(-1.702 * x))


def gelu(x: Floats) -> Floats:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def block(
    x: Floats,
    w: Mapping[str, Floats],
    names: tuple[str, str, str, str, str, str],
    heads: int,
    *,
    eps: float,
    activation: Callable[[Floats], Floats],
    causal: bool = False,
) -> Floats:
    norm1, qkv, out, norm2, up, down = names
    dot = "_" if qkv.endswith("in_proj") else "."
    x = x + attention(
        layer_norm(x, w, norm1, eps),
        (w[f"{qkv}{dot}weight"], w[f"{qkv}{dot}bias"]),
        (w[f"{out}.weight"], w[f"{out}.bias"]),
        heads,
        causal,
    )
    inner = layer_norm(x, w, norm2, eps) @ w[f"{up}.weight"].T + w[f"{up}.bias"]
    return x + activation(inner) @ w[f"{down}.weight"].T + w[f"{down}.bias"]


def patches(images: NDArray[np.uint8], kernel: Floats, constants: Any) -> Floats:
    mean, deviation = constants
    pixels = (images.astype(np.float64) / 255 - mean) / deviation
    side, cells = kernel.shape[2], images.shape[1] // kernel.shape[2]
    cut = pixels.reshape(len(images), cells, side, cells, side, 3).transpose(0, 1, 3, 5, 2, 4)
    return cut.reshape(len(images), cells * cells, -1) @ kernel.reshape(len(kernel), -1).T


def with_class_token(x: Floats, token: Floats) -> Floats:
    return np.concatenate([np.broadcast_to(token, (len(x), 1, x.shape[2])), x], axis=1)


def clip_names(prefix: str) -> tuple[str, str, str, str, str, str]:
    ends = ("ln_1", "attn.in_proj", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
    return tuple(f"{prefix}.{end}" for end in ends)


def clip_tower(x: Floats, w: Mapping[str, Floats], prefix: str, heads: int, causal: bool) -> Floats:
    for layer in range(sum(name.startswith(prefix) for name in w) // 12):
        names = clip_names(f"{prefix}.{layer}")
        x = block(x, w, names, heads, eps=1e-5, activation=quick_gelu, causal=causal)
    return x


def clip_images(images: NDArray[np.uint8], w: Mapping[str, Floats], heads: int) -> Floats:
    x = with_class_token(
        patches(images, w["visual.conv1.weight"], CLIP), w["visual.class_embedding"]
    )
    x = layer_norm(x + w["visual.positional_embedding"], w, "visual.ln_pre", 1e-5)
    x = clip_tower(x, w, "visual.transformer.resblocks", heads, causal=False)
    return layer_norm(x[:, 0], w, "visual.ln_post", 1e-5) @ w["visual.proj"]


def clip_texts(tokens: NDArray[np.int64], w: Mapping[str, Floats], heads: int) -> Floats:
    x = w["token_embedding.weight"][tokens] + w["positional_embedding"]
    x = layer_norm(
        clip_tower(x, w, "transformer.resblocks", heads, causal=True), w, "ln_final", 1e-5
    )
    return x[np.arange(len(x)), tokens.argmax(1)] @ w["text_projection"]


def dino_images(images: NDArray[np.uint8], w: Mapping[str, Floats], heads: int) -> Floats:
    x = patches(images, w["patch_embed.proj.weight"], IMAGENET) + w["patch_embed.proj.bias"]
    x = with_class_token(x, w["cls_token"]) + w["pos_embed"]
    ends = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    for layer in range(sum(name.startswith("blocks.") for name in w) // 12):
        names = tuple(f"blocks.{layer}.{end}" for end in ends)
        x = block(x, w, names, heads, eps=1e-6, activation=gelu)
    return layer_norm(x[:, 0], w, "norm", 1e-6)


def in_float64(located: Located) -> dict[str, Floats]:
    return {name: value.double().numpy() for name, value in tensors(located).items()}


def tokens_of(texts: list[str]) -> NDArray[np.int64]:
    """OpenAI's rule: start, the text's tokens, end; cut to 77 with the last one made the end."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    rows = np.zeros((len(texts), 77), np.int64)
    for row, text in zip(rows, texts, strict=True):
        tokens = [49406, *tokenizer.encode(text), 49407][:77]
        if len(tokens) == 77:
            tokens[-1] = 49407
        row[: len(tokens)] = tokens
    return rows


@pytest.mark.parametrize("name", CLIPS)
def test_clip_is_the_float64_forward_pass(request: pytest.FixtureRequest, name: str) -> None:
    located = locate(request, name)
    network, w = backbones.load("clip", located, device="cpu"), in_float64(located)
    heads = (2, 2) if name.startswith("toy") else (12, 8)
    images = pictures(3, network.transform.crop)
    assert_same(network.embed(images), clip_images(images, w, heads[0]))
    assert_same(network.embed_texts(TEXTS), clip_texts(tokens_of(TEXTS), w, heads[1]))


@pytest.mark.parametrize("name", DINOS)
def test_dino_is_the_float64_forward_pass(request: pytest.FixtureRequest, name: str) -> None:
    located = locate(request, name)
    network = backbones.load("dino", located, device="cpu")
    images = pictures(3, network.transform.crop)
    heads = 2 if name.startswith("toy") else 6
    assert_same(network.embed(images), dino_images(images, in_float64(located), heads))


# The libraries' own.


def to_transformers(state: Mapping[str, torch.Tensor], heads: tuple[int, int]) -> Any:
    """The same values in transformers' CLIPModel."""
    from transformers import CLIPConfig, CLIPModel

    towers = {
        "vision": ("visual.", "visual.transformer.resblocks", heads[0]),
        "text": ("", "transformer.resblocks", heads[1]),
    }
    renamed: dict[str, torch.Tensor] = {"logit_scale": state["logit_scale"]}
    configs: dict[str, dict[str, Any]] = {}
    for tower, (top, blocks, count) in towers.items():
        layers = sum(n.startswith(f"{blocks}.") for n in state) // 12
        width = state[f"{blocks}.0.ln_1.weight"].numel()
        configs[tower] = {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": count,
            "hidden_act": "quick_gelu",
        }
        model = f"{tower}_model"
        for layer in range(layers):
            ours, theirs = f"{blocks}.{layer}", f"{model}.encoder.layers.{layer}"
            for end in ("weight", "bias"):
                parts = state[f"{ours}.attn.in_proj_{end}"].chunk(3)
                for letter, part in zip("qkv", parts, strict=True):
                    renamed[f"{theirs}.self_attn.{letter}_proj.{end}"] = part
                pairs = {
                    "attn.out_proj": "self_attn.out_proj",
                    "ln_1": "layer_norm1",
                    "ln_2": "layer_norm2",
                    "mlp.c_fc": "mlp.fc1",
                    "mlp.c_proj": "mlp.fc2",
                }
                for old, new in pairs.items():
                    renamed[f"{theirs}.{new}.{end}"] = state[f"{ours}.{old}.{end}"]
        renamed[f"{model}.embeddings.position_embedding.weight"] = state[
            f"{top}positional_embedding"
        ]
    for end in ("weight", "bias"):
        for old, new in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
            renamed[f"vision_model.{new}.{end}"] = state[f"visual.{old}.{end}"]
        renamed[f"text_model.final_layer_norm.{end}"] = state[f"ln_final.{end}"]
    renamed["vision_model.embeddings.class_embedding"] = state["visual.class_embedding"]
    renamed["vision_model.embeddings.patch_embedding.weight"] = state["visual.conv1.weight"]
    renamed["text_model.embeddings.token_embedding.weight"] = state["token_embedding.weight"]
    renamed["visual_projection.weight"] = state["visual.proj"].T
    renamed["text_projection.weight"] = state["text_projection"].T
    patch, cells = state["visual.conv1.weight"].shape[-1], len(state["visual.positional_embedding"])
    configs["vision"] |= {"patch_size": patch, "image_size": patch * int((cells - 1) ** 0.5)}
    configs["text"] |= {"vocab_size": 49408, "eos_token_id": 49407, "bos_token_id": 49406}
    config = CLIPConfig(
        text_config=configs["text"],
        vision_config=configs["vision"],
        projection_dim=state["visual.proj"].shape[1],
    )
    model = CLIPModel(config).eval()
    model.load_state_dict({n: v.contiguous() for n, v in renamed.items()}, strict=True)
    return model


@pytest.mark.parametrize("name", CLIPS)
def test_clip_is_transformers_clip(request: pytest.FixtureRequest, name: str) -> None:
    located = locate(request, name)
    network = backbones.load("clip", located, device="cpu")
    model = to_transformers(tensors(located), (2, 2) if name.startswith("toy") else (12, 8))
    images = pictures(3, network.transform.crop)
    preprocess = Compose([ToTensor(), Normalize(*CLIP)])
    with torch.inference_mode():
        pixels = torch.stack([preprocess(image) for image in images])
        theirs = model.visual_projection(model.vision_model(pixels).pooler_output)
        assert_same(network.embed(images), theirs.numpy())
        tokens = torch.from_numpy(tokens_of(TEXTS))
        theirs = model.text_projection(model.text_model(tokens).pooler_output)
        assert_same(network.embed_texts(TEXTS), theirs.numpy())


@pytest.mark.parametrize("name", DINOS)
def test_dino_is_timms_own_model(request: pytest.FixtureRequest, name: str) -> None:
    located = locate(request, name)
    network = backbones.load("dino", located, device="cpu")
    if name.startswith("toy"):
        model = VisionTransformer(num_classes=0, **dino.TOY)
    else:
        model = timm.create_model("vit_small_patch16_224.dino", pretrained=False)
    model.load_state_dict(tensors(located))
    images = pictures(3, network.transform.crop)
    preprocess = Compose([ToTensor(), Normalize(*IMAGENET)])
    with torch.inference_mode():
        pixels = torch.stack([preprocess(image) for image in images])
        assert_same(network.embed(images), model.eval()(pixels).numpy())


def test_transforms_are_the_published_ones(request: pytest.FixtureRequest) -> None:
    toys = {name: backbones.load(name, locate(request, f"toy-{name}"), device="cpu")
            for name in ("clip", "dino", "aesthetic")}  # fmt: skip
    assert {(t.transform.resize, t.transform.crop) for t in (toys["clip"], toys["aesthetic"])} == {
        (32, 32)
    }
    assert (toys["dino"].transform.resize, toys["dino"].transform.crop) == (36, 32)
    assert {t.transform.interpolation for t in toys.values()} == {"bicubic"}
    assert {t.transform.method for t in toys.values()} == {"pil"}
    vbench = backbones.load(
        "aesthetic",
        locate(request, "toy-aesthetic"),
        device="cpu",
        options={"aesthetic.no_antialias": True},
    )
    assert vbench.transform.method == "tensor-no-antialias"


@pytest.mark.slow
def test_full_size_transforms(request: pytest.FixtureRequest) -> None:
    clip = backbones.load("clip", locate(request, "clip-vit-b32-openai"), device="cpu")
    dino_network = backbones.load("dino", locate(request, "dino-vits16"), device="cpu")
    assert (clip.transform.resize, clip.transform.crop, clip.dim) == (224, 224, 512)
    assert (dino_network.transform.resize, dino_network.transform.crop) == (256, 224)
    assert dino_network.dim == 384


def test_a_text_beyond_the_context_keeps_its_end(request: pytest.FixtureRequest) -> None:
    network = backbones.load("clip", locate(request, "toy-clip"), device="cpu")
    assert not network.truncated("ten " * 75)
    assert network.truncated("ten " * 76)
    cut, same, other = network.embed_texts(["ten " * 76, "ten " * 300, "ten " * 75])
    # 75 tokens fill the context exactly: start, 75, end. One more is dropped, the end stays.
    np.testing.assert_array_equal(cut, same)
    np.testing.assert_array_equal(cut, other)
    ends = tokens_of(["ten " * 300])[0]
    assert (ends[-1], ends[-2] != 49407) == (49407, True)


@pytest.mark.parametrize("kind", ["clip", "dino", "aesthetic"])
def test_the_batch_changes_nothing(request: pytest.FixtureRequest, kind: str) -> None:
    network = backbones.load(kind, locate(request, f"toy-{kind}"), device="cpu")
    images = pictures(13, network.transform.crop)
    whole = network.embed(images)
    for size in (1, 4, 12):
        parts = [network.embed(images[start : start + size]) for start in range(0, 13, size)]
        assert np.abs(np.concatenate(parts) - whole).max() <= 1e-5
    assert whole.dtype == np.float32
    assert network.embed(images[:0]).shape == (0, network.dim)


def test_texts_in_a_batch_are_texts_alone(request: pytest.FixtureRequest) -> None:
    network = backbones.load("clip", locate(request, "toy-clip"), device="cpu")
    alone = np.concatenate([network.embed_texts([text]) for text in TEXTS])
    assert np.abs(alone - network.embed_texts(TEXTS)).max() <= 1e-5
    assert network.embed_texts([]).shape == (0, network.dim)


@pytest.mark.parametrize("kind", ["clip", "dino", "aesthetic"])
def test_half_precision_is_near_and_not_the_same(request: pytest.FixtureRequest, kind: str) -> None:
    located = locate(request, f"toy-{kind}")
    exact = backbones.load(kind, located, device="cpu")
    half = backbones.load(kind, located, device="cpu", precision="amp")
    images = pictures(4, exact.transform.crop)
    one, two = exact.embed(images), half.embed(images)
    assert two.dtype == np.float32
    assert 0 < np.abs(one - two).max() <= 0.05 * np.abs(one).max()


def test_ratings_are_the_head_over_normalised_features(request: pytest.FixtureRequest) -> None:
    located = locate(request, "toy-aesthetic")
    network = backbones.load("aesthetic", located, device="cpu")
    clip_file, head_file = located.files.values()
    w = {name: value.double().numpy() for name, value in load_file(clip_file).items()}
    head = torch.load(head_file, weights_only=True)
    images = pictures(3, 32)
    features = clip_images(images, w, 2)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    expected = features @ head["weight"].double().numpy().T + head["bias"].double().numpy()
    assert np.abs(network.embed(images) - expected).max() <= 1e-5 * np.abs(expected).max()
