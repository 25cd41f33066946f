"""The image half of CLIP: what IP-Adapters take, and the other half to a base's text encoder.

Radford et al., ICML 2021, arXiv:2103.00020. IP-Adapter (arXiv:2308.06721) has OpenCLIP's ViT-H/14,
published with the adapters. Stable Diffusion 1's text encoder is that of OpenAI's ViT-L/14, Stable
Diffusion 2's that of OpenCLIP's ViT-H/14: embeddings of images are as wide as those of text that
the UNet attends to, 768 and 1024 numbers. The network is transformers'
`CLIPVisionModelWithProjection`; a file may hold it alone, or the whole CLIP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from customstudio.baselines.bases.video_model import settle
from customstudio.baselines.collage import Image
from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.weights.store import Located

IMAGE_HALF = "-image"
"""What the name of an architecture ends in, of which a file holds the image half alone."""
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "clip-vit-l-14": {
        "projection_dim": 768,
        "text_config": {
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "hidden_act": "quick_gelu", "projection_dim": 768,
        },
        "vision_config": {
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
            "num_attention_heads": 16, "patch_size": 14, "image_size": 224,
            "hidden_act": "quick_gelu", "projection_dim": 768,
        },
    },
    "clip-vit-h-14": {
        "projection_dim": 1024,
        "text_config": {
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
            "num_attention_heads": 16, "hidden_act": "gelu", "projection_dim": 1024,
        },
        "vision_config": {
            "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
            "num_attention_heads": 16, "patch_size": 14, "image_size": 224,
            "hidden_act": "gelu", "projection_dim": 1024,
        },
    },
}  # fmt: skip
"""Architecture of the weights manifest -> what transformers' `CLIPConfig` makes it of."""


@dataclass
class ImageEncoder:
    """A loaded image encoder; nothing trains it."""

    network: Any
    device: torch.device
    _processor: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from transformers import CLIPImageProcessor

        settle(self.network, self.device)
        side = int(self.network.config.image_size)
        self._processor = CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        return int(self.network.config.projection_dim)

    def pixels(
        self, images: Sequence[Image], *, whole: bool = False
    ) -> Float[Tensor, "images 3 side side"]:
        """Resized (bicubic) to the shorter side and cut to the middle; normalised.

        Args:
            whole: resize to a square instead.
        """
        side = int(self.network.config.image_size)
        square = {"height": side, "width": side}
        given = {"size": square, "do_center_crop": False} if whole else {}
        found: Tensor = self._processor(list(images), return_tensors="pt", **given).pixel_values
        return found.to(self.device)

    @torch.no_grad()
    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Float[Tensor, "images dim"]:
        """The embeddings that CLIP compares with text."""
        found: Tensor = self.network(pixels).image_embeds
        return found

    @torch.no_grad()
    def patches(
        self, pixels: Float[Tensor, "images 3 side side"]
    ) -> Float[Tensor, "images tokens dim"]:
        """The last but one layer's states, of the image and of each patch."""
        found: Tensor = self.network(pixels, output_hidden_states=True).hidden_states[-2]
        return found


def load_image_encoder(located: "Located", device: torch.device) -> ImageEncoder:
    """Load an image encoder from a file of it or of the whole CLIP; nothing is fetched.

    Raises:
        UserError: the file does not fit the architecture that its folder states.
    """
    from safetensors import SafetensorError
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    file = located.files["model.safetensors"]
    try:
        config = CLIPVisionConfig.from_pretrained(str(file.parent), local_files_only=True)
        network = CLIPVisionModelWithProjection(config)
        network.load_state_dict(_image_half(file))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"the image encoder cannot be loaded: {' '.join(str(error).split())[:200]}",
            where=str(file.parent),
            fix=f"remove the folder and run `customstudio weights fetch {located.network.id}`",
        ) from error
    return ImageEncoder(network, device)


def without_values(architecture: str) -> Any:
    """The network of a file, on the meta device: CLIP, or its image half."""
    from transformers import CLIPConfig, CLIPModel, CLIPVisionModelWithProjection

    config = CLIPConfig(**ARCHITECTURES[architecture.removesuffix(IMAGE_HALF)])
    with torch.device("meta"):
        if architecture.endswith(IMAGE_HALF):
            return CLIPVisionModelWithProjection(config.vision_config)
        return CLIPModel(config)


def _image_half(file: Path) -> dict[str, Tensor]:
    """The tensors but those of the text half, in float32."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        return {
            name: tensors.get_tensor(name).float()
            for name in tensors.keys()  # noqa: SIM118 - safe_open is not iterable
            if not name.startswith(("text_model.", "text_projection.", "logit_scale"))
            and not name.endswith(".position_ids")
        }
