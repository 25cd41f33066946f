"""IP-Adapter checkpoints of random values in the layouts that h94 publishes, at any width.

`image_proj` turns embeddings of an image into tokens; `ip_adapter` holds keys and values for the
N-th attention layer of Stable Diffusion's UNet, self- and cross-attention counted in turn (so that
those of cross-attention have odd numbers), and for FaceID a LoRA for every one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from customstudio.files import replacing, write_bytes

if TYPE_CHECKING:
    from torch import Tensor

    State = dict[str, Tensor]

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class AdapterSize:
    """The widths of a checkpoint; the defaults are Stable Diffusion 1.5's with CLIP ViT-H/14."""

    layers: Sequence[int] = (
        (320,) * 2 + (640,) * 2 + (1280,) * 5 + (640,) * 3 + (320,) * 3 + (1280,)
    )
    """Channels of each pair of attention layers, in the UNet's order: down, up, middle."""
    text: int = 768
    image: int = 1024
    """Of the image encoder's embedding."""
    patch: int = 1280
    """Of the image encoder's hidden states."""
    face: int = 512
    rank: int = 128
    inner: int = 768
    """Of the resampler of Plus; its heads have 64."""
    queries: int = 16


def shapes(architecture: str, size: AdapterSize) -> dict[str, Shapes]:
    """The shape of every tensor of a checkpoint."""
    layers: Shapes = {}
    for index, width in enumerate(size.layers):
        for letter in "kv":
            layers[f"{2 * index + 1}.to_{letter}_ip.weight"] = (width, size.text)
    if architecture == "ip-adapter":
        return {"image_proj": _projection(size), "ip_adapter": layers}
    if architecture == "ip-adapter-plus":
        return {"image_proj": _resampler(size), "ip_adapter": layers}
    return {"image_proj": _face_projection(size), "ip_adapter": {**layers, **_lora(size)}}


def random_adapter(architecture: str, size: AdapterSize, seed: int) -> "dict[str, State]":
    """A checkpoint of random values in float16; a tensor depends on the seed and its name alone."""
    import torch

    found: dict[str, State] = {}
    for part, named in shapes(architecture, size).items():
        found[part] = {}
        for name, shape in named.items():
            key = f"{seed}/{part}.{name}".encode()
            noise = torch.randn(shape, generator=torch.Generator().manual_seed(crc32(key)))
            scale = shape[-1] ** -0.5 if len(shape) > 1 else 0.1
            is_norm = len(shape) == 1 and name.endswith("weight")
            found[part][name] = (noise * scale + is_norm).half()
    return found


def save_adapter(state: "dict[str, State]", path: Path, seed: int) -> None:
    """Write a checkpoint as it is published: flat safetensors, or one dictionary of torch's."""
    if path.suffix == ".safetensors":
        from safetensors.torch import save

        flat = {f"{part}.{k}": value for part, own in state.items() for k, value in own.items()}
        write_bytes(path, save(flat, metadata={"random": f"seed {seed}"}))
        return
    import torch

    with replacing(path) as target:
        torch.save(state, target)


def _projection(size: AdapterSize) -> Shapes:
    return {
        "proj.weight": (4 * size.text, size.image), "proj.bias": (4 * size.text,),
        "norm.weight": (size.text,), "norm.bias": (size.text,),
    }  # fmt: skip


def _face_projection(size: AdapterSize) -> Shapes:
    return {
        "proj.0.weight": (2 * size.face, size.face), "proj.0.bias": (2 * size.face,),
        "proj.2.weight": (4 * size.text, 2 * size.face), "proj.2.bias": (4 * size.text,),
        "norm.weight": (size.text,), "norm.bias": (size.text,),
    }  # fmt: skip


def _resampler(size: AdapterSize, depth: int = 4) -> Shapes:
    inner = size.inner
    found: Shapes = {
        "latents": (1, size.queries, inner),
        "proj_in.weight": (inner, size.patch), "proj_in.bias": (inner,),
        "proj_out.weight": (size.text, inner), "proj_out.bias": (size.text,),
        "norm_out.weight": (size.text,), "norm_out.bias": (size.text,),
    }  # fmt: skip
    heads = 64 * max(1, inner // 64)
    for index in range(depth):
        attention, forward = f"layers.{index}.0", f"layers.{index}.1"
        for name in (f"{attention}.norm1", f"{attention}.norm2", f"{forward}.0"):
            found[f"{name}.weight"] = found[f"{name}.bias"] = (inner,)
        found[f"{attention}.to_q.weight"] = (heads, inner)
        found[f"{attention}.to_kv.weight"] = (2 * heads, inner)
        found[f"{attention}.to_out.weight"] = (inner, heads)
        found[f"{forward}.1.weight"] = (4 * inner, inner)
        found[f"{forward}.3.weight"] = (inner, 4 * inner)
    return found


def _lora(size: AdapterSize) -> Shapes:
    found: Shapes = {}
    for index, width in enumerate(size.layers):
        for number, source in ((2 * index, width), (2 * index + 1, size.text)):
            for name, inputs in (("q", width), ("k", source), ("v", source), ("out", width)):
                found[f"{number}.to_{name}_lora.down.weight"] = (size.rank, inputs)
                found[f"{number}.to_{name}_lora.up.weight"] = (width, size.rank)
    return found
