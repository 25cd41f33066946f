"""Identity adapters: a bottleneck after each spatial cross-attention; taken out without a trace.

Wei et al., "DreamVideo", CVPR 2024, arXiv:2312.04433, section 3.2: h becomes
h + GELU(h W_down) W_up, W_up zero at the start, so that an adapter begins as the identity.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from customstudio.baselines.parameters import cross_attention

SHARE = 0.5
"""Width of a bottleneck as a share of its layer's."""


class Bottleneck(nn.Module):
    """An adapter of features of one width."""

    def __init__(self, width: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        start = torch.rand((hidden, width), generator=generator)
        self.down = nn.Parameter((2 * start - 1) / width**0.5)
        self.up = nn.Parameter(torch.zeros(width, hidden))

    def forward(
        self, features: Float[Tensor, "batch positions width"]
    ) -> Float[Tensor, "batch positions width"]:
        """Features with what the adapter adds to them."""
        hidden = nn.functional.gelu(nn.functional.linear(features, self.down))
        return features + nn.functional.linear(hidden, self.up)


@contextmanager
def bottlenecks(
    unet: Any,
    *,
    share: float = SHARE,
    seed: int = 0,
    values: Mapping[str, Tensor] | None = None,
) -> Iterator[dict[str, nn.Parameter]]:
    """Adapters after the spatial cross-attentions for as long as this lasts, by name.

    Args:
        share: width of the bottlenecks, as a share of the layers'.
        seed: of W_down's first values.
        values: set the adapters to these; the width is theirs.

    Raises:
        ValueError: the values are of another base.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters: dict[str, nn.Parameter] = {}
    with ExitStack() as stack:
        for name, layer in cross_attention(unet, "spatial").items():
            hidden = max(1, round(share * layer.out_dim))
            if values:
                hidden = len(values.get(f"{name}.down", ()))
            adapter = Bottleneck(layer.out_dim, hidden, generator)
            adapter.to(layer.to_q.weight.device).requires_grad_(False)
            parameters |= {f"{name}.{own}": value for own, value in adapter.named_parameters()}
            stack.callback(layer.register_forward_hook(_after(adapter)).remove)
        if values:
            _set(parameters, values)
        yield parameters


def _after(adapter: Bottleneck) -> Any:
    def hook(_layer: nn.Module, _given: Any, features: Tensor) -> Tensor:
        adapted: Tensor = adapter(features)
        return adapted

    return hook


@torch.no_grad()
def _set(parameters: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    if values.keys() != parameters.keys():
        raise ValueError("adapters of another base: their names differ")
    for name, value in values.items():
        parameters[name].copy_(value)
