"""An optimizer for short trainings: what it does to a matrix, it does to all directions alike."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOMENTUM, BETAS, EPS = 0.95, (0.9, 0.98), 1e-8
FASTER = 2.0
"""Rate of matrices over that of all else."""
APART = ("token_embedding", "position_embedding", "conv_in", "conv_out")
"""Tables and the outermost layers, which are no maps from features to features."""


class Muon(torch.optim.Optimizer):
    """Muon for hidden matrices, AdamW for the rest, in one step.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024): momentum whose
    singular values are made alike by five Newton-Schulz iterations; scaled to the size of AdamW's
    updates as in Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982, equation 4. The
    kernels of one output channel are one row. Torch has a Muon for one matrix at a time; here those
    of one shape go together, since on small ones the calls are what costs.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], decay: float) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in named:
            hidden = parameter.ndim >= 2 and not any(part in name for part in APART)
            (matrices if hidden else rest).append(parameter)
        groups = [{"params": matrices, "matrices": True}, {"params": rest, "matrices": False}]
        super().__init__([g for g in groups if g["params"]], {"lr": 0.0, "weight_decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from the gradients that there are."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            rate = group["lr"] * (FASTER if group["matrices"] else 1.0)
            updates = self._alike(parameters) if group["matrices"] else self._adam(parameters)
            torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
            torch._foreach_add_(parameters, updates, alpha=-rate)

    def _alike(self, parameters: list[Any]) -> list[Tensor]:
        gradients = [p.grad for p in parameters]
        momenta = self._kept(parameters, "momentum")
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        shapes = defaultdict(list)
        for index, direction in enumerate(ahead):
            shapes[direction.flatten(1).shape].append((index, direction.flatten(1)))
        updates: dict[int, Tensor] = {}
        for shape, members in shapes.items():
            found = orthogonal(torch.stack([direction for _, direction in members]))
            scaled = found * (0.2 * max(shape) ** 0.5)
            for (index, _), update in zip(members, scaled, strict=True):
                updates[index] = update.view_as(parameters[index])
        return [updates[index] for index in range(len(parameters))]

    def _adam(self, parameters: list[Any]) -> list[Tensor]:
        gradients = [p.grad for p in parameters]
        first, second = self._kept(parameters, "first"), self._kept(parameters, "second")
        torch._foreach_lerp_(first, gradients, 1 - BETAS[0])
        torch._foreach_lerp_(second, torch._foreach_mul(gradients, gradients), 1 - BETAS[1])
        for parameter in parameters:
            self.state[parameter]["step"] = self.state[parameter].get("step", 0) + 1
        step = self.state[parameters[0]]["step"]  # all have had as many
        size = torch._foreach_sqrt(torch._foreach_div(second, 1 - BETAS[1] ** step))
        torch._foreach_add_(size, EPS)
        updates = torch._foreach_div(torch._foreach_div(first, 1 - BETAS[0] ** step), size)
        return list(updates)

    def _kept(self, parameters: list[Any], name: str) -> list[Tensor]:
        """What is remembered of each parameter under a name; zero at first."""
        for parameter in parameters:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in parameters]


def orthogonal(matrices: Float[Tensor, "n rows columns"]) -> Float[Tensor, "n rows columns"]:
    """Their singular values brought near 1 (between 0.7 and 1.2), their directions kept."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    found: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    for _ in range(5):
        square = found @ found.mT
        found = 3.4445 * found + (-4.7750 * square + 2.0315 * square @ square) @ found
    return found
