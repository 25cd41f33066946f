"""RAFT: how far the fastest pixels move between two frames.

Teed and Deng, ECCV 2020, arXiv:2003.12039; torchvision's `raft_large`, 20 updates, pixels in
[-1, 1] at source size. Height and width are padded to multiples of 8, by repeating the border on
both sides as the original's `InputPadder` does, and to at least 128, which RAFT's correlation
pyramid needs; the padding is left out of the statistic unless the protocol asks for it
(`flow.keep_padding`, VBench's way).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn.functional import pad
from torchvision.models.optical_flow import raft_large, raft_small
from torchvision.models.optical_flow._utils import make_coords_grid, upsample_flow
from torchvision.models.optical_flow.raft import (
    CorrBlock,
    FeatureEncoder,
    FlowHead,
    MaskPredictor,
    MotionEncoder,
    RecurrentBlock,
    ResidualBlock,
    UpdateBlock,
)

from customstudio.metrics.backbones import dis
from customstudio.metrics.backbones.arithmetic import arithmetic, to_device, to_numpy
from customstudio.metrics.backbones.checkpoint import load_strictly, read_tensors, ready
from customstudio.metrics.dynamic_degree import top_mean
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located

UPDATES, TOY_UPDATES, SMALL_UPDATES = 20, 4, 8
SHORTEST = 128
SHARE = 0.05
_VOLUME_BYTES = 2 * 2**30
"""What the correlation volumes of one pass may take; it alone decides the pairs a pass."""


class Flow:
    """A RAFT model."""

    def __init__(
        self, model: Any, device: str, precision: str, *, updates: int, keep_padding: bool
    ) -> None:
        self._model, self._how, self._device = model, (device, precision), device
        self._updates, self._keep_padding = updates, keep_padding

    def motion(
        self, first: UInt8[Array, "n height width 3"], second: UInt8[Array, "n height width 3"]
    ) -> Float32[Array, "n"]:
        """For each pair of frames, the mean of the largest 5% of flow magnitudes, in pixels."""
        height, width = first.shape[1:3]
        size = pairs_a_pass(height, width)
        parts = [
            self._pass(first[start : start + size], second[start : start + size])
            for start in range(0, len(first), size)
        ]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _pass(self, first: Array, second: Array) -> Array:
        height, width = first.shape[1:3]
        sides = padding(height, width)
        with arithmetic(*self._how):
            # Frame after frame of one video: what is second in one pair is first in the next.
            chained = np.array_equal(first[1:], second[:-1])
            frames = np.concatenate([first, second[-1:] if chained else second])
            pixels = pad(to_device(frames, self._device) * 2 - 1, sides, mode="replicate")
            flow = last_flow(self._model, pixels, len(first), self._updates).float()
            if not self._keep_padding:
                flow = flow[:, :, sides[2] : sides[2] + height, sides[0] : sides[0] + width]
            magnitudes = flow.square().sum(1).sqrt().flatten(1)
            count = max(1, int(magnitudes.shape[1] * SHARE))
            return to_numpy(magnitudes.topk(count, sorted=False).values.double().mean(1))


class Dis:
    """OpenCV's DIS flow in a network's place: no weights, always on the CPU, at source size.

    As in `dis`, but searched down to single pixels, not to half the size: on the small world's
    64-pixel videos that is more exact. Padding of frames below 64 pixels never counts.
    """

    def motion(
        self, first: UInt8[Array, "n height width 3"], second: UInt8[Array, "n height width 3"]
    ) -> Float32[Array, "n"]:
        """For each pair of frames, the mean of the largest 5% of flow magnitudes, in pixels."""
        flows = [self.dense_flow(a, b) for a, b in zip(first, second, strict=True)]
        return np.array([top_mean(np.hypot(f[..., 0], f[..., 1])) for f in flows], np.float32)

    def dense_flow(
        self, first: UInt8[Array, "height width 3"], second: UInt8[Array, "height width 3"]
    ) -> Float32[Array, "height width 2"]:
        """Flow (x, y) in pixels."""
        height, width = first.shape[:2]
        down, right = (max(0, dis.SMALLEST - side) for side in (height, width))
        grey = [
            cv2.copyMakeBorder(
                cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY),
                *(0, down, 0, right),
                cv2.BORDER_REPLICATE,
            )
            for frame in (first, second)
        ]
        engine = cv2.DISOpticalFlow.create(dis.PRESET)
        engine.setFinestScale(0)
        flow = engine.calc(*grey, None)  # type: ignore[call-overload]  # None: no first guess
        return np.asarray(flow, np.float32)[:height, :width]


class Enlarged(Flow):
    """The small world's RAFT (raft_small, 128 x 128 in training): frames with a side below 128
    are enlarged until both are at least that long, and the flow is divided by the same factor."""

    def motion(
        self, first: UInt8[Array, "n height width 3"], second: UInt8[Array, "n height width 3"]
    ) -> Float32[Array, "n"]:
        """For each pair of frames, the mean of the largest 5% of flow magnitudes, in pixels."""
        height, width = first.shape[1:3]
        scale = max(1.0, SHORTEST / min(height, width))
        if scale == 1:
            return super().motion(first, second)
        size = round(width * scale), round(height * scale)
        large = [np.array([cv2.resize(f, size) for f in frames]) for frames in (first, second)]
        return super().motion(*(f.reshape(-1, *size[::-1], 3) for f in large)) / np.float32(scale)


def padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels to add at left, right, top and bottom.

    >>> padding(320, 576)
    (0, 0, 0, 0)
    >>> padding(250, 100)
    (14, 14, 3, 3)
    """
    across, down = (max(SHORTEST, -(-side // 8) * 8) - side for side in (width, height))
    return across // 2, across - across // 2, down // 2, down - down // 2


def pairs_a_pass(height: int, width: int) -> int:
    """How many pairs of that size go through the network together."""
    left, right, top, bottom = padding(height, width)
    cells = (height + top + bottom) // 8 * ((width + left + right) // 8)
    pyramid = cells * cells * 4 * 4 // 3
    return max(1, _VOLUME_BYTES // pyramid)


def last_flow(model: Any, pixels: Tensor, pairs: int, updates: int) -> Tensor:
    """The last flow of `model(first, second, updates)`, without upsampling those before it.

    Args:
        model: torchvision's RAFT.
        pixels: the first frames of all pairs, then the second frames; or `pairs + 1`
            consecutive frames.
        pairs: how many pairs there are.
        updates: how often the flow is updated.

    Returns:
        (pairs, 2, height, width), in pixels.
    """
    maps = model.feature_encoder(pixels)
    model.corr_block.build_pyramid(maps[:pairs], maps[-pairs:])
    hidden_size = model.update_block.hidden_state_size
    encoded = model.context_encoder(pixels[:pairs])
    hidden, context = encoded[:, :hidden_size].tanh(), encoded[:, hidden_size:].relu()
    start = make_coords_grid(pairs, *maps.shape[-2:], device=str(maps.device))
    now = start
    for _ in range(updates):
        looked_up = model.corr_block.index_pyramid(centroids_coords=now)
        hidden, step = model.update_block(hidden, context, looked_up, now - start)
        now = now + step
    mask = None if model.mask_predictor is None else model.mask_predictor(hidden)
    flow: Tensor = upsample_flow(now - start, mask)
    return flow


def build(architecture: str) -> Any:
    """torchvision's RAFT of that architecture, with values that do not matter."""
    with torch.random.fork_rng(devices=[]):
        if architecture == "raft_small":
            return raft_small(weights=None)
        return raft_large(weights=None, **(_toy_parts() if architecture == "toy" else {}))


def load(
    located: "Located", *, device: str, precision: str, options: Mapping[str, bool]
) -> Flow | Dis:
    """RAFT from a located network, or DIS where the network is of that name."""
    if located.network.architecture == "dis":
        return Dis()
    model = build(located.network.architecture)
    (path,) = located.files.values()
    load_strictly(model, read_tensors(path), path)
    keep = options.get("flow.keep_padding", False)
    updates = TOY_UPDATES if located.network.toy else UPDATES
    model = ready(model, device)
    if located.network.architecture == "raft_small":
        return Enlarged(model, device, precision, updates=SMALL_UPDATES, keep_padding=keep)
    return Flow(model, device, precision, updates=updates, keep_padding=keep)


def _toy_parts() -> dict[str, Any]:
    layers, correlation = (8, 8, 8, 12, 16), CorrBlock(num_levels=4, radius=1)
    motion = MotionEncoder(
        in_channels_corr=correlation.out_channels,
        corr_layers=(12, 8),
        flow_layers=(8, 4),
        out_channels=10,
    )
    recurrent = RecurrentBlock(
        input_size=motion.out_channels + 8,
        hidden_size=8,
        kernel_size=((1, 5), (5, 1)),
        padding=((0, 2), (2, 0)),
    )
    head = FlowHead(in_channels=8, hidden_size=8)
    return {
        "feature_encoder": FeatureEncoder(
            block=ResidualBlock, layers=layers, norm_layer=torch.nn.InstanceNorm2d
        ),
        "context_encoder": FeatureEncoder(
            block=ResidualBlock, layers=layers, norm_layer=torch.nn.BatchNorm2d
        ),
        "corr_block": correlation,
        "update_block": UpdateBlock(
            motion_encoder=motion, recurrent_block=recurrent, flow_head=head
        ),
        "mask_predictor": MaskPredictor(in_channels=8, hidden_size=8, multiplier=0.25),
    }
