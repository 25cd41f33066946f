"""Random numbers that depend on what they are for and on nothing else: CPU generators by name."""

import numpy as np
import torch
from torch import Tensor

from customstudio.records import digest


def seed_of(*parts: str | int) -> int:
    """A seed from words and numbers: the first 63 bits of the SHA-256 of their list.

    >>> seed_of("noise", "mini", 0) == seed_of("noise", "mini", 0) != seed_of("noise", "mini", 1)
    True
    """
    return int(digest(list(parts))[:16], 16) >> 1


def generator(*parts: str | int) -> torch.Generator:
    """A CPU generator of torch, the same on every machine with the same torch."""
    return torch.Generator().manual_seed(seed_of(*parts))


def choices(*parts: str | int) -> np.random.Generator:
    """A generator of numpy, for choices that are made outside torch."""
    return np.random.default_rng(seed_of(*parts))


def normal(shape: tuple[int, ...], *parts: str | int) -> Tensor:
    """Unit normal noise on the CPU, in float32."""
    return torch.randn(shape, generator=generator(*parts))
