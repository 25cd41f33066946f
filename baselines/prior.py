"""Class images for prior preservation: what the base itself makes of a subject's class.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242, equation 2; 200 images for each subject as
in CustomVideo, arXiv:2401.09962, which does not say what made its own. Ours are one-frame samples
of the base, from prompts of a small grammar; the cache keeps them by all that they depend on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image

from customstudio.baselines.bases.sampler import text_to_video
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import CLASS_BATCH, TrainingOptions
from customstudio.baselines.seeds import normal
from customstudio.baselines.task import TaskSubject
from customstudio.files import cache_folder, replacing
from customstudio.records import digest
from customstudio.suites.articles import article

PLACES = (
    "on a wooden floor", "in a green field", "on a beach", "in the snow", "in a kitchen",
    "on a city street", "in a forest", "beside a lake", "on a table", "in front of a brick wall",
    "in a garden", "on a mountain path", "in a living room", "under a tree", "on a rock",
    "near a window", "in a park", "on a rug", "by a fence", "in a desert",
    "on a bridge", "in an empty room", "on a balcony", "in a courtyard", "among flowers",
)  # fmt: skip
LIGHTS = (
    "in the morning", "at noon", "at sunset", "at night", "on a cloudy day", "in soft light",
    "in bright light", "seen from far away",
)  # fmt: skip


@dataclass(frozen=True)
class ClassImage:
    """One class image and the prompt it was made from."""

    image: UInt8[NDArray[np.uint8], "height width 3"]
    prompt: str


def class_prompts(noun: str, count: int = 200) -> list[str]:
    """Prompts of a class, each another place and light; after 200 they begin again.

    >>> class_prompts("orange cat", 2)
    ['an orange cat on a wooden floor in the morning', 'an orange cat in a green field at noon']
    """
    pairs = sorted(
        product(range(len(PLACES)), range(len(LIGHTS))),
        key=lambda pair: ((pair[1] - pair[0]) % len(LIGHTS), pair[0]),
    )
    texts = [f"{article(noun)} {noun} {PLACES[place]} {LIGHTS[light]}" for place, light in pairs]
    return [texts[index % len(texts)] for index in range(count)]


def class_images(
    model: VideoModel,
    subject: TaskSubject,
    size: tuple[int, int],
    options: TrainingOptions,
    on_step: Callable[[], None] = lambda: None,
) -> list[ClassImage]:
    """The class images of a subject, from the cache or made now.

    Args:
        size: (height, width) in pixels.
        on_step: called after each step of sampling, and for those that the cache spares.
    """
    by = subject.id if options.class_images_by == "subject" else "class"
    folder = _folder(model, subject.noun, by, size, options)
    prompts = class_prompts(subject.noun, options.class_images_made)
    for first in range(0, options.class_images_made, CLASS_BATCH):
        # Always a whole batch of the same ones: the last bits of an image depend on its neighbours.
        numbers = range(first, first + CLASS_BATCH)
        if all((folder / f"{n:03d}.png").is_file() for n in numbers):
            for _ in range(options.sampling_steps):
                on_step()
            continue
        noise = [
            normal(model.latent_shape(1, *size), "class image", subject.noun, by, n)
            for n in numbers
        ]
        latents = text_to_video(
            model,
            [prompts[n] for n in numbers],
            torch.stack(noise),
            steps=options.sampling_steps,
            guidance=options.guidance,
            negative=options.negative_prompt,
            on_step=on_step,
        )
        for n, video in zip(numbers, model.decode(latents), strict=True):
            with replacing(folder / f"{n:03d}.png") as file:
                Image.fromarray(video[0]).save(file, "PNG")
    wanted = enumerate(prompts[: options.class_images])
    return [ClassImage(_read(folder / f"{n:03d}.png"), prompt) for n, prompt in wanted]


def _folder(
    model: VideoModel, noun: str, by: str, size: tuple[int, int], options: TrainingOptions
) -> Path:
    depends_on = [
        model.provenance.model_dump(mode="json"), model.autocast, noun, by, list(size),
        options.sampling_steps, options.guidance, options.negative_prompt, PLACES, LIGHTS,
    ]  # fmt: skip
    return cache_folder() / "class-images" / digest(depends_on)[:16]


def _read(path: Path) -> UInt8[NDArray[np.uint8], "height width 3"]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))
