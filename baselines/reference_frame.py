"""A reference image as one more frame of a video: how it is attended to, learnt and guided by.

Wu et al., "VideoMaker", arXiv:2412.19645, section 4. The latents of the reference come after those
of the video's F frames and go through the whole UNet with them; personalised injection
self-attention (equation 2) is the one place where the two meet within a frame.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from customstudio.baselines.bases.processors import Processor, processing
from customstudio.baselines.bases.sampler import Predict
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.parameters import self_attention

Videos = Float[Tensor, "batch channels frames height width"]
References = Float[Tensor, "batch channels 1 height width"]


@contextmanager
def injecting(unet: Any, frames: int) -> Iterator[None]:
    """Let the spatial self-attention of each of so many frames take in the frame after the last."""
    modules = self_attention(unet).values()
    with processing({module: _Injected(module.processor, frames) for module in modules}):
        yield


class _Injected:
    """Equation 2, by another processor: queries, keys and values of a frame and the reference.

    The tokens of each frame are followed by those of the reference, 2 h w in all. Of what comes
    out, a frame keeps its own half; the reference, of which there are F copies by then, becomes
    their mean.
    """

    def __init__(self, processor: Processor, frames: int) -> None:
        self.processor = processor
        self.frames = frames

    def __call__(
        self,
        attn: Any,
        hidden_states: Float[Tensor, "rows positions channels"],
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Float[Tensor, "rows positions channels"]:
        if encoder_hidden_states is not None or attention_mask is not None:
            raise ValueError("a reference is taken in by plain self-attention alone")
        videos = hidden_states.reshape(-1, self.frames + 1, *hidden_states.shape[1:])
        own, reference = videos[:, :-1], videos[:, -1:]
        tokens = torch.cat([own, reference.expand_as(own)], dim=2).flatten(0, 1)
        mixed = self.processor(attn, tokens, None, None, temb)
        own, copies = mixed.reshape(-1, self.frames, *mixed.shape[1:]).chunk(2, dim=2)
        return torch.cat([own, copies.mean(1, keepdim=True)], dim=1).flatten(0, 1)


def losses(
    model: VideoModel,
    clean: Videos,
    reference: References,
    text: Float[Tensor, "batch tokens dim"],
    kept: Bool[Tensor, " batch"],
    generator: torch.Generator,
    alpha: float = 0.01,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """L_video of equation 1, over the frames, and L_reg of equation 4, over the references.

    The reference has a little noise (equation 3): that of time int(alpha t), where the video has
    that of t. A dropped one is a frame of zeros without noise, and has no L_reg.

    Args:
        model: inside `injecting`.
        kept: which references are not dropped.
        generator: of times and noises, on the CPU.
    """
    frames = clean.shape[2]
    noising = model.noising_of(frames + 1)
    times = torch.randint(
        int(noising.config.num_train_timesteps), (len(clean),), generator=generator
    )
    early = torch.tensor([int(alpha * time) for time in times.tolist()]).to(model.device)
    t, kept = times.to(model.device), kept.to(model.device)
    noise = torch.randn(clean.shape, generator=generator).to(model.device)
    reminder = torch.randn(reference.shape, generator=generator).to(model.device)
    marked = noising.add_noise(reference, reminder, early) * kept[:, None, None, None, None]
    noisy = torch.cat([noising.add_noise(clean, noise, t), marked], dim=2)
    found = model.output(noisy, t, text)
    video = (found[:, :, :-1] - model.target(clean, noise, t, frames + 1)).square().mean()
    errors = (found[:, :, -1:] - model.target(reference, reminder, early, frames + 1)).square()
    of_reference = (errors.flatten(1).mean(1) * kept).sum() / kept.sum().clamp(min=1)
    return video, of_reference


def predictor(model: VideoModel, references: References) -> Predict:
    """The noise in videos with a clean reference each; what is said of the reference is discarded.

    Where guidance puts an unconditional half before the videos, the references of that half are
    dropped (equation 6), as in training.
    """

    def predict(noisy: Videos, t: Tensor, text: Tensor) -> Videos:
        dropped = references.new_zeros(len(noisy) - len(references), *references.shape[1:])
        frames = torch.cat([noisy, torch.cat([dropped, references])], dim=2)
        return model.predict(frames, t, text)[:, :, :-1]

    return predict
