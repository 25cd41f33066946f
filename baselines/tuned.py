"""What a fit produces: the weights that changed and nothing else; saved, loaded, put on a base."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from customstudio.baselines.adapters import TEXT_TARGETS, lora
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.bottlenecks import bottlenecks
from customstudio.baselines.spectral import moved
from customstudio.baselines.tokens import token_rows
from customstudio.errors import UserError
from customstudio.files import write_bytes

FORMAT = "customstudio-tuned-1"


@dataclass(frozen=True)
class Tuned:
    """The outcome of a fit; empty where a method trains nothing."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    """Name of a parameter of the UNet -> its new value."""
    rows: dict[str, Tensor] = field(default_factory=dict)
    """Learnable token -> its embedding."""
    lora: dict[str, Tensor] = field(default_factory=dict)
    """Parameters of low-rank adapters in the UNet, as peft names them."""
    text_lora: dict[str, Tensor] = field(default_factory=dict)
    """The same in the text encoder."""
    shifts: dict[str, Tensor] = field(default_factory=dict)
    """Name of a parameter of the UNet -> what is added to its singular values."""
    bottlenecks: dict[str, Tensor] = field(default_factory=dict)
    """Parameters of identity adapters after the UNet's spatial cross-attentions."""
    images: dict[str, Tensor] = field(default_factory=dict)
    """Number of a subject, from 1 -> embeddings of its references (`image_prompts`)."""


PARTS = {
    "unet": "weights", "token": "rows", "lora": "lora", "text_lora": "text_lora",
    "shift": "shifts", "bottleneck": "bottlenecks", "image": "images",
}  # fmt: skip
"""What a tensor's name in a file begins with -> the field of `Tuned`."""


def save(tuned: Tuned, path: Path, notes: dict[str, str]) -> None:
    """Write a fit as safetensors, whole or not at all, with notes in its header."""
    from safetensors.torch import save as serialised

    plain = {
        f"{part}.{name}": value.detach().cpu().contiguous()
        for part, field_name in PARTS.items()
        for name, value in getattr(tuned, field_name).items()
    }
    write_bytes(path, serialised(plain, metadata={**notes, "format": FORMAT}))


def load(path: Path) -> tuple[Tuned, dict[str, str]]:
    """Read a fit and the notes of its header.

    Raises:
        UserError: it is not one of ours, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    tuned = Tuned()
    try:
        with safe_open(path, framework="pt") as file:
            notes: dict[str, str] = file.metadata() or {}
            if notes.get("format") != FORMAT:
                raise ValueError("not a file of fitted weights")
            for key in file.keys():  # noqa: SIM118 - safe_open is not iterable
                part, _, name = key.partition(".")
                getattr(tuned, PARTS[part])[name] = file.get_tensor(key).clone()
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(
            f"fitted weights cannot be read: {error}", where=str(path), fix="remove it to fit again"
        ) from error
    return tuned, notes


@contextmanager
def applied(model: VideoModel, tuned: Tuned) -> Iterator[None]:
    """A base with the outcome of a fit on it; afterwards it is as it was, bit for bit."""
    with ExitStack() as stack:
        if tuned.rows:
            stack.enter_context(token_rows(model, tuned.rows))
        values = {**tuned.weights, **moved(model.unet, tuned.shifts)}
        stack.enter_context(replaced(model, values))
        if tuned.lora:
            stack.enter_context(lora(model.unet, values=tuned.lora))
        if tuned.bottlenecks:
            stack.enter_context(bottlenecks(model.unet, values=tuned.bottlenecks))
        if tuned.text_lora:
            encoder = model.text_encoder
            stack.enter_context(lora(encoder, targets=TEXT_TARGETS, values=tuned.text_lora))
        yield


@contextmanager
def replaced(model: VideoModel, weights: dict[str, Tensor]) -> Iterator[None]:
    """Give parameters of the UNet new values; put the old ones back at the end."""
    parameters = dict(model.unet.named_parameters())
    unknown = weights.keys() - parameters.keys()
    if unknown:
        raise ValueError(f"the base has no {sorted(unknown)[0]!r}: fitted on another base")
    before = {name: parameters[name].detach().clone() for name in weights}
    try:
        _copy(parameters, weights)
        yield
    finally:
        _copy(parameters, before)


@torch.no_grad()
def _copy(parameters: dict[str, torch.nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, value in values.items():
        parameters[name].copy_(value)
