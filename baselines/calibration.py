"""Calibration of attention: a token's map is bound to its noun's, the nouns' maps are kept apart.

Zhang et al., "Attention Calibration for Disentangled Text-to-Image Personalization" (DisenDiff),
CVPR 2024, arXiv:2403.18551. Overlap is an intersection over union of maps with values from 0 to 1.
How maps are brought to that, and what is added to both parts, is as in its authors' code.
"""

from collections.abc import Sequence
from itertools import combinations
from math import exp

import torch
from jaxtyping import Float, Int
from torch import Tensor

KERNEL = tuple(weight / (1 + 2 * exp(-1)) for weight in (exp(-1), 1.0, exp(-1)))
"""Of the smoothing, along each side: exp(-(d / 2s)^2) with s = 0.5."""


def calibration_loss(
    maps: Sequence[Float[Tensor, "batch heads positions tokens"]],
    tokens: Int[Tensor, "batch subjects tokens"],
    size: tuple[int, int],
    *,
    bind: bool = True,
    separate: bool = True,
    strengthen: bool = True,
) -> Float[Tensor, ""]:
    """The sum over subjects of 1 - IoU(noun, token), plus the mean over pairs of IoU(noun, noun).

    In the first part no gradient goes to the nouns' maps. A noun is known by its first piece, which
    stands after the token. The mean over the batch.

    Args:
        maps: of the layers of one resolution.
        tokens: 1 at the position of each subject's token; every prompt has all of them.
        size: (height, width) of the maps.
        bind: the first part.
        separate: the second part.
        strengthen: nouns' maps are squared, so that what is weak counts less.
    """
    own = _prepared(maps, tokens, size)
    nouns = _prepared(maps, tokens.roll(1, dims=-1), size)
    if strengthen:
        nouns = nouns**2
    total = own.new_zeros(len(own))
    if bind:
        total = total + (1 - iou(nouns.detach(), own)).sum(-1)
    pairs = list(combinations(range(own.shape[1]), 2))
    if separate and pairs:
        overlaps = [iou(nouns[:, first], nouns[:, second]) for first, second in pairs]
        total = total + torch.stack(overlaps).mean(0)
    return total.mean()


def iou(one: Float[Tensor, "*rest positions"], two: Float[Tensor, "*rest positions"]) -> Tensor:
    """Intersection over union of maps with values from 0 to 1, one added to either.

    >>> iou(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0]))
    tensor(0.5000)
    """
    shared = (one * two).sum(-1)
    return (shared + 1) / (one.sum(-1) + two.sum(-1) - shared + 1)


def _prepared(
    maps: Sequence[Float[Tensor, "batch heads positions tokens"]],
    at: Int[Tensor, "batch subjects tokens"],
    size: tuple[int, int],
) -> Float[Tensor, "batch subjects positions"]:
    """The maps of some positions of a prompt: mean of heads and layers, from 0 to 1, smoothed."""
    mean = torch.cat(list(maps), dim=1).mean(1)
    found = torch.einsum("bpt,bst->bsp", mean, at.to(mean.dtype))
    least, most = found.amin(-1, keepdim=True), found.amax(-1, keepdim=True)
    scaled = (found - least) / (most - least + 1e-8)
    grid = scaled.reshape(*scaled.shape[:-1], *size)
    return _smoothed(_smoothed(grid, -1), -2).flatten(-2)


def _smoothed(
    maps: Float[Tensor, "batch subjects height width"], side: int
) -> Float[Tensor, "batch subjects height width"]:
    """Filtered along a side, mirrored at its ends; a side of one position stays as it is."""
    length = maps.shape[side]
    if length == 1:
        return maps
    ends = maps.narrow(side, 1, 1), maps.narrow(side, length - 2, 1)
    padded = torch.cat([ends[0], maps, ends[1]], dim=side)
    parts = [weight * padded.narrow(side, k, length) for k, weight in enumerate(KERNEL)]
    return torch.stack(parts).sum(0)
