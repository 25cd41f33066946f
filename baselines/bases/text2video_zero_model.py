"""Text2Video-Zero loaded: the first frame's latents moved, and frames that look at the first.

Khachatryan et al., "Text2Video-Zero", ICCV 2023, arXiv:2303.13439, section 3.3. The same arithmetic
as diffusers' `TextToVideoZeroPipeline`, which is deprecated there and takes one prompt at a time; a
test holds the two equal for as long as that exists.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from customstudio.baselines.bases.processors import Processor, processing
from customstudio.baselines.bases.reading import read, read_parts
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.parameters import self_attention

FIELD = 512
"""Side of the motion field: the strength is in pixels of a video of this size."""
Latents = Float[Tensor, "batch channels frames height width"]


@dataclass(frozen=True)
class Motion:
    """How frames move, and when; the defaults are those of diffusers' pipeline."""

    x: float = 12.0
    """Pixels a frame to the left, of `FIELD`."""
    y: float = 12.0
    t0: int = 44
    """Where the first frame's latents are moved: the number of the step, counted from the last."""
    t1: int = 47
    """Up to where they are noised again."""
    of: int = 50
    """Steps of sampling that t0 and t1 are counted in; for another number they are scaled."""

    def left(self, steps: int) -> tuple[int, int]:
        """Steps of `steps` that are left to do at t0 and at t1.

        There is a step between them at least, where there are two: without it no frame but the
        first would have noise.

        >>> Motion().left(50), Motion().left(20), Motion().left(2)
        ((45, 48), (18, 19), (1, 2))
        """
        t0, t1 = (round((t + 1) * steps / self.of) for t in (self.t0, self.t1))
        t1 = min(max(t1, 2), steps)
        return max(1, min(t0, t1 - 1)), t1


@dataclass
class Text2VideoZero(VideoModel):
    """Stable Diffusion's networks; the UNet is diffusers' `UNet2DConditionModel`."""

    motion: Motion = Motion()

    @contextmanager
    def moved_by(self, motion: Motion) -> Iterator[None]:
        """Let frames move otherwise for as long as this lasts."""
        before, self.motion = self.motion, motion
        try:
            yield
        finally:
            self.motion = before

    def output(
        self, noisy: Latents, t: Int[Tensor, " batch"], text: Float[Tensor, "batch tokens dim"]
    ) -> Latents:
        """What the UNet says of each frame, in float32; each attends to the first one's pixels."""
        batch, _, frames = noisy.shape[:3]
        flat = noisy.permute(0, 2, 1, 3, 4).flatten(0, 1)
        texts = text.repeat_interleave(frames, dim=0)
        with self.arithmetic(), first_frame_attention(self.unet, frames):
            found: Tensor = self.unet(
                flat, t.repeat_interleave(frames), encoder_hidden_states=texts, return_dict=False
            )[0]
        videos = found.float().reshape(batch, frames, *found.shape[1:])
        return videos.permute(0, 2, 1, 3, 4)

    def start(
        self, noise: Latents, scheduler: Any, denoise: Callable[..., Tensor]
    ) -> tuple[Latents, Any, Tensor]:
        """Algorithm 1 up to t1: the first frame from its noise, and from it the other frames.

        The noise of frames after the first is that of the way back from t0 to t1.
        """
        noise, times = noise.to(self.device), scheduler.timesteps
        first, others = noise[:, :, :1] * scheduler.init_noise_sigma, noise[:, :, 1:]
        if not others.shape[2]:
            return first, scheduler, times
        t0, t1 = self.motion.left(len(times))
        at_t1 = denoise(first, scheduler, times[: len(times) - t1])
        later = copy.deepcopy(scheduler)
        between = times[len(times) - t1 : len(times) - t0]
        at_t0 = denoise(at_t1, scheduler, between, on_step=_nothing)
        moved = torch.cat(
            [
                shifted(at_t0, self.motion.x * frame, self.motion.y * frame)
                for frame in range(1, noise.shape[2])
            ],
            dim=2,
        )
        kept = scheduler.alphas[int(times[-t0]) : int(times[-t1])].prod()
        noised = kept.sqrt() * moved + (1 - kept).sqrt() * others
        return torch.cat([at_t1, noised], dim=2), later, times[-t1:]


def shifted(latents: Latents, x: float, y: float) -> Latents:
    """Latents read (x, y) pixels of `FIELD` further on, mirrored beyond their edges.

    Section 3.3.1, equation 6; half a pixel of the field is lost, as in the paper's code.
    """
    height, width = latents.shape[-2:]
    rows = _mirrored(height, y).to(latents.device)
    columns = _mirrored(width, x).to(latents.device)
    return latents[..., rows, :][..., columns]


def _mirrored(side: int, by: float) -> Int[Tensor, " side"]:
    """Which cells are read where, the nearest ones."""
    at = torch.arange(side) + (by - 0.5) * side / FIELD
    cell = at.round().long() % (2 * side)
    return torch.where(cell < side, cell, 2 * side - 1 - cell)


@contextmanager
def first_frame_attention(unet: Any, frames: int) -> Iterator[None]:
    """Let the self-attention of each frame read keys and values of the first (section 3.3.2)."""
    modules = self_attention(unet).values() if frames > 1 else ()
    with processing({module: _ToFirst(module.processor, frames) for module in modules}):
        yield


class _ToFirst:
    """An attention processor that hands the first frame to another as what to attend to."""

    def __init__(self, processor: Processor, frames: int) -> None:
        self.processor = processor
        self.frames = frames

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        videos = hidden_states.reshape(-1, self.frames, *hidden_states.shape[1:])
        first = videos[:, :1].expand_as(videos).flatten(0, 1)
        return self.processor(attn, hidden_states, first, attention_mask, temb)


def _nothing() -> None:
    """Steps between t0 and t1 are done twice, and counted once."""


def load(folder: BaseFolder, device: str = "cpu", *, autocast: bool = False) -> Text2VideoZero:
    """Load Stable Diffusion from a base's folder; nothing is fetched."""
    from diffusers import UNet2DConditionModel

    unet = read(UNet2DConditionModel, folder, "unet")
    return Text2VideoZero(
        unet, **read_parts(folder), device=torch.device(device), autocast=autocast
    )
