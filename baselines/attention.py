"""Attention maps of the spatial cross-attention, and the loss that CustomVideo puts on them.

CustomVideo, arXiv:2401.09962, section 3.3 and equation 2: the map of a subject's token is drawn to
1 inside the subject's mask and to eta, a small negative number, outside of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from customstudio.baselines.bases.processors import processing
from customstudio.baselines.option_sets import AttentionLoss
from customstudio.baselines.parameters import cross_attention, level

Maps = dict[int, list[Float[Tensor, "batch heads positions tokens"]]]
"""Level -> the maps of its layers, in the order that they ran."""


class _Keeping:
    """An attention processor with an explicit softmax that keeps its maps."""

    def __init__(self, kept: list[Tensor]) -> None:
        self.kept = kept

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        if encoder_hidden_states is None or attention_mask is not None or attn.residual_connection:
            raise ValueError("only the plain cross-attention of a transformer block is recorded")
        query = _split(attn.to_q(hidden_states), attn.heads)
        key = _split(attn.to_k(encoder_hidden_states), attn.heads)
        value = _split(attn.to_v(encoder_hidden_states), attn.heads)
        weights = (query @ key.transpose(-1, -2) * attn.scale).float().softmax(-1)
        self.kept.append(weights)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        result: Tensor = attn.to_out[1](attn.to_out[0](mixed))
        return result


@contextmanager
def recording(unet: Any, levels: Sequence[int]) -> Iterator[Maps]:
    """Keep the maps of these levels' spatial cross-attentions, with their gradients."""
    maps: Maps = {wanted: [] for wanted in levels}
    blocks = len(unet.config.block_out_channels)
    layers = {m: level(name, blocks) for name, m in cross_attention(unet, "spatial").items()}
    with processing({m: _Keeping(maps[at]) for m, at in layers.items() if at in maps}):
        yield maps


def attention_loss(
    maps: Maps,
    columns: Int[Tensor, "batch subjects tokens"],
    masks: Float[Tensor, "batch subjects height width"],
    latent: tuple[int, int],
    options: AttentionLoss,
) -> Float[Tensor, ""]:
    """Equation 2: sum over subjects of || A_i - T_i ||^2, mean over the batch and the levels.

    T_i is 1 inside subject i's mask and eta outside. A subject without a token in a prompt takes no
    part in that sample.

    Args:
        maps: as `recording` kept them, for videos of one frame.
        columns: 1 at the positions of each subject's token.
        masks: 1 on the subject, in the pixels of the training image.
        latent: (height, width) of the latents.
    """
    losses = []
    for at, layers in maps.items():
        size = tuple(-(-side // 2 ** (at - 1)) for side in latent)
        target, weight = _target(_resized(masks, size, options), options)
        taken = columns.to(target.dtype)
        count = taken.sum(-1).clamp(min=1)
        # (layers * heads, batch, subjects, positions), averaged over the token's positions.
        of_token = torch.cat(
            [torch.einsum("bhpt,bst->hbsp", m, taken) / count[None, ..., None] for m in layers]
        )
        if options.heads == "before":
            of_token = of_token.mean(0, keepdim=True)
        square = (weight * (of_token - target) ** 2).mean(0)
        of_subject = square.sum(-1) if options.norm == "sum" else square.mean(-1)
        present = (taken.sum(-1) > 0).to(of_subject.dtype)
        losses.append((of_subject * present).sum(-1).mean())
    return torch.stack(losses).mean()


def _target(
    inside: Float[Tensor, "batch subjects positions"], options: AttentionLoss
) -> tuple[Tensor, Tensor]:
    """What the map should be, and how much each position counts."""
    outside = 1 - inside
    if options.negative_area == "others":
        others = inside.sum(1, keepdim=True) - inside
        outside = outside * others.clamp(max=1)
    target = inside + options.eta * (1 - inside)
    return target, options.positive * inside + options.negative * outside


def _resized(
    masks: Float[Tensor, "batch subjects height width"],
    size: tuple[int, ...],
    options: AttentionLoss,
) -> Float[Tensor, "batch subjects positions"]:
    mode = "nearest-exact" if options.mask_resize == "nearest" else "area"
    return torch.nn.functional.interpolate(masks, size=size, mode=mode).flatten(2)


def _split(tokens: Tensor, heads: int) -> Tensor:
    return tokens.reshape(*tokens.shape[:2], heads, -1).transpose(1, 2)
