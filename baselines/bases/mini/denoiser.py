"""The networks that the mini bases train, and their loss.

They predict velocity (Salimans and Ho, arXiv:2202.00512), where zeroscope predicts noise: a short
training must spend nothing on copying noise through the network.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from customstudio.baselines.bases.mini.words import LENGTH, tokenizer
from customstudio.baselines.bases.tiny import SCHEDULE

VELOCITY = {**SCHEDULE, "prediction_type": "v_prediction"}
WIDTHS, TEXT_WIDTH, HEAD, GROUPS = (40, 60, 60, 60), 96, 20, 10
"""Of the levels of the UNet, of the text encoder, of an attention head; of normalisation."""
CHANNELS = 12
"""Of a latent."""
EVEN = torch.ones(1)


class Plain(nn.Module):
    """A UNet that takes and gives tensors alone, as CUDA graphs need it."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, noisy: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """What the UNet says."""
        found: Tensor = self.unet(noisy, t, encoder_hidden_states=text, return_dict=False)[0]
        return found


class Denoiser(nn.Module):
    """A UNet and a text encoder, trained together or one of them alone."""

    weight: Tensor

    def __init__(self, unet: Any, text_encoder: Any, schedule: dict[str, Any] = VELOCITY) -> None:
        from diffusers import DDPMScheduler

        super().__init__()
        self.tokenizer = tokenizer()
        self.unet, self.text_encoder = unet, text_encoder
        self.noising = DDPMScheduler.from_config(schedule)
        self.register_buffer("weight", torch.ones(CHANNELS), persistent=False)
        """Of each latent channel; 1 on average."""
        self.graphs: dict[torch.Size, Any] | None = None
        """Shape of latents -> the UNet as CUDA graphs, captured when the shape is first seen."""

    def times(self, count: int) -> Int[Tensor, " count"]:
        """Steps of the noise schedule: half of them anywhere, half sooner late than early.

        Words count where little else can be seen: uniform steps had taught places, not classes.
        """
        chance = torch.rand(count)
        chance = torch.where(torch.rand(count) < 0.5, chance, chance.sqrt())
        return (chance * len(self.noising)).long()

    def ids(self, captions: Sequence[str]) -> Int[Tensor, "batch tokens"]:
        """Token ids of captions."""
        found: Tensor = self.tokenizer(
            list(captions), padding="max_length", max_length=LENGTH, truncation=True,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        return found

    def predict(
        self,
        noisy: Float[Tensor, "batch channels frames h w"],
        t: Int[Tensor, " batch"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> Float[Tensor, "batch channels frames h w"]:
        """The velocity that the UNet sees."""
        unet = Plain(self.unet)
        if self.graphs is None:
            return unet(noisy, t, text)  # type: ignore[no-any-return]
        if noisy.shape not in self.graphs:
            self.graphs[noisy.shape] = torch.cuda.make_graphed_callables(
                unet,
                (noisy.clone(), t.clone(), text.detach().requires_grad_(text.requires_grad)),
                allow_unused_input=True,  # layers that are left out
            )
        found: Tensor = self.graphs[noisy.shape](noisy, t, text)
        return found

    def loss(
        self,
        clean: Float[Tensor, "batch channels frames h w"],
        ids: Int[Tensor, "batch tokens"],
        weight: Tensor = EVEN,
    ) -> Float[Tensor, ""]:
        """Weighted mean squared error of the predicted velocity.

        Args:
            weight: of each position, in a shape that fits the latents'.
        """
        t, weight = self.times(len(clean)).to(clean.device), weight.to(clean.device)
        noise = torch.randn_like(clean)
        noisy = self.noising.add_noise(clean, noise, t)
        text = self.text_encoder(ids.to(clean.device)).last_hidden_state
        errors = (self.predict(noisy, t, text) - self.noising.get_velocity(clean, noise, t)) ** 2
        weighed = (errors * weight).mean(dim=(0, 2, 3, 4)) * self.weight
        loss: Tensor = weighed.mean() / weight.mean()
        return loss


def untrained() -> Denoiser:
    """Zeroscope's full topology (66 attention layers) and transformers' text encoder, small."""
    from diffusers import UNet3DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    words = tokenizer()
    unet = UNet3DConditionModel(
        in_channels=CHANNELS, out_channels=CHANNELS, block_out_channels=WIDTHS,
        norm_num_groups=GROUPS, cross_attention_dim=TEXT_WIDTH, attention_head_dim=HEAD,
        sample_size=16,
    )  # fmt: skip
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words), hidden_size=TEXT_WIDTH, num_hidden_layers=2,
            intermediate_size=4 * TEXT_WIDTH, num_attention_heads=4,
            max_position_embeddings=LENGTH, bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    return Denoiser(unet, text_encoder)


def temporal(unet: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers that look along time."""
    return [
        (name, module)
        for name, module in unet.named_modules()
        if type(module).__name__ in ("TemporalConvLayer", "TransformerTemporalModel")
    ]


@contextmanager
def single_frames(unet: nn.Module) -> Any:
    """Leave the temporal layers out: what goes in comes out."""

    def same(hidden: Tensor, *_: Any, **options: Any) -> Any:
        return (hidden,) if "return_dict" in options else hidden

    layers = [module for _, module in temporal(unet)]
    for module in layers:
        module.forward = same
    try:
        yield
    finally:
        for module in layers:
            del module.forward
