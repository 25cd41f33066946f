"""Load a base model by the loader that its family names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel

if TYPE_CHECKING:
    from customstudio.baselines.bases.image_to_video import ImageToVideo


def load_base(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> VideoModel:
    """The networks of a base model, in float32; nothing is fetched.

    Args:
        autocast: run the UNet in bfloat16.
    """
    model: VideoModel = _loader(folder)(folder, device, autocast=autocast)
    return model


def load_animator(
    folder: BaseFolder, device: str = "cpu", *, autocast: bool = False
) -> "ImageToVideo":
    """The same for a base model that makes videos of pictures."""
    model: ImageToVideo = _loader(folder)(folder, device, autocast=autocast)
    return model


def _loader(folder: BaseFolder) -> Any:
    module, _, name = folder.spec.loader.partition(":")
    return getattr(import_module(module), name)
