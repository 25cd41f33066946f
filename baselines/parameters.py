"""Which weights of the UNet a method trains, by name.

Spatial `attn2` layers attend from pixels to text. The temporal layers' `attn2`, and those of
AnimateDiff's motion modules, attend from frame to frame (diffusers: `double_self_attention`), yet
CustomVideo counts them among its cross-attentions.
"""

from typing import Any

from torch import nn

from customstudio.baselines.option_sets import Layers, Projections


def cross_attention(unet: nn.Module, layers: Layers) -> dict[str, Any]:
    """The `attn2` modules, by name: 16 spatial ones; with temporal ones, if asked for."""
    return {
        name: module
        for name, module in unet.named_modules()
        if name.endswith(".attn2") and (layers == "spatial+temporal" or not is_temporal(name))
    }


def self_attention(unet: nn.Module) -> dict[str, Any]:
    """The spatial `attn1` modules, by name: each attends to the pixels of its own frame."""
    return {
        name: module
        for name, module in unet.named_modules()
        if name.endswith(".attn1") and not is_temporal(name)
    }


def motion(unet: nn.Module) -> dict[str, nn.Parameter]:
    """All parameters of AnimateDiff's motion modules, by name; none on another family."""
    return {
        name: parameter
        for name, parameter in unet.named_parameters()
        if "motion_modules" in name.split(".")
    }


def projections(unet: nn.Module, which: Projections, layers: Layers) -> dict[str, nn.Parameter]:
    """The weights of keys and values, or queries and values, by name."""
    found = {}
    for name, module in cross_attention(unet, layers).items():
        for letter in which:
            found[f"{name}.to_{letter}.weight"] = getattr(module, f"to_{letter}").weight
    return found


def within_frames(unet: nn.Module) -> dict[str, nn.Parameter]:
    """All parameters of the layers that work within a frame: of AnimateDiff, Stable Diffusion's."""
    return {n: parameter for n, parameter in unet.named_parameters() if not is_temporal(n)}


def is_temporal(name: str) -> bool:
    """Whether a layer works across frames."""
    parts = ("temp_attentions", "temp_convs", "transformer_in", "motion_modules")
    return any(part in name.split(".") for part in parts)


def level(name: str, blocks: int = 4) -> int | None:
    """The resolution that a layer works at: 1 is that of the latents, each next one its half.

    >>> level("down_blocks.2.attentions.0.x"), level("up_blocks.3.x"), level("mid_block.x")
    (3, 1, 4)
    """
    place, _, rest = name.partition(".")
    number = rest.partition(".")[0]
    if place == "mid_block":
        return blocks
    if place == "down_blocks":
        return int(number) + 1
    return blocks - int(number) if place == "up_blocks" else None
