"""Train mini-CLIP: `python -m customstudio.mini.train_clip --out DIR`.

Radford et al., arXiv:2103.00020, with captions of all or a part of a picture, near misses of each
(one claim made false) among the counterexamples, and each class, action and place by itself. In
training only, linear layers read from the last stage but one which class covers each 16 pixels,
and from the image's feature which classes it holds: by captions alone, a small network takes long
to see what shape a class has.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import open_clip
import torch
import typer
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from customstudio.files import write_bytes
from customstudio.metrics.backbones.arithmetic import CLIP_MEAN, CLIP_STD, normalised
from customstudio.metrics.backbones.clip import MERGES, MINI, tokenizer
from customstudio.mini.captions import (
    CLASSES,
    Words,
    claims,
    match,
    merges_file,
    near_misses,
    prefixed,
    variant,
)
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.training import Loop, contrast, cover, export, views
from customstudio.mini.training_data import COHORTS, Pictures, default_cache, pictures
from customstudio.mini.world import ACTIONS

BATCH, RATE = 32, 2e-3
SINGLE_CLAIMS = [
    [Words(classes=(c,)) for c in range(len(CLASSES))],
    [Words(action=a) for a in range(len(ACTIONS))],
    [Words(place=p) for p in range(len(PLACES))],
]


class Pairs(nn.Module):
    """open_clip's model, called on the pixels and tokens of a batch at once."""

    def __init__(self) -> None:
        super().__init__()
        self.network = open_clip.CLIP(**MINI)
        stage = self.network.visual.layer3
        self.covers = nn.Conv2d(stage[-1].conv3.out_channels, len(CLASSES) + 1, 1)
        self.holds = nn.Linear(int(self.network.text_projection.shape[1]), len(CLASSES))
        self.seen = self.held = torch.empty(0)
        """What both said of the last batch; the last number of `covers`: no class."""
        stage.register_forward_hook(self._read)
        self.to(memory_format=torch.channels_last)  # faster on a CPU

    def _read(self, stage: object, given: object, features: Tensor) -> None:
        self.seen = self.covers(features).flatten(2).transpose(1, 2)

    def forward(self, pixels: Tensor, tokens: Tensor) -> Float[Tensor, "images texts"]:
        """Scaled cosine of every image and every text."""
        network = self.network
        features = network.encode_image(normalised(pixels, CLIP_MEAN, CLIP_STD))
        self.held = self.holds(features)
        images = F.normalize(features, dim=-1)
        scale = network.logit_scale.clamp(max=4.6).exp()  # at most 100, as the paper's
        logits: Tensor = scale * images @ self.texts(tokens).T
        return logits

    def texts(self, tokens: Int[Tensor, "n context"]) -> Float[Tensor, "n dim"]:
        """As encode_text, without the padding that a causal network never looks at."""
        network, ends = self.network, tokens.argmax(1)
        n = int(ends.max()) + 1
        x = network.token_embedding(tokens[:, :n]) + network.positional_embedding[:n]
        x = network.transformer(x, attn_mask=network.attn_mask[:n, :n])
        x = network.ln_final(x)[torch.arange(len(tokens)), ends]
        return F.normalize(x @ network.text_projection, dim=-1)


class Batches:
    """Batches of pictures, with what is true of them and what nearly is."""

    def __init__(self, data: Pictures, merges: Path, seed: int) -> None:
        self.data, self.seed = data, seed
        self._tokens = tokenizer(MINI["text_cfg"]["context_length"], merges)  # type: ignore[index]

    def loss(self, module: Pairs, step: int) -> dict[str, Tensor]:
        """The losses of one step."""
        rng = np.random.default_rng([self.seed, step])
        data, rows = self.data, rng.choice(len(self.data.images), BATCH, False)
        light = rng.choice(3, BATCH, p=(0.5, 0.25, 0.25))
        pixels, labels = views(data.images[rows], data.labels[rows], light, (1.0, 1.1), rng)
        truths = [
            claims(data.classes[r], int(data.action[r]), int(data.place[r]), int(tint))
            for r, tint in zip(rows, light, strict=True)
        ]
        groups = [self._captions(truths, rng), *SINGLE_CLAIMS]
        texts = [prefixed(words, rng) for group in groups for words in group]
        logits = module(pixels, self._tokens(texts)).split([len(g) for g in groups], dim=1)
        matches = [torch.from_numpy(match(truths, group)) for group in groups]
        named = zip(("class", "action", "place"), logits[1:], matches[1:], strict=True)
        return {
            "text": contrast(logits[0], matches[0]),
            "image": contrast(logits[0].T, matches[0].T),
            "covers": _covers(module.seen, cover(labels, module.seen.shape[1]), data.classes[rows]),
            "holds": contrast(module.held, matches[1]),
            **{name: 0.5 * contrast(part, true) for name, part, true in named},
        }

    def _captions(self, truths: list[Words], rng: np.random.Generator) -> list[Words]:
        said = [variant(truth, rng) for truth in truths]
        wrong = [near_misses(*both, rng) for both in zip(truths, said, strict=True)]
        chosen = [w for misses in wrong for w in misses if rng.uniform() < 0.5]
        return said + chosen


def _covers(
    seen: Float[Tensor, "n cells kinds"],
    cover: Float[Tensor, "n 3 cells"],
    classes: Int[Array, "n 3"],
) -> Float[Tensor, ""]:
    """Cross-entropy of each cell's class, or of there being none, where it is plain."""
    most, slot = cover.max(1)
    own = torch.from_numpy(classes).gather(1, slot)
    empty, inside = cover.sum(1) < 0.02, most > 0.25
    nothing = torch.full((int(empty.sum()),), len(CLASSES))
    return F.cross_entropy(seen[inside], own[inside]) + F.cross_entropy(seen[empty], nothing)


def train(out: Path, steps: int, cache: Path, cohorts: int = COHORTS, seed: int = 0) -> Path:
    """Train and write the network and its merges in `out`; goes on from a checkpoint there."""
    torch.manual_seed(seed)
    write_bytes(out / MERGES, merges_file())
    module, batches = Pairs(), Batches(pictures(cache, cohorts), out / MERGES, seed)
    Loop(out, steps, RATE).run(module, lambda step: batches.loss(module, step))
    export(module.network, out / "open_clip_model.safetensors")
    return out / "open_clip_model.safetensors"


def main(
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint, the log and the network.")],
    steps: Annotated[int, typer.Option(help="Steps in all.")] = 2600,
    cache: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    cohorts: Annotated[int, typer.Option(help="How many cohorts of pictures.")] = COHORTS,
    threads: Annotated[int, typer.Option(help="Of the CPU.")] = 1,
) -> None:
    """Train mini-CLIP; the same command goes on where it stopped."""
    torch.set_num_threads(threads)
    train(out, steps, cache or default_cache(), cohorts)


if __name__ == "__main__":
    typer.run(main)
