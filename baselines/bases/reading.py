"""Read a base model's networks from its folder, in float32; nothing is fetched."""

from typing import Any

import torch

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> VideoModel:
    """Load zeroscope, or its like."""
    from diffusers import UNet3DConditionModel

    unet = read(UNet3DConditionModel, folder, "unet")
    return VideoModel(unet, **read_parts(folder), device=torch.device(device), autocast=autocast)


def read(kind: Any, folder: BaseFolder, part: str, dtype: torch.dtype = torch.float32) -> Any:
    """A network of diffusers' from its part of the folder."""
    return kind.from_pretrained(
        str(folder.folder), subfolder=part, local_files_only=True, torch_dtype=dtype
    )


def read_parts(folder: BaseFolder) -> dict[str, Any]:
    """All but the UNet: VAE, text encoder, tokenizer, noise schedule; and where it is all from."""
    from diffusers import AutoencoderKL, DDPMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer

    path = str(folder.folder)
    local: dict[str, Any] = {"local_files_only": True}
    return {
        "vae": read(AutoencoderKL, folder, "vae"),
        "text_encoder": CLIPTextModel.from_pretrained(
            path, subfolder="text_encoder", dtype=torch.float32, **local
        ),
        "tokenizer": CLIPTokenizer.from_pretrained(path, subfolder="tokenizer", **local),
        "schedule": dict(DDPMScheduler.load_config(path, subfolder="scheduler", **local)),
        "provenance": folder.provenance(),
    }
