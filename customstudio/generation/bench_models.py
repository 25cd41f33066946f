"""What the speed of generation is measured on: networks with random values, and one unit of work.

Speed does not depend on what the numbers are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.customvideo import CustomVideoOptions, step_loss
from customstudio.baselines.examples import Example
from customstudio.baselines.parameters import projections
from customstudio.baselines.seeds import generator
from customstudio.baselines.task import Bases
from customstudio.baselines.tokens import token_rows
from customstudio.baselines.training import trainable

OPTIONS = CustomVideoOptions()


@dataclass(frozen=True)
class Size:
    """The videos that are made."""

    frames: int
    height: int
    width: int


FULL, SMALL = Size(24, 320, 576), Size(8, 64, 64)


@contextmanager
def training(
    model: VideoModel, size: Size, batch: int = OPTIONS.batch
) -> Iterator[Callable[[], None]]:
    """One step of CustomVideo as a function: loss, gradients, AdamW; class images with it."""
    weights = projections(model.unet, OPTIONS.train, OPTIONS.layers)
    rng = np.random.default_rng(0)

    def example(prompt: str) -> Example:
        image = rng.integers(0, 256, (size.height, size.width, 3)).astype(np.uint8)
        masks = np.zeros((2, size.height, size.width), np.bool_)
        masks[0, :, : size.width // 2], masks[1, :, size.width // 2 :] = True, True
        return Example(image, masks, prompt)

    ours = [example("a <new1> cat and a <new2> dog") for _ in range(batch)]
    theirs = [example("a cat in a garden and a dog") for _ in range(batch)]
    width = int(model.text_encoder.config.hidden_size)
    rows = {f"<new{n}>": torch.zeros(width) for n in (1, 2)}
    noise = generator("bench")
    with token_rows(model, rows) as embedding:
        parameters = [*weights.values(), embedding.rows]
        optimizer = torch.optim.AdamW(parameters, OPTIONS.rate, weight_decay=OPTIONS.weight_decay)

        def step() -> None:
            loss: Tensor = step_loss(Bases(model), ours, theirs, OPTIONS, noise)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        with trainable(parameters):
            yield step


def step_parts(
    model: VideoModel, size: Size, batch: int = OPTIONS.batch
) -> dict[str, Callable[[], None]]:
    """What a step of training is made of, while its weights are trainable.

    On a GPU also the UNet's part as one CUDA graph: the same kernels without the time between them.
    """
    pictures = np.zeros((2 * batch, size.height, size.width, 3), np.uint8)
    shape = (2 * batch, *model.latent_shape(1, size.height, size.width))
    noise = torch.randn(shape, device=model.device)
    t = torch.full((2 * batch,), 500, device=model.device)
    prompts = ["a cat in a garden and a dog"] * (2 * batch)
    text = model.encode_text(prompts).detach().requires_grad_(True)

    def encode() -> None:
        model.encode_images(pictures, generator("bench"))

    def there_and_back(unet: Callable[..., Tensor]) -> None:
        unet(noise, t, text).square().mean().backward()  # type: ignore[no-untyped-call]

    found: dict[str, Callable[[], None]] = {
        "encoding pictures": encode,
        "UNet, there and back": partial(there_and_back, model.output),
    }
    if model.device.type == "cuda":
        given = (noise.clone(), t.clone(), text.detach().clone().requires_grad_(True))
        graph: Any = torch.cuda.make_graphed_callables(_Output(model), given)
        found["UNet, there and back, as a CUDA graph"] = partial(there_and_back, graph)
    return found


class _Output(torch.nn.Module):
    """What a base's UNet says, as a module."""

    def __init__(self, model: VideoModel) -> None:
        super().__init__()
        self.unet, self._model = model.unet, model

    def forward(self, noisy: Tensor, t: Tensor, text: Tensor) -> Tensor:
        return self._model.output(noisy, t, text)


def sampling(
    model: VideoModel, size: Size, batch: int, frames: int | None = None
) -> Callable[[], None]:
    """One guided step of sampling videos, as a function; `frames=1`: class images."""
    shape = model.latent_shape(frames or size.frames, size.height, size.width)
    with torch.no_grad():
        text = model.encode_text(["a cat and a dog"] * 2 * batch)
    noise = torch.randn((2 * batch, *shape), device=model.device)
    t = torch.full((2 * batch,), 500, device=model.device)

    def step() -> None:
        with torch.no_grad():
            model.predict(noise, t, text)

    return step


def decoding(model: VideoModel, size: Size) -> Callable[[], None]:
    """The VAE's part of one video: its frames from latents, as a function."""
    shape = model.latent_shape(size.frames, size.height, size.width)
    latents = torch.randn(shape, device=model.device).permute(1, 0, 2, 3)

    def decode() -> None:
        with torch.no_grad():
            for part in latents.split(8):  # type: ignore[no-untyped-call]
                model.vae.decode(part)

    return decode


def flops(work: Callable[[], None]) -> int:
    """Floating-point operations of some work: those of products, as PyTorch's counter has them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
