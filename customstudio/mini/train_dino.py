"""Train mini-DINO: `python -m customstudio.mini.train_dino --out DIR`.

A vision transformer whose tokens know individuals: supervised contrastive learning (Khosla et al.,
arXiv:2004.11362) between pictures of the same individual, with others of its class in each batch.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from jaxtyping import Float, Int
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from customstudio.metrics.backbones.arithmetic import IMAGENET_MEAN, IMAGENET_STD, normalised
from customstudio.metrics.backbones.dino import MINI
from customstudio.mini.shapes import Array
from customstudio.mini.training import Loop, contrast, cover, export, views
from customstudio.mini.training_data import COHORTS, Pictures, default_cache, pictures

GROUPS, SINGLES, SCALE = 11, 5, 14.0
"""Scenes of several subjects and of one in a batch; what cosines are multiplied by."""


class Tokens(nn.Module):
    """The network, and what its background patches are like: a vector of the training only."""

    def __init__(self) -> None:
        super().__init__()
        self.network = VisionTransformer(num_classes=0, **MINI)
        self.background = nn.Parameter(torch.randn(self.network.num_features))

    def forward(self, pixels: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n tokens dim"]:
        """Class token, then patches, of length one."""
        pixels = normalised(pixels, IMAGENET_MEAN, IMAGENET_STD)
        return F.normalize(self.network.forward_features(pixels), dim=-1)


class Batches:
    """Batches of scenes from one cohort, and a picture of each of their individuals alone."""

    def __init__(self, data: Pictures, seed: int) -> None:
        self.data, self.seed = data, seed
        single = data.who[:, 1] < 0
        self._alone: dict[int, list[int]] = {}
        for row in np.flatnonzero(single):
            self._alone.setdefault(int(data.who[row, 0]), []).append(int(row))
        cohorts = np.unique(data.cohort)
        self._rows = [
            [np.flatnonzero((data.cohort == c) & (single == alone)) for alone in (False, True)]
            for c in cohorts
        ]

    def rows(self, rng: np.random.Generator) -> tuple[Int[Array, "n"], Int[Array, "r"]]:
        """Rows of scenes and then of references; the individual on each reference."""
        groups, singles = self._rows[rng.integers(len(self._rows))]
        scenes = [*rng.choice(groups, GROUPS, False), *rng.choice(singles, SINGLES, False)]
        who = np.unique(self.data.who[scenes])
        who = who[who >= 0]
        alone = [[r for r in self._alone[int(w)] if r not in scenes] for w in who]
        return np.array([*scenes, *(int(rng.choice(rows)) for rows in alone)]), who

    def loss(self, module: Tokens, step: int) -> dict[str, Tensor]:
        """The losses of one step."""
        rng = np.random.default_rng([self.seed, step])
        rows, who = self.rows(rng)
        light = rng.choice(3, len(rows), p=(0.6, 0.2, 0.2))
        data = self.data
        pixels, labels = views(data.images[rows], data.labels[rows], light, (1.0, 1.25), rng)
        tokens, split = module(pixels), len(rows) - len(who)
        covered = cover(labels, tokens.shape[1] - 1)
        pooled = F.normalize(covered @ tokens[:, 1:], dim=-1)
        whole, parts = tokens[split:, 0], pooled[split:, 0]
        subjects = data.who[rows[:split]]
        place = torch.from_numpy(np.searchsorted(who, subjects))
        seen = covered[:split].sum(2) > 1.5  # patches; never where there is no subject
        masked, own = pooled[:split][seen], place[seen]
        present = torch.from_numpy((subjects[:, :, None] == who).any(1))
        frames, alone = SCALE * tokens[:split, 0] @ whole.T, present.sum(1) == 1
        patches = self._patches(module, tokens[:split, 1:], covered[:split], place, parts)
        return {
            "single": F.cross_entropy(frames[alone], present[alone].float().argmax(1)),
            "group": 0.3 * contrast(frames[~alone], present[~alone]),
            "masked": F.cross_entropy(SCALE * masked @ parts.T, own),
            "mixed": 0.5 * F.cross_entropy(SCALE * masked @ whole.T, own),
            "patch": 0.5 * patches,
        }

    def _patches(
        self, module: Tokens, patches: Tensor, cover: Tensor, place: Tensor, parts: Tensor
    ) -> Tensor:
        """Each patch by itself: whose it is, of all individuals of the batch or nobody's."""
        everything = torch.cat([parts, F.normalize(module.background, dim=0)[None]])
        logits = SCALE * patches @ everything.T
        empty = cover.sum(1) < 0.05
        nobody = torch.full((int(empty.sum()),), len(parts))
        most, slot = cover.max(1)
        own = place.gather(1, slot)
        inside = most > 0.5
        ground = F.cross_entropy(logits[empty], nobody)
        return F.cross_entropy(logits[inside], own[inside]) + 0.5 * ground


def train(out: Path, steps: int, cache: Path, cohorts: int = COHORTS, seed: int = 0) -> Path:
    """Train and write `model.safetensors` in `out`; goes on from a checkpoint there."""
    torch.manual_seed(seed)
    module, batches = Tokens(), Batches(pictures(cache, cohorts), seed)
    Loop(out, steps).run(module, lambda step: batches.loss(module, step))
    export(module.network, out / "model.safetensors")
    return out / "model.safetensors"


def main(
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint, the log and the network.")],
    steps: Annotated[int, typer.Option(help="Steps in all.")] = 1800,
    cache: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    cohorts: Annotated[int, typer.Option(help="How many cohorts of pictures.")] = COHORTS,
    threads: Annotated[int, typer.Option(help="Of the CPU.")] = 1,
) -> None:
    """Train mini-DINO; the same command goes on where it stopped."""
    torch.set_num_threads(threads)
    train(out, steps, cache or default_cache(), cohorts)


if __name__ == "__main__":
    typer.run(main)
