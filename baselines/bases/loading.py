"""Load a base model by the loader that its family names."""

from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel

if TYPE_CHECKING:
    from customstudio.baselines.bases.wan_vace_model import WanVace

Loaded: TypeAlias = "VideoModel | WanVace"
"""A base model of either kind: `BaseSpec.takes` says which."""


def load_base(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> Loaded:
    """The networks of a base model, in float32; nothing is fetched.

    Args:
        autocast: run the UNet, or what is in its place, in bfloat16.
    """
    module, _, name = folder.spec.loader.partition(":")
    model: Loaded = getattr(import_module(module), name)(folder, device, autocast=autocast)
    return model
