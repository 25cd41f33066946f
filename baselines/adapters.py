"""Low-rank adapters in the attention of UNet or text encoder, by peft; taken out without a trace.

Hu et al., "LoRA", ICLR 2022, arXiv:2106.09685: W + (alpha / r) B A, B zero at the start. diffusers'
own loaders of adapters do not know `UNet3DConditionModel`, so they are put in directly.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

TARGETS = re.compile(r".*\battentions\.\d+\.transformer_blocks\.\d+\.attn[12]\.to_(q|k|v|out\.0)")
"""Queries, keys, values and outputs of the UNet's spatial attention layers."""
PROJECTIONS = ("q", "k", "v", "out.0")
TEXT_TARGETS = re.compile(r".*\bself_attn\.(q|k|v|out)_proj")
"""Those of the text encoder's layers."""
TEXT_PROJECTIONS = ("q", "k", "v", "out")
NAME = "customstudio"


@contextmanager
def lora(
    network: Any,
    *,
    targets: re.Pattern[str] = TARGETS,
    rank: int = 4,
    seed: int = 0,
    projections: Sequence[str] = PROJECTIONS,
    values: Mapping[str, Tensor] | None = None,
) -> Iterator[dict[str, torch.nn.Parameter]]:
    """Adapters in a network for as long as this lasts, as peft's name -> parameter.

    Args:
        targets: which of its layers can have one; its group is the projection.
        rank: r; alpha is the same, so that the adapter counts once.
        seed: of A's first values.
        projections: which of an attention's four have one.
        values: set the adapters to these; rank and projections are theirs.
    """
    from peft import LoraConfig, inject_adapter_in_model

    if values:
        rank = next(value.shape[0] for name, value in values.items() if "lora_A" in name)
        projections = [found[1] for name in values if (found := targets.match(name))]
    trainable = {name for name, p in network.named_parameters() if p.requires_grad}
    chosen = [
        name
        for name, _ in network.named_modules()
        if (found := targets.fullmatch(name)) and found[1] in projections
    ]
    pattern = "|".join(re.escape(name) for name in chosen)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network, adapter_name=NAME)
    try:
        parameters = {n: p for n, p in network.named_parameters() if ".lora_" in n}
        if values:
            if values.keys() != parameters.keys():
                raise ValueError("adapters of another base: their names differ")
            with torch.no_grad():
                for name, value in values.items():
                    parameters[name].copy_(value)
        yield parameters
    finally:
        _take_out(network)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in trainable)


def weigh(unet: Any, weight: float) -> None:
    """Let adapters that are in the UNet count so much: W + weight * (alpha / r) B A."""
    from peft.tuners.lora import LoraLayer

    for module in unet.modules():
        if isinstance(module, LoraLayer):
            module.set_scale(NAME, weight)


def _take_out(network: Any) -> None:
    """Put the plain layers back where adapters were wrapped around them."""
    for name, module in list(network.named_modules()):
        if hasattr(module, "base_layer"):
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, module.base_layer)
    # peft also leaves its configuration on the model.
    for left in ("peft_config", "_hf_peft_config_loaded"):
        if left in network.__dict__:
            delattr(network, left)
