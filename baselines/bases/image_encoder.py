"""An image encoder beside a base model: CLIP's other half, to the text encoder of the base.

Radford et al., ICML 2021, arXiv:2103.00020. Stable Diffusion 1's text encoder is that of OpenAI's
ViT-L/14, Stable Diffusion 2's that of OpenCLIP's ViT-H/14: features of images are as wide as the
embeddings of text that the UNet attends to, 768 and 1024 numbers. The network is transformers'
`CLIPVisionModelWithProjection`, the file that of the whole CLIP.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from customstudio.baselines.bases.video_model import own_memory
from customstudio.errors import UserError
from customstudio.weights.store import Located

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

    def __post_init__(self) -> None:
        self.network.to(self.device)
        own_memory(self.network)
        self.network.requires_grad_(False)
        self.network.eval()

    @property
    def width(self) -> int:
        """Numbers of a feature."""
        return int(self.network.config.projection_dim)

    @torch.no_grad()
    def features(
        self, images: UInt8[NDArray[np.uint8], "batch height width 3"]
    ) -> Float[Tensor, "batch dim"]:
        """Projected features of images, each seen whole: resized to a square, bicubic."""
        from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

        side = int(self.network.config.image_size)
        resized = [
            np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
            for image in images
        ]
        pixels = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(v)[:, None, None] for v in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
        found: Tensor = self.network(((pixels - mean) / std).to(self.device)).image_embeds
        return found


def load_image_encoder(located: Located, device: str = "cpu") -> ImageEncoder:
    """Load an image encoder from the file of the whole CLIP; nothing is fetched.

    Raises:
        UserError: the file does not fit the architecture that its folder states.
    """
    from safetensors import SafetensorError
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    file = located.files["model.safetensors"]
    try:
        config = CLIPVisionConfig.from_pretrained(str(file.parent), local_files_only=True)
        network = CLIPVisionModelWithProjection(config)
        network.load_state_dict(_visual(file))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"the image encoder cannot be loaded: {' '.join(str(error).split())[:200]}",
            where=str(file.parent),
            fix=f"remove the folder and run `customstudio weights fetch {located.network.id}`",
        ) from error
    return ImageEncoder(network, torch.device(device))


def _visual(file: Path) -> dict[str, Tensor]:
    """The tensors of CLIP's visual half, in float32."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        return {
            name: tensors.get_tensor(name).float()
            for name in tensors.keys()  # noqa: SIM118 - safe_open is not iterable
            if name.startswith("visual_projection.")
            or (name.startswith("vision_model.") and not name.endswith(".position_ids"))
        }
