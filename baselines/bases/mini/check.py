"""Does a mini base make what it is asked for? mini-CLIP chooses among prompts, one word changed.

100 prompts of one subject whose class, action and place no training picture had together
(`words.HELD_OUT`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from customstudio.baselines.bases.mini.words import HELD_OUT, sentence
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.seeds import normal
from customstudio.metrics.backbones.clip import Clip
from customstudio.mini.captions import CLASSES
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS

BAR = 0.8
WORDS = {"class": CLASSES, "action": ACTIONS, "place": PLACES}
Frames = UInt8[Array, "videos frames height width 3"]


@dataclass(frozen=True)
class Recognised:
    """Part of the videos whose own prompt is the nearest of all that change one word."""

    by_word: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether each reaches the bar."""
        return min(self.by_word.values()) >= BAR


def recognised(network: Clip, videos: Frames) -> Recognised:
    """Top-1 of videos of the held-out prompts, in their order; for class, action and place."""
    features = _unit(np.stack([_unit(_embed(network, frames)).mean(0) for frames in videos]))
    right: dict[str, list[bool]] = {word: [] for word in WORDS}
    for prompt, feature in zip(HELD_OUT, features, strict=False):
        for position, (word, choices) in enumerate(WORDS.items()):
            changed = [_changed(prompt, position, other) for other in range(len(choices))]
            nearest = int((_unit(network.embed_texts(changed)) @ feature).argmax())
            right[word].append(nearest == prompt[position])
    return Recognised({word: float(np.mean(values)) for word, values in right.items()})


def made(
    model: VideoModel, prompts: Sequence[tuple[int, int, int]] = HELD_OUT, *, steps: int = 25,
    guidance: float = 4.0, frames: int = 8, batch: int = 20,
) -> Frames:  # fmt: skip
    """One video a prompt, 64 pixels wide and high."""
    shape = model.latent_shape(frames, 64, 64)
    found = []
    for first in range(0, len(prompts), batch):
        part = prompts[first : first + batch]
        noise = torch.stack([normal(shape, "mini check", *prompt) for prompt in part])
        latents = text_to_video(
            model, [sentence(prompt) for prompt in part], noise, steps=steps, guidance=guidance
        )
        found.append(model.decode(latents))
    return np.concatenate(found)


def _changed(prompt: tuple[int, int, int], position: int, other: int) -> str:
    parts = [*prompt]
    parts[position] = other
    noun, action, place = parts
    return sentence((noun, action, place))


def _embed(network: Clip, frames: UInt8[Array, "frames height width 3"]) -> Array:
    return network.embed(np.stack([network.transform(frame) for frame in frames]))


def _unit(features: Array) -> Float32[Array, "*shape dim"]:
    return np.asarray(features / np.linalg.norm(features, axis=-1, keepdims=True), np.float32)
