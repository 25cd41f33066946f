"""AnimateDiff on Stable Diffusion XL loaded: two text encoders, and a size beside the text.

Podell et al., "SDXL", ICLR 2024, arXiv:2307.01952, sections 2.1 and 2.2. The same arithmetic as
diffusers' `AnimateDiffSDXLPipeline`, which a test holds it to. What is added to the time embedding,
the second encoder's pooled text, travels with the text that is attended to, as its last row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from customstudio.baselines.bases.animatediff_model import AnimateDiff, read_motion
from customstudio.baselines.bases.reading import read_encoder, read_parts
from customstudio.baselines.bases.store import BaseFolder


@dataclass
class AnimateDiffXL(AnimateDiff):
    """Stable Diffusion XL's networks, the UNet one of diffusers' `UNetMotionModel`."""

    text_encoder_2: Any = field(kw_only=True)
    tokenizer_2: Any = field(kw_only=True)

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """Its networks, by the names of their folders."""
        return {**super().networks, "text_encoder_2": self.text_encoder_2}

    @property
    def encoders(self) -> tuple[tuple[Any, Any], ...]:
        """Its tokenizers, each with its text encoder; they have one vocabulary."""
        return (*super().encoders, (self.tokenizer_2, self.text_encoder_2))

    def schedule_of(self, frames: int) -> dict[str, Any]:
        """SDXL's own for a single frame; for more a linear one, its times as the adapter's page."""
        schedule = super().schedule_of(frames)
        return schedule if frames == 1 else {**schedule, "timestep_spacing": "linspace"}

    def encode_text(self, prompts: Sequence[str]) -> Float[Tensor, "batch tokens dim"]:
        """Both encoders' last states but one side by side; as the last row the pooled text."""
        states = []
        for tokenizer, encoder in self.encoders:
            ids = self.token_ids(prompts, tokenizer)
            found = encoder(ids, output_hidden_states=True)
            states.append(found.hidden_states[-2])
        text = torch.cat(states, dim=-1)
        # The class pools at the largest id, which a learnable token's would be.
        end = (ids == self.tokenizer_2.eos_token_id).int().argmax(-1)
        last = found.last_hidden_state[torch.arange(len(end), device=end.device), end]
        pooled = self.text_encoder_2.text_projection(last)
        row = pad(pooled, (0, text.shape[-1] - pooled.shape[-1]))
        return torch.cat([text, row[:, None]], dim=1)

    def encode_negative(self, prompt: str, count: int) -> Float[Tensor, "count tokens dim"]:
        """Of no prompt zeros, as the network was trained."""
        text = super().encode_negative(prompt, count)
        return text if prompt else torch.zeros_like(text)

    def conditions(
        self,
        noisy: Float[Tensor, "batch channels frames height width"],
        text: Float[Tensor, "batch tokens dim"],
    ) -> tuple[Float[Tensor, "batch tokens dim"], dict[str, Tensor] | None]:
        """The text; and its pooled form with sizes: made as large as it is, and not cropped."""
        size = [side * self.scale for side in noisy.shape[-2:]]
        sizes = torch.tensor([[*size, 0, 0, *size]], dtype=text.dtype, device=text.device)
        pooled = text[:, -1, : int(self.text_encoder_2.config.projection_dim)]
        return text[:, :-1], {"text_embeds": pooled, "time_ids": sizes.repeat(len(text), 1)}


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> AnimateDiffXL:
    """Load Stable Diffusion XL and a motion adapter from a base's folder; nothing is fetched."""
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    return AnimateDiffXL(
        read_motion(folder),
        **read_parts(folder),
        text_encoder_2=read_encoder(CLIPTextModelWithProjection, folder, "text_encoder_2"),
        tokenizer_2=CLIPTokenizer.from_pretrained(
            str(folder.folder), subfolder="tokenizer_2", local_files_only=True
        ),
        device=torch.device(device),
        autocast=autocast,
    )
