"""A base while a method is fitted: what trains, what came out, and all as it was afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from customstudio.baselines.adapters import lora
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.tokens import TOKENS, TokenRows, token_rows
from customstudio.baselines.tuned import Tuned, replaced


@dataclass(frozen=True)
class Fitting:
    """The parameters that a method may train, by what they are."""

    embedding: TokenRows
    weights: dict[str, nn.Parameter] = field(default_factory=dict)
    adapters: dict[str, nn.Parameter] = field(default_factory=dict)

    def outcome(self) -> Tuned:
        """Their values now, copied to the CPU."""
        rows = zip(TOKENS, _copy(self.embedding.rows), strict=False)
        return Tuned(
            weights={name: _copy(weight) for name, weight in self.weights.items()},
            rows=dict(rows),
            lora={name: _copy(adapter) for name, adapter in self.adapters.items()},
        )


@contextmanager
def fitting(
    model: VideoModel,
    rows: Mapping[str, Tensor],
    *,
    weights: Mapping[str, nn.Parameter] | None = None,
    rank: int = 0,
    seed: int = 0,
) -> Iterator[Fitting]:
    """Token rows, existing weights and new adapters to train; the base is restored at the end.

    Args:
        rows: where the tokens start.
        weights: parameters of the UNet that will change.
        rank: of low-rank adapters; 0: none.
        seed: of the adapters' first values.
    """
    own = dict(weights or {})
    with ExitStack() as stack:
        embedding = stack.enter_context(token_rows(model, rows))
        embedding.requires_grad_(False)
        stack.enter_context(replaced(model, {n: w.detach().clone() for n, w in own.items()}))
        adapters: dict[str, nn.Parameter] = {}
        if rank:
            adapters = stack.enter_context(lora(model.unet, rank=rank, seed=seed))
            model.unet.requires_grad_(False)
        yield Fitting(embedding, own, adapters)


def _copy(parameter: Tensor) -> Tensor:
    return torch.clone(parameter.detach()).cpu()
