"""Load a base model by the loader that its family names."""

from importlib import import_module

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel


def load_base(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> VideoModel:
    """The networks of a base model, in float32; nothing is fetched.

    Args:
        autocast: run the UNet in bfloat16.
    """
    module, _, name = folder.spec.loader.partition(":")
    model: VideoModel = getattr(import_module(module), name)(folder, device, autocast=autocast)
    return model
