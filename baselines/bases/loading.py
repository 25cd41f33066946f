"""Load a base model by the loader that its family names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from customstudio.baselines.bases.reading import reason
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.baselines.bases.image_to_video import ImageToVideo
    from customstudio.baselines.bases.wan_vace_model import WanVace

Loaded: TypeAlias = "VideoModel | WanVace"
"""A base model of text, or of text and references: `BaseSpec.takes` says which."""


def load_base(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> Loaded:
    """The networks of a base model, in float32; nothing is fetched.

    Args:
        autocast: run the UNet, or what is in its place, in bfloat16.

    Raises:
        UserError: a file is damaged, not whole, or of something else.
    """
    model: Loaded = _load(folder, device, autocast)
    return model


def load_animator(
    folder: BaseFolder, device: str = "cpu", *, autocast: bool = False
) -> "ImageToVideo":
    """The same for one that makes videos of pictures."""
    model: ImageToVideo = _load(folder, device, autocast)
    return model


def _load(folder: BaseFolder, device: str, autocast: bool) -> Any:
    module, _, name = folder.spec.loader.partition(":")
    load = getattr(import_module(module), name)
    try:
        return load(folder, device, autocast=autocast)
    except Exception as error:
        why = reason(error)
        if why is None:
            raise
        raise UserError(
            f"{folder.spec.id} cannot be loaded: {type(error).__name__}: {why}",
            where=str(folder.folder),
            fix="if a file there came in part, or is another model's, fetch the folder again",
        ) from error
