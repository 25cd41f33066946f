"""The image half of CLIP, whose embeddings and states IP-Adapters take.

Radford et al., ICML 2021, arXiv:2103.00020; IP-Adapter (arXiv:2308.06721) has OpenCLIP's ViT-H/14,
published with the adapters in transformers' format.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from customstudio.baselines.collage import Image
from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.weights.store import Located


class ImageEncoder:
    """The image half of CLIP, as transformers has it."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Load it from a folder with its `config.json` and `model.safetensors`.

        Raises:
            UserError: the file does not fit the architecture that the folder states.
        """
        from safetensors import SafetensorError
        from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

        try:
            model, report = CLIPVisionModelWithProjection.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise _unusable(folder, str(error).splitlines()[0]) from error
        wrong = [name for kind in report.values() for name in kind or ()]
        if wrong:
            raise _unusable(folder, f"{len(wrong)} keys do not fit, as {wrong[0]}")
        self._model, self._device = model.to(device).eval(), device
        side = int(model.config.image_size)
        self._processor = CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )

    def pixels(self, images: Sequence[Image]) -> Float[Tensor, "images 3 side side"]:
        """Resized to the shorter side, cut to the middle, normalised."""
        found: Tensor = self._processor(list(images), return_tensors="pt").pixel_values
        return found.to(self._device)

    @torch.no_grad()
    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Float[Tensor, "images dim"]:
        """The embeddings that CLIP compares with text: what the plain adapter takes."""
        found: Tensor = self._model(pixels).image_embeds
        return found.cpu()

    @torch.no_grad()
    def patches(
        self, pixels: Float[Tensor, "images 3 side side"]
    ) -> Float[Tensor, "images tokens dim"]:
        """The last but one layer's states, of the image and of each patch: what Plus takes."""
        found: Tensor = self._model(pixels, output_hidden_states=True).hidden_states[-2]
        return found.cpu()


def load_image_encoder(located: "Located", device: torch.device) -> ImageEncoder:
    """The encoder of a located network."""
    return ImageEncoder(located.files["model.safetensors"].parent, device)


def _unusable(folder: Path, why: str) -> UserError:
    return UserError(
        f"the image encoder cannot be loaded: {why}",
        where=str(folder),
        fix="remove the folder and run `customstudio weights fetch ip-adapter-image-encoder`",
    )
