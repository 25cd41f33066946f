"""A seeded training loop with checkpoints."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from customstudio.files import write_bytes

EVERY = 100
"""Steps between checkpoints, and between lines of the log."""
WARM_UP = 100

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Plan:
    """How a network is trained: AdamW, with a rate that falls to zero along a cosine."""

    name: str
    steps: int
    rate: float
    batch: int
    decay: float = 0.01


def rate(plan: Plan, step: int) -> float:
    """Learning rate of a step.

    >>> plan = Plan("net", steps=1000, rate=1.0, batch=1)
    >>> rate(plan, 49), rate(plan, 500), round(rate(plan, 1000), 6)
    (0.5, 0.5, 0.0)
    """
    cosine = (1 + np.cos(np.pi * step / plan.steps)) / 2
    return float(plan.rate * min(cosine, (step + 1) / WARM_UP))


def train(
    network: Network,
    plan: Plan,
    loss_of: Callable[[nn.Module, np.random.Generator], Tensor],
    out: Path,
    seed: int,
) -> Network:
    """The network after its steps, from the checkpoint in `out` if there is one.

    Args:
        network: as it is initialised.
        plan: how it is trained.
        loss_of: the loss of a network on a new batch, drawn from a generator.
        out: folder of the checkpoint `<name>.pt` and of the log `<name>.csv` (step, mean loss
            since the line before, seconds since the start of this run).
        seed: of the batches.
    """
    network = network.to(memory_format=torch.channels_last)  # faster on a CPU
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    out.mkdir(parents=True, exist_ok=True)
    path, start, first, losses = out / f"{plan.name}.pt", time.monotonic(), 0, []
    if path.exists():
        kept = torch.load(path, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        first = int(kept["step"])
    network.train()
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(plan, step)
        loss = loss_of(network, np.random.default_rng([seed, step]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        if (step + 1) % EVERY == 0 or step + 1 == plan.steps:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
            buffer = BytesIO()
            torch.save({**state, "step": step + 1}, buffer)
            write_bytes(path, buffer.getvalue())
            with (out / f"{plan.name}.csv").open("a") as log:
                seconds = time.monotonic() - start
                log.write(f"{step + 1},{np.mean(losses):.4f},{seconds:.0f}\n")
            losses = []
    return network.eval()
