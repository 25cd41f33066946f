"""CLIP: image and text features of open_clip's own model.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
ICML 2021, arXiv:2103.00020. OpenAI's checkpoints were trained with QuickGELU; the same keys fit a
model with plain GELU, which gives other numbers, so the activation is checked in the model built.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open_clip
import torch
from jaxtyping import Float32, UInt8
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU

from customstudio.errors import UserError
from customstudio.media.transform import Transform
from customstudio.metrics.backbones.arithmetic import (
    CLIP_MEAN,
    CLIP_STD,
    arithmetic,
    normalised,
    to_device,
    to_numpy,
)
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors, ready
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located

TOY = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
MINI = {
    "embed_dim": 128,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 20, "head_width": 64},
    "text_cfg": {"context_length": 64, "vocab_size": 680, "width": 96, "heads": 3, "layers": 2},
}
"""The architecture of the world in `customstudio.mini`, trained there: CLIP's ResNet with attention
pooling, as in OpenAI's RN50, at a small width."""
MERGES = "merges.txt.gz"
"""A vocabulary of its own beside a network's tensors; without the file, OpenAI's."""
_OWN = {"toy": TOY, "mini": MINI}


class Clip:
    """A CLIP model; features are not normalised."""

    def __init__(self, model: Any, device: str, precision: str, merges: Path | None = None) -> None:
        self._model, self._how, self._device = model, (device, precision), device
        self._tokenizer = tokenizer(int(model.context_length), merges)
        size = int(np.ravel(model.visual.image_size)[0])
        self.transform = Transform(resize=size, crop=size)
        self.dim = int(model.text_projection.shape[1])

    def embed(self, images: UInt8[Array, "n size size 3"]) -> Float32[Array, "n dim"]:
        """Image features of frames that `transform` has resized."""
        if not len(images):
            return np.empty((0, self.dim), np.float32)
        with arithmetic(*self._how):
            pixels = normalised(to_device(images, self._device), CLIP_MEAN, CLIP_STD)
            return to_numpy(self._model.encode_image(pixels))

    def embed_texts(self, texts: Sequence[str]) -> Float32[Array, "n dim"]:
        """Text features; a text beyond the context keeps its end-of-text token (OpenAI's rule)."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        with arithmetic(*self._how):
            tokens = self._tokenizer(list(texts)).to(self._device)
            return to_numpy(self._model.encode_text(tokens))

    def truncated(self, text: str) -> bool:
        """Whether a text has more tokens than the context holds beside start and end of text."""
        return len(self._tokenizer.encode(text)) + 2 > int(self._model.context_length)


def build(architecture: str) -> Any:
    """open_clip's model of that architecture, without values (on the meta device).

    Raises:
        UserError: open_clip has no such architecture, or it is not one with QuickGELU.
    """
    config = _OWN.get(architecture) or open_clip.get_model_config(architecture)
    if config is None:
        raise UserError(
            f"open_clip has no architecture {architecture!r}",
            where="the weights manifest",
            fix="install open_clip_torch 3.2 or newer",
        )
    with torch.device("meta"):
        model = open_clip.CLIP(**config)
    kinds = {type(block.mlp.gelu) for block in _blocks(model)}
    if kinds != {QuickGELU}:
        raise UserError(
            f"architecture {architecture!r} has plain GELU; OpenAI's CLIP needs QuickGELU",
            where="the weights manifest",
            fix=f"name {architecture}-quickgelu",
        )
    return model


def load_model(located: "Located", file: str) -> Any:
    """The model of a located network with the values of one of its files, on the CPU."""
    model, path = build(located.network.architecture), located.files[file]
    load_strictly(model, read_tensors(path), path)
    # The causal mask is no part of a checkpoint; the meta device left it without values.
    length = model.context_length
    model.attn_mask = torch.full((length, length), float("-inf")).triu_(1)
    return model


def load(located: "Located", *, device: str, precision: str, options: Mapping[str, bool]) -> Clip:
    """CLIP from a located network."""
    (file,) = located.files.keys() - {MERGES}
    model = ready(load_model(located, file), device)
    return Clip(model, device, precision, located.files.get(MERGES))


def tokenizer(context: int, merges: Path | None = None) -> SimpleTokenizer:
    """open_clip's tokenizer with OpenAI's vocabulary, or with that of a file of merges."""
    named = {} if merges is None else {"bpe_path": str(merges)}
    return SimpleTokenizer(context_length=context, **named)


def _blocks(model: Any) -> list[Any]:
    """The transformers' blocks; a ResNet has none."""
    visual = getattr(model.visual, "transformer", None)
    return [*(visual.resblocks if visual else ()), *model.transformer.resblocks]
