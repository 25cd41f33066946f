"""Spectral shifts: the UNet's weights moved along their own singular directions.

Han et al., "SVDiff", ICCV 2023, arXiv:2303.11305, equation 2: W = U diag(sigma) V^T becomes
U diag(ReLU(sigma + delta)) V^T, and delta alone trains. A kernel is the matrix of its outputs
against all the rest. Singular vectors are computed once for a UNet and kept in memory.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from customstudio.baselines.option_sets import Layers
from customstudio.baselines.parameters import is_temporal


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a weight and their directions."""

    left: Float[Tensor, "out rank"]
    values: Float[Tensor, " rank"]
    right: Float[Tensor, "rank rest"]


_known: WeakKeyDictionary[nn.Module, dict[str, Spectrum]] = WeakKeyDictionary()


def shiftable(unet: nn.Module, layers: Layers) -> dict[str, nn.Parameter]:
    """Matrices and kernels, by name; with those of temporal layers, if asked for."""
    return {
        name: weight
        for name, weight in unet.named_parameters()
        if weight.ndim > 1 and (layers == "spatial+temporal" or not is_temporal(name))
    }


def spectrum(weight: Float[Tensor, "out *rest"]) -> Spectrum:
    """The singular value decomposition of a weight, in float32."""
    left, values, right = torch.linalg.svd(weight.detach().float().flatten(1), full_matrices=False)
    return Spectrum(left, values, right)


def shifted(
    weight: Float[Tensor, "out *rest"], of: Spectrum, delta: Float[Tensor, " rank"]
) -> Float[Tensor, "out *rest"]:
    """Equation 2, written as what is added to the weight: nothing at all where delta is zero."""
    change = torch.relu(of.values + delta) - of.values
    return weight + ((of.left * change) @ of.right).reshape(weight.shape).to(weight.dtype)


def moved(unet: nn.Module, deltas: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The new value of each weight that has a shift.

    Raises:
        ValueError: the UNet has no such weight.
    """
    weights = dict(unet.named_parameters())
    unknown = deltas.keys() - weights.keys()
    if unknown:
        raise ValueError(f"the base has no {sorted(unknown)[0]!r}: fitted on another base")
    values = {}
    with torch.no_grad():
        for name, delta in deltas.items():
            weight = weights[name]
            of = _spectrum_of(unet, name, weight)
            values[name] = shifted(weight, of, delta.to(weight.device))
    return values


@contextmanager
def shifting(unet: nn.Module, layers: Layers) -> Iterator[dict[str, nn.Parameter]]:
    """Shifts of zero in the UNet for as long as this lasts, as the weight's name -> delta."""
    weights = shiftable(unet, layers)
    shifts = {name: _Shift(_spectrum_of(unet, name, weight)) for name, weight in weights.items()}
    changed = []
    try:
        for name, shift in shifts.items():
            place, _, own = name.rpartition(".")
            module = unet.get_submodule(place)
            order = list(module._parameters)
            parametrize.register_parametrization(module, own, shift)
            changed.append((module, own, order))
        yield {name: shift.delta for name, shift in shifts.items()}
    finally:
        for module, own, order in changed:
            parametrize.remove_parametrizations(module, own, leave_parametrized=False)
            # It comes back as the last one: put it where it was.
            for name in order:
                module._parameters[name] = module._parameters.pop(name)


class _Shift(nn.Module):
    """A parametrization of a weight, with its delta."""

    def __init__(self, of: Spectrum) -> None:
        super().__init__()
        self.of = of
        self.delta = nn.Parameter(torch.zeros_like(of.values))

    def forward(self, weight: Tensor) -> Tensor:
        return shifted(weight, self.of, self.delta)


def _spectrum_of(unet: nn.Module, name: str, weight: Tensor) -> Spectrum:
    known = _known.setdefault(unet, {})
    if name not in known:
        known[name] = spectrum(weight)
    return known[name]
