"""IP-Adapters in AnimateDiff's UNet: read as published, put in, taken out again without a trace.

Ye et al., "IP-Adapter", arXiv:2308.06721, section 3.2 ("decoupled cross-attention"): what a layer
gets from the text, plus lambda times what it gets from the image by keys and values of the
adapter's own. The attention is diffusers' `IPAdapterAttnProcessor2_0`, and diffusers takes the
checkpoint apart, but for the LoRA of FaceID: its numbers count the attention layers of Stable
Diffusion, and diffusers counts motion modules too, so that it would land on the wrong ones.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from customstudio.baselines.adapters import NAME, lora
from customstudio.baselines.bases.animatediff_model import AnimateDiff, ImagePrompt
from customstudio.baselines.parameters import is_temporal
from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.weights.store import Located

State = dict[str, dict[str, Tensor]]
"""`image_proj`: what turns an embedding into tokens; `ip_adapter`: keys and values by layer."""


def read_adapter(located: "Located") -> State:
    """A checkpoint in float32.

    Raises:
        UserError: it cannot be read, or is none of an IP-Adapter.
    """
    (path,) = located.files.values()
    try:
        state = _read_flat(path) if path.suffix == ".safetensors" else _read_nested(path)
    except Exception as error:  # safetensors' and pickle's own have no common class
        raise _unusable(path, str(error).splitlines()[0]) from error
    if not state["image_proj"] or not state["ip_adapter"]:
        raise _unusable(path, "it has no image_proj or no ip_adapter")
    return {
        part: {name: value.to(torch.float32, copy=True) for name, value in own.items()}
        for part, own in state.items()
    }


@contextmanager
def adapted(
    model: AnimateDiff, state: State, prompt: ImagePrompt, scales: Sequence[float]
) -> Iterator[None]:
    """An adapter in the UNet with what it is given; afterwards the base is as it was.

    Args:
        scales: lambda of each image of the prompt.

    Raises:
        UserError: the adapter is one of another base.
    """
    unet, before = model.unet, dict(model.unet.attn_processors)
    with ExitStack() as stack:
        with _complaining(), torch.random.fork_rng(devices=[]):
            if values := lora_of(unet, state):
                stack.enter_context(lora(unet, values=values))
            stack.callback(_take_out, model, before)
            _put_in(unet, {**state, "ip_adapter": without_lora(state)}, scales)
        model.image_prompt = prompt
        yield


def lora_of(unet: Any, state: State) -> dict[str, Tensor]:
    """FaceID's LoRA by the names of our adapters; empty where a checkpoint has none.

    The checkpoint's N is the N-th attention layer of Stable Diffusion: of the UNet's without those
    of the motion modules.
    """
    layers = [name.removesuffix(".processor") for name in spatial_layers(unet)]
    found = {}
    for name, value in state["ip_adapter"].items():
        number, _, rest = name.partition(".")
        if "_lora." not in rest:
            continue
        if int(number) >= len(layers):
            raise _unfit(f"it has a LoRA for layer {number}, the base has {len(layers)} layers")
        projection, _, side = rest.removesuffix(".weight").partition("_lora.")
        part = "to_out.0" if projection == "to_out" else projection
        half = {"down": "lora_A", "up": "lora_B"}[side]
        found[f"{layers[int(number)]}.{part}.{half}.{NAME}.weight"] = value
    return found


def spatial_layers(unet: Any) -> list[str]:
    """The attention processors of Stable Diffusion, by name, in its order."""
    return [name for name in unet.attn_processors if not is_temporal(name)]


def without_lora(state: State) -> dict[str, Tensor]:
    """Keys and values alone."""
    return {name: v for name, v in state["ip_adapter"].items() if "_lora." not in name}


def _put_in(unet: Any, state: State, scales: Sequence[float]) -> None:
    """What the pipelines' `load_ip_adapter` does, but strict about names and shapes."""
    from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
    from diffusers.models.embeddings import MultiIPAdapterImageProjection

    layers = unet._convert_ip_adapter_attn_to_diffusers([state], low_cpu_mem_usage=False)
    projection = unet._convert_ip_adapter_image_proj_to_diffusers(
        state["image_proj"], low_cpu_mem_usage=False
    )
    for processor in layers.values():
        if isinstance(processor, IPAdapterAttnProcessor2_0):
            processor.to(unet.device).requires_grad_(False)
            processor.scale = [list(scales)]
    unet.set_attn_processor(layers)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection]).to(unet.device)
    unet.encoder_hid_proj.requires_grad_(False)
    unet.config.encoder_hid_dim_type = "ip_image_proj"


def _take_out(model: AnimateDiff, processors: dict[str, Any]) -> None:
    model.image_prompt = None
    # Before the processors: the resampler of Plus has some too, which are not to be counted.
    model.unet.encoder_hid_proj = None
    model.unet.config.encoder_hid_dim_type = None
    model.unet.set_attn_processor(dict(processors))


def _read_flat(path: Path) -> State:
    from safetensors.torch import load_file

    state: State = {"image_proj": {}, "ip_adapter": {}}
    for key, value in load_file(path).items():
        part, _, name = key.partition(".")
        state[part][name] = value
    return state


def _read_nested(path: Path) -> State:
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return {"image_proj": dict(state["image_proj"]), "ip_adapter": dict(state["ip_adapter"])}


@contextmanager
def _complaining() -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, RuntimeError) as error:
        raise _unfit(str(error).splitlines()[0]) from error


def _unfit(why: str) -> UserError:
    """An adapter that cannot be put into the base's UNet."""
    return UserError(
        f"the adapter does not fit the base model: {why}",
        where="the method's adapter and --base",
        fix="use a base of Stable Diffusion 1.5's sizes, or fetch the adapter again",
    )


def _unusable(path: Path, why: str) -> UserError:
    return UserError(
        f"not a checkpoint of an IP-Adapter: {why}",
        where=str(path),
        fix="remove it and run `customstudio weights fetch` again",
    )
