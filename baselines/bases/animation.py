"""Sampling of videos that begin with a picture.

The same arithmetic as diffusers' `StableVideoDiffusionPipeline`, to which a test holds it; here
each picture has noise of its own, and a video's frames are never decoded with another's.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from customstudio.baselines.bases.image_to_video import Images, ImageToVideo, Latents


@torch.no_grad()
def animate(
    model: ImageToVideo,
    images: Images,
    noise: Latents,
    grain: Float[Tensor, "batch 3 H W"],
    *,
    steps: int,
    fps: float,
    motion: float = 127,
    augmentation: float = 0.02,
    guidance: float = 3.0,
    on_step: Callable[[], None] = lambda: None,
) -> Latents:
    """Latents of one video a picture, from noise.

    Args:
        noise: one unit normal sample a picture.
        grain: unit normal noise that is put on each picture before it is encoded.
        fps: frames a second that the video is to have.
        motion: how much is to move, a bucket of 0 to 255.
        augmentation: how much of the grain is put on.
        guidance: weight of classifier-free guidance in the last frame; it rises from 1 in the
            first. Without a picture, its embedding and its latents are zero.
        on_step: called after each step.
    """
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler.from_config(model.schedule)
    scheduler.set_timesteps(steps, device=model.device)
    embeds, still = model.embed(images), model.encode(images, augmentation * grain)
    embeds = torch.cat([torch.zeros_like(embeds), embeds])
    still = torch.cat([torch.zeros_like(still), still])
    told = torch.tensor([[fps - 1, motion, augmentation]], device=model.device)
    told = told.repeat(len(embeds), 1)
    weights = torch.linspace(1.0, guidance, noise.shape[2], device=model.device)[:, None, None]
    latents: Tensor = noise.to(model.device) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        doubled = scheduler.scale_model_input(torch.cat([latents, latents]), t)
        without, with_picture = model.output(doubled, still, t, embeds, told).chunk(2)
        found = without + weights * (with_picture - without)
        latents = scheduler.step(found, t, latents).prev_sample
        on_step()
    return latents
