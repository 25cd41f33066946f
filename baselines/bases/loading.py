"""Load a base model by the loader that its family names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel

if TYPE_CHECKING:
    from customstudio.baselines.bases.image_to_video import ImageToVideo
    from customstudio.baselines.bases.wan_vace_model import WanVace

Loaded: TypeAlias = "VideoModel | WanVace"
"""A base model of text, or of text and references: `BaseSpec.takes` says which."""


def load_base(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> Loaded:
    """The networks of a base model, in float32; nothing is fetched.

    Args:
        autocast: run the UNet, or what is in its place, in bfloat16.
    """
    model: Loaded = _loader(folder)(folder, device, autocast=autocast)
    return model


def load_animator(
    folder: BaseFolder, device: str = "cpu", *, autocast: bool = False
) -> "ImageToVideo":
    """The same for one that makes videos of pictures."""
    model: ImageToVideo = _loader(folder)(folder, device, autocast=autocast)
    return model


def _loader(folder: BaseFolder) -> Any:
    module, _, name = folder.spec.loader.partition(":")
    return getattr(import_module(module), name)
