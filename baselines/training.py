"""The few lines that every fit shares: the base's own loss, and a loop of AdamW.

Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020, equation 14, in the latents of
Rombach et al., CVPR 2022: the mean of || eps - eps_theta(z_t, t, c) ||^2, t uniform. A base that
predicts velocity has it in the place of eps, as it was trained.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.errors import UserError


def denoising_errors(
    model: VideoModel,
    images: UInt8[NDArray[np.uint8], "batch height width 3"],
    prompts: Sequence[str],
    generator: torch.Generator,
    frames: int = 1,
    *,
    masks: Bool[NDArray[np.bool_], "batch height width"] | None = None,
) -> Float[Tensor, " batch"]:
    """The mean square error of what the base predicts, for each image as a still of some frames.

    Args:
        masks: only what is inside counts.
    """
    latents = model.encode_images(images, generator).repeat(1, 1, frames, 1, 1)
    noisy, t, target = noised(model, latents, generator)
    return mean_inside((model.output(noisy, t, model.encode_text(prompts)) - target) ** 2, masks)


Latents = Float[Tensor, "batch channels frames height width"]


def noised(
    model: VideoModel, latents: Latents, generator: torch.Generator
) -> tuple[Latents, Int[Tensor, " batch"], Latents]:
    """Latents noised up to a time of each, that time, and what the base should say of them."""
    noising = model.noising_of(latents.shape[2])
    count = int(noising.config.num_train_timesteps)
    t = torch.randint(count, (len(latents),), generator=generator).to(model.device)
    noise = torch.randn(latents.shape, generator=generator).to(model.device)
    return noising.add_noise(latents, noise, t), t, model.target(latents, noise, t)


def mean_inside(
    squares: Float[Tensor, "batch channels frames height width"],
    masks: Bool[NDArray[np.bool_], "batch H W"] | None,
) -> Float[Tensor, " batch"]:
    """The mean of square errors inside each one's mask, if there are any; 0 where one is empty.

    A latent counts by the share of its pixels that are in the mask: the sum of weighted errors is
    divided by the sum of weights.
    """
    if masks is None:
        return squares.flatten(1).mean(1)
    size = (squares.shape[-2], squares.shape[-1])
    pixels = torch.from_numpy(masks)[:, None].float()
    shares = torch.nn.functional.interpolate(pixels, size=size, mode="area")
    weights = shares.to(squares.device)[:, :, None].expand_as(squares).flatten(1)
    return (weights * squares.flatten(1)).sum(1) / weights.sum(1).clamp(min=1e-6)


Rated = Mapping[float, Sequence[torch.nn.Parameter]]
"""Learning rate -> the parameters that have it."""


def train(
    rated: Rated,
    options: TrainingOptions,
    loss: Callable[[int], Tensor],
    on_step: Callable[[], None] = lambda: None,
) -> list[float]:
    """Run AdamW over a loss of the step's number; the losses, step by step.

    Raises:
        UserError: a loss is not finite.
    """
    groups = [{"params": [*many], "lr": rate} for rate, many in rated.items()]
    optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    losses = []
    with trainable([parameter for many in rated.values() for parameter in many]):
        for step in range(options.steps):
            value = loss(step)
            losses.append(float(value.detach()))
            if not math.isfinite(losses[-1]):
                raise UserError(
                    f"the loss of step {step + 1} of {options.steps} is {losses[-1]}",
                    where=f"learning rate {', '.join(f'{rate:g}' for rate in rated)}",
                    fix="lower it: --set rate=..., or the option of this stage or part",
                )
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            on_step()
    return losses


@contextmanager
def trainable(parameters: Sequence[torch.nn.Parameter]) -> Iterator[None]:
    """Let exactly these require gradients; afterwards they do not, and hold none."""
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None


@contextmanager
def recomputing(unet: torch.nn.Module) -> Iterator[None]:
    """Compute the inside of the UNet's blocks again on the way back, and do not keep it meanwhile.

    Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174; gradients stay
    the same bit for bit. diffusers' own switch leaves out the transformer blocks, the largest here.
    """
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.resnet import ResnetBlock2D
    from torch.utils.checkpoint import checkpoint

    blocks = [m for m in unet.modules() if isinstance(m, BasicTransformerBlock | ResnetBlock2D)]
    for block in blocks:
        again = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
        block.forward = again
    try:
        yield
    finally:
        for block in blocks:
            del block.forward
