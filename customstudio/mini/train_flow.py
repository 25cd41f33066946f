"""Train RAFT-small on the small world's exact flow: `python -m customstudio.mini.train_flow`.

Teed and Deng, ECCV 2020, arXiv:2003.12039, section 3.3: L1 distance of every update's flow, later
updates weighing more. Clips of all classes are rendered at 128 pixels; half of the pairs are
reduced to 64 and enlarged again, as the metric enlarges the suite's own videos. Writes
`raft_small.safetensors` (float16); a run that was stopped goes on from its last checkpoint.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float16, Float32, UInt8
from safetensors.torch import save
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_small

from customstudio.files import cache_folder, replacing, write_bytes
from customstudio.mini.face_batches import worn
from customstudio.mini.look import NOUNS, Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.steps import Plan, train
from customstudio.mini.world import ACTIONS, CAMERAS, LIGHTS, Scene, render

PLAN = Plan("flow", steps=280, rate=8e-4, batch=4, decay=1e-5)
UPDATES, GAMMA = 4, 0.8
CLIPS, LENGTH, SIDE = 700, 6, 128
TRAINED = range(1_000_000)
"""Seeds of the individuals."""


@dataclass(frozen=True, eq=False)
class Moving:
    """Clips and the exact flow between consecutive frames, in pixels."""

    frames: UInt8[Array, "clips length side side 3"]
    flow: Float16[Array, "clips pairs side side 2"]


def clip_scene(rng: np.random.Generator, seeds: range) -> Scene:
    """One to three subjects of any class, everything drawn evenly."""
    return Scene(
        tuple(
            Identity(str(rng.choice(list(NOUNS))), int(rng.integers(seeds.start, seeds.stop)))
            for _ in range(rng.integers(1, 4))
        ),
        action=str(rng.choice(ACTIONS)),
        place=str(rng.choice(PLACES)),
        camera=str(rng.choice(CAMERAS)),
        light=str(rng.choice(list(LIGHTS))),
        seed=int(rng.integers(1 << 30)),
        frames=LENGTH,
    )


def moving(cache: Path, seed: int, clips: int = CLIPS) -> Moving:
    """The clips, rendered on first use."""
    stem = cache / f"flow-{clips}-{seed}"
    paths = [stem.with_suffix(f".{name}.npy") for name in ("frames", "flow")]
    if not paths[1].exists():
        frames = np.empty((clips, LENGTH, SIDE, SIDE, 3), np.uint8)
        flow = np.empty((clips, LENGTH - 1, SIDE, SIDE, 2), np.float16)
        for index in range(clips):
            rng = np.random.default_rng([19, seed, index])
            clip = render(clip_scene(rng, TRAINED), SIDE)
            frames[index], flow[index] = clip.frames, clip.flow
        arrays: list[Array] = [frames, flow]
        for path, array in zip(paths, arrays, strict=True):
            with replacing(path) as file:
                np.save(file, array)
    return Moving(*(np.load(path, mmap_mode="r", allow_pickle=False) for path in paths))


def batch(
    data: Moving, size: int, rng: np.random.Generator
) -> tuple[Float32[Array, "two n 3 side side"], Float32[Array, "n 2 side side"]]:
    """Pairs of frames in [-1, 1], some mirrored, one in twenty still; and their flow."""
    pairs, flows = [], []
    for _ in range(size):
        clip, first = rng.integers(len(data.frames)), rng.integers(LENGTH - 1)
        still = rng.uniform() < 0.05
        frames = data.frames[clip, [first, first if still else first + 1]]
        flow = data.flow[clip, first].astype(np.float32) * (not still)
        if rng.uniform() < 0.5:
            frames, flow = frames[:, :, ::-1], flow[:, ::-1] * np.array([-1, 1], np.float32)
        frames = np.stack([reduced(f) for f in frames]) if rng.uniform() < 0.5 else frames
        pairs.append(worn(np.concatenate(frames, axis=1), rng).reshape(SIDE, 2, SIDE, 3))
        flows.append(flow.transpose(2, 0, 1))
    pixels = np.stack(pairs).transpose(2, 0, 4, 1, 3) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(pixels), np.stack(flows)


def reduced(frame: UInt8[Array, "128 128 3"]) -> UInt8[Array, "128 128 3"]:
    """Through 64 pixels and back."""
    small = cv2.resize(frame, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)


def sequence_loss(found: list[Tensor], truth: Tensor) -> Tensor:
    """Weighted L1 distance of every update's flow."""
    weights = [GAMMA ** (len(found) - 1 - i) for i in range(len(found))]
    parts = [w * (flow - truth).abs().mean() for w, flow in zip(weights, found, strict=True)]
    return torch.stack(parts).sum()


def main() -> None:
    """Render, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=cache_folder() / "mini")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    data = moving(given.cache, given.seed)
    torch.manual_seed(given.seed)

    def step(network: nn.Module, rng: np.random.Generator) -> Tensor:
        (first, second), flow = (torch.from_numpy(v) for v in batch(data, PLAN.batch, rng))
        return sequence_loss(network(first, second, UPDATES), flow)

    network = train(raft_small(weights=None), PLAN, step, given.out, given.seed)
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    write_bytes(given.out / "raft_small.safetensors", save(tensors))


if __name__ == "__main__":
    main()
