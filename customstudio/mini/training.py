"""What the trainings of mini-CLIP and mini-DINO share: views, the loss of pairs, and the loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from customstudio.files import write_bytes
from customstudio.mini.shapes import Array
from customstudio.mini.world import LIGHTS

TINTS = np.array(list(LIGHTS.values()))
WARM_UP, FALL, EVERY = 50, 0.3, 50
"""Steps until the full rate; the last part of all steps, in which it falls; steps a log line."""

Loss = Callable[[int], dict[str, Tensor]]


def views(
    images: UInt8[Array, "n size size 3"],
    labels: UInt8[Array, "n size size"],
    light: Int[Array, "n"],
    zoom: tuple[float | Float[Array, "n"], float | Float[Array, "n"]],
    rng: np.random.Generator,
    noise: float = 0.03,
) -> tuple[Float[Tensor, "n 3 size size"], Int[Tensor, "n size size"]]:
    """Pictures in [0, 1] as they might be seen: light, mirrored, larger, shifted, with noise.

    Args:
        zoom: the least and the most that pictures grow by, of all or of each.
        noise: the largest standard deviation of the noise.
    """
    n = len(images)
    larger, mirror = rng.uniform(*zoom, n), rng.choice([-1.0, 1.0], n)
    room = (1 - 1 / larger) + 0.06
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = mirror / larger, 1 / larger
    theta[:, :, 2] = rng.uniform(-1, 1, (n, 2)) * room[:, None]
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    shape = list(pixels.shape)
    grid = F.affine_grid(torch.from_numpy(theta), shape, align_corners=False)
    seen = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    seen = seen * torch.from_numpy(TINTS[light]).float()[:, :, None, None]
    grain = rng.uniform(0, noise, n)[:, None, None, None] * rng.standard_normal(shape)
    seen = (seen + torch.from_numpy(grain).float()).clamp(0, 1)
    where = torch.from_numpy(labels)[:, None].float()
    where = F.grid_sample(where, grid, "nearest", padding_mode="border", align_corners=False)
    return seen, where[:, 0].round().long()


def contrast(logits: Float[Tensor, "n m"], match: Bool[Tensor, "n m"]) -> Float[Tensor, ""]:
    """Mean over matching pairs of -log p of the pair against all that do not match its row.

    InfoNCE (van den Oord et al., arXiv:1807.03748) with the row's other matches left out, as a
    picture of a cat and a dog is no counterexample to "a cat". Rows without a match do not count.
    """
    rest = logits.masked_fill(match, -1e4).logsumexp(1, keepdim=True)
    each = F.softplus(rest - logits) * match
    rows = match.any(1)
    return (each.sum(1)[rows] / match.sum(1)[rows]).mean()


def cover(labels: Int[Tensor, "n size size"], patches: int) -> Float[Tensor, "n 3 patches"]:
    """How much of each patch each of three subjects covers, from 0 to 1."""
    masks = torch.stack([labels == i + 1 for i in range(3)], 1).float()
    return F.avg_pool2d(masks, labels.shape[-1] // int(patches**0.5)).flatten(2)


@dataclass(frozen=True)
class Loop:
    """How a module is trained: at a steady rate, which may fall at the end along a line."""

    out: Path
    """Folder of `checkpoint.pt` and `log.csv`."""
    steps: int
    rate: float = 1e-3
    decay: float = 0.05
    constant: bool = False
    """The rate neither warms up nor falls: more steps only go on."""
    every: int = EVERY
    """Steps between checkpoints, and between lines of the log."""

    def at(self, step: int) -> float:
        """Learning rate of a step.

        >>> loop = Loop(Path(), steps=1000, rate=1.0)
        >>> loop.at(24), loop.at(600), loop.at(850)
        (0.5, 1.0, 0.5)
        """
        if self.constant:
            return self.rate
        left = (self.steps - step) / (FALL * self.steps)
        return self.rate * min(1.0, (step + 1) / WARM_UP, left)

    def run(
        self, module: nn.Module, losses: Loss, optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        """Train it, from the checkpoint where there is one; the result is the same.

        Args:
            optimizer: AdamW unless it is given; its rate is set here.
        """
        optimizer = optimizer or torch.optim.AdamW(
            module.parameters(), self.rate, (0.9, 0.98), weight_decay=self.decay
        )
        first, seconds = self._resume(module, optimizer)
        start, kept = time.monotonic() - seconds, []
        module.train()
        for step in range(first, self.steps):
            for group in optimizer.param_groups:
                group["lr"] = self.at(step)
            parts = losses(step)
            optimizer.zero_grad()
            torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            kept.append({name: value.detach() for name, value in parts.items()})
            if (step + 1) % self.every == 0 or step + 1 == self.steps:
                self._keep(module, optimizer, step + 1, time.monotonic() - start, kept)
                kept = []
        module.eval()

    def _resume(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return 0, 0.0
        found = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(found["module"])
        optimizer.load_state_dict(found["optimizer"])
        return int(found["step"]), float(found["seconds"])

    def _keep(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        step: int,
        seconds: float,
        kept: list[dict[str, Tensor]],
    ) -> None:
        state = {"module": module.state_dict(), "optimizer": optimizer.state_dict()}
        buffer = BytesIO()
        torch.save({**state, "step": step, "seconds": seconds}, buffer)
        write_bytes(self.out / "checkpoint.pt", buffer.getvalue())
        means = {name: float(torch.stack([row[name] for row in kept]).mean()) for name in kept[0]}
        with (self.out / "log.csv").open("a") as log:
            values = ",".join(f"{name}={value:.4f}" for name, value in means.items())
            log.write(f"{step},{seconds:.0f},{values}\n")


def export(module: nn.Module, path: Path) -> None:
    """Write a module's tensors as float16 safetensors."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in module.state_dict().items()
    }
    write_bytes(path, save(tensors))
