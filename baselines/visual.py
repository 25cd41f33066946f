"""What is seen in one training picture, as an embedding beside that of its prompt.

Chen et al., "VideoDreamer", arXiv:2311.00990, after "DisenBooth", ICLR 2024, arXiv:2305.03374: what
belongs to a picture and not to its subjects is left to an embedding of its own, which is only there
while a model is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from customstudio.baselines.collage import Image
from customstudio.baselines.image_encoder import ImageEncoder


class VisualAdapter(nn.Module):
    """f = MLP(v) + v of an image's features v; the MLP has one hidden layer as wide as they are."""

    def __init__(self, width: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Embeddings of images."""
        found: Tensor = self.second(torch.relu(self.first(features))) + features
        return found


@dataclass(frozen=True)
class VisualEmbeddings:
    """The embeddings of pictures, each seen whole."""

    encoder: ImageEncoder
    adapter: VisualAdapter

    def __call__(self, images: Sequence[Image]) -> Float[Tensor, "batch dim"]:
        """f of each picture."""
        found: Tensor = self.adapter(self.encoder.embed(self.encoder.pixels(images, whole=True)))
        return found
