"""Read a base model's networks from its folder, in float32; nothing is fetched."""

from typing import Any

import torch
from safetensors import SafetensorError

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> VideoModel:
    """Load zeroscope, or its like."""
    from diffusers import UNet3DConditionModel

    unet = read(UNet3DConditionModel, folder, "unet")
    return VideoModel(unet, **read_parts(folder), device=torch.device(device), autocast=autocast)


DAMAGED = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
"""What readers raise of a damaged file."""


def reason(error: Exception) -> str | None:
    """What a reader says of a damaged file, or another's, in a line; None of any other error."""
    # tokenizers has nothing but Exception itself.
    damaged = isinstance(error, DAMAGED) or type(error) is Exception
    if not damaged or isinstance(error, torch.OutOfMemoryError):
        return None
    return (str(error).splitlines() or [""])[0]


def read(kind: Any, folder: BaseFolder, part: str, dtype: torch.dtype = torch.float32) -> Any:
    """A network of diffusers' from its part of the folder.

    Raises:
        ValueError: tensors of it are missing.
    """
    return _whole(kind, folder, part, torch_dtype=dtype)


def read_encoder(
    kind: Any, folder: BaseFolder, part: str, dtype: torch.dtype = torch.float32
) -> Any:
    """The same of transformers'."""
    return _whole(kind, folder, part, dtype=dtype)


def _whole(kind: Any, folder: BaseFolder, part: str, **dtype: torch.dtype) -> Any:
    network, report = kind.from_pretrained(
        str(folder.folder), subfolder=part, local_files_only=True, output_loading_info=True, **dtype
    )
    # Both libraries leave these at random values. What a file holds beyond them does no harm.
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"{part} lacks {len(missing)} tensors, {missing[0]} among them")
    return network


def read_parts(folder: BaseFolder) -> dict[str, Any]:
    """All but the UNet: VAE, text encoder, tokenizer, noise schedule; and where it is all from."""
    from diffusers import AutoencoderKL, DDPMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer

    path = str(folder.folder)
    local: dict[str, Any] = {"local_files_only": True}
    return {
        "vae": read(AutoencoderKL, folder, "vae"),
        "text_encoder": read_encoder(CLIPTextModel, folder, "text_encoder"),
        "tokenizer": CLIPTokenizer.from_pretrained(path, subfolder="tokenizer", **local),
        "schedule": dict(DDPMScheduler.load_config(path, subfolder="scheduler", **local)),
        "provenance": folder.provenance(),
    }
