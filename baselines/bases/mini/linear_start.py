"""Where the mini VAE starts: at principal components of patches, nearly linear.

From diffusers' random start it had still not learnt plain colours after hundreds of steps; from
here a step begins where that left off. Each residual branch starts at nothing; the strided
convolutions put a patch of 4 x 4 pixels into channels; the last normalisation of either half is
kept linear by channels that carry a constant and by an offset that SiLU leaves nearly alone.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

CONSTANT = OFFSET = 2.0
LOG_VARIANCE = -7.0


@dataclass(frozen=True)
class Components:
    """Principal components of patches; a patch's numbers run over colour, then its pixels."""

    mean: Float[Tensor, "48"]
    basis: Float[Tensor, "48 48"]
    """Columns, by falling variance."""
    unit: float
    """Root mean variance of the first four: what a latent is measured in."""


def components(images: Float[Tensor, "n 3 size size"]) -> Components:
    """Of images in [-1, 1]; pixels within a patch go by place in 2 x 2, then by which 2 x 2."""
    n, side = len(images), images.shape[-1] // 4
    parts = images.reshape(n, 3, side, 2, 2, side, 2, 2)  # colour, patch, block, pixel (each y, x)
    patches = parts.permute(0, 2, 5, 1, 4, 7, 3, 6).reshape(-1, 48)
    values, vectors = torch.linalg.eigh(torch.cov((patches - patches.mean(0)).T))
    unit = float(values.flip(0)[:4].mean().sqrt())
    return Components(patches.mean(0), vectors.flip(1), unit)


@torch.no_grad()
def start(vae: Any, found: Components) -> None:
    """Set the weights of an `AutoencoderKL` of three levels, one layer each, 3 colours."""
    latent = int(vae.config.latent_channels)
    _, second, third = vae.config.block_out_channels
    for module in vae.modules():
        if type(module).__name__ == "ResnetBlock2D":
            _zero(module.conv2)
        if type(module).__name__ == "Attention":
            _zero(module.to_out[0])
    encoder, decoder = vae.encoder, vae.decoder
    _keep(encoder.conv_in, 3)
    halved = _zero(encoder.down_blocks[0].downsamplers[0].conv)
    for colour in range(3):
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            halved.weight[colour * 4 + y * 2 + x, colour, y, x] = 1
    _keep(encoder.down_blocks[1].resnets[0].conv_shortcut, 12)
    halved = _zero(encoder.down_blocks[1].downsamplers[0].conv)
    analysis = (found.basis[:, :second] / found.unit).T
    halved.weight[:, :12, :2, :2] = analysis.reshape(second, 12, 2, 2)
    halved.bias.copy_(-(analysis @ found.mean))
    _linear(encoder.down_blocks[2].resnets[0].conv_shortcut, encoder.conv_norm_out, second)
    _keep(encoder.conv_out, latent)
    encoder.conv_out.bias[:latent], encoder.conv_out.bias[latent:] = -OFFSET, LOG_VARIANCE
    _keep(vae.quant_conv, 2 * latent)
    _keep(vae.post_quant_conv, latent)
    _keep(decoder.conv_in, latent)
    _keep(decoder.up_blocks[0].upsamplers[0].conv, third)
    _keep(decoder.up_blocks[1].resnets[0].conv_shortcut, second)
    _keep(decoder.up_blocks[1].upsamplers[0].conv, second)
    _linear(decoder.up_blocks[2].resnets[0].conv_shortcut, decoder.conv_norm_out, latent)
    _zero(decoder.conv_out)
    colours = (found.basis[:, :latent] * found.unit).reshape(3, 16, latent).mean(1)
    decoder.conv_out.weight[:, :latent, 1, 1] = colours
    mean = found.mean.reshape(3, 16).mean(1)
    decoder.conv_out.bias.copy_(mean - OFFSET * colours.sum(1))


def _zero(layer: Any) -> Any:
    layer.weight.zero_()
    layer.bias.zero_()
    return layer


def _keep(layer: Any, count: int) -> None:
    """A convolution that hands on the first channels as they are."""
    _zero(layer)
    middle = layer.kernel_size[0] // 2
    for channel in range(count):
        layer.weight[channel, channel, middle, middle] = 1


def _linear(shortcut: Any, norm: nn.GroupNorm, count: int) -> None:
    """Constants in the channels after the first, so that the norm hardly depends on these."""
    _keep(shortcut, count)
    others = norm.num_channels - count
    shortcut.bias[count:] = CONSTANT * (1 - 2 * (torch.arange(others) % 2))
    norm.weight.fill_(((others * CONSTANT**2 + count) / norm.num_channels) ** 0.5)
    norm.bias.zero_()
    norm.bias[:count] = OFFSET
