"""Does a mini base make what it is asked for? mini-CLIP chooses among prompts, one word changed.

100 prompts of one subject whose class, action and place no training picture had together
(`words.HELD_OUT`). `python -m customstudio.baselines.bases.mini.check` prints it for each mini
base; the exit status is 1 where one falls short.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image

from customstudio.baselines import catalog
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.mini.specs import SPECS
from customstudio.baselines.bases.mini.words import HELD_OUT, sentence
from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.seeds import normal
from customstudio.files import replacing
from customstudio.metrics.backbones import clip
from customstudio.metrics.backbones.clip import Clip
from customstudio.mini.captions import CLASSES
from customstudio.mini.check import HELD_OUT as UNSEEN
from customstudio.mini.check import WEIGHTS, located
from customstudio.mini.look import Identity
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, CAMERAS, Scene, render

BAR, STEPS, GUIDANCE = 0.8, 10, 4.0
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
    model: VideoModel, prompts: Sequence[tuple[int, int, int]] = HELD_OUT, *, steps: int = STEPS,
    guidance: float = GUIDANCE, frames: int = 8, batch: int = 10,
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


def rendered(prompts: Sequence[tuple[int, int, int]] = HELD_OUT) -> Frames:
    """True videos of the prompts, of individuals that nothing was trained on: what can be had."""
    rng = np.random.default_rng(0)
    scenes = [
        Scene(
            (Identity(CLASSES[noun], UNSEEN + number),), ACTIONS[action], PLACES[place],
            str(rng.choice(CAMERAS)), seed=number,
        )
        for number, (noun, action, place) in enumerate(prompts)
    ]  # fmt: skip
    return np.stack([render(scene).frames for scene in scenes])


def write_sheet(path: Path, videos: Frames, columns: int = 5) -> None:
    """A PNG of videos: first, middle and last frame of each, in the order of the prompts."""
    shown = videos[:, [0, videos.shape[1] // 2, -1]]
    strips = [np.concatenate(list(frames), axis=1) for frames in shown]
    rows = [strips[first : first + columns] for first in range(0, len(strips), columns)]
    whole = [np.concatenate(row, axis=1) for row in rows if len(row) == columns]
    with replacing(path) as file:
        Image.fromarray(np.concatenate(whole)).save(file, "PNG", optimize=True)


def judge() -> Clip:
    """The shipped mini-CLIP."""
    found = located(WEIGHTS, "mini-clip", "clip")
    return clip.load(found, device="cpu", precision="float32", options={})


def main() -> None:
    """Make the videos of each mini base, and say what was recognised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", default=",".join(spec.id for spec in SPECS))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--prompts", type=int, default=len(HELD_OUT), help="the first so many")
    parser.add_argument("--sheets", type=Path, help="folder of pictures of the videos")
    asked = parser.parse_args()
    print("| base | class | action | place | prompts |\n|---|---|---|---|---|")
    passed, network, prompts = True, judge(), HELD_OUT[: asked.prompts]
    for name in ("rendered", *filter(None, asked.bases.split(","))):
        if name == "rendered":
            videos = rendered(prompts)
        else:
            model = load_base(locate([catalog.base(name)])[0])
            assert isinstance(model, VideoModel)
            videos = made(model, prompts, steps=asked.steps, guidance=asked.guidance)
        found = recognised(network, videos)
        values = " | ".join(f"{value:.2f}" for value in found.by_word.values())
        print(f"| {name} | {values} | {len(videos)} |", flush=True)
        if asked.sheets:
            write_sheet(asked.sheets / f"{name}.png", videos)
        passed = passed and found.passed
    sys.exit(0 if passed else 1)


def _changed(prompt: tuple[int, int, int], position: int, other: int) -> str:
    parts = [*prompt]
    parts[position] = other
    noun, action, place = parts
    return sentence((noun, action, place))


def _embed(network: Clip, frames: UInt8[Array, "frames height width 3"]) -> Array:
    return network.embed(np.stack([network.transform(frame) for frame in frames]))


def _unit(features: Array) -> Float32[Array, "*shape dim"]:
    return np.asarray(features / np.linalg.norm(features, axis=-1, keepdims=True), np.float32)


if __name__ == "__main__":
    main()
