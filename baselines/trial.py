"""A method tried at toy size: what each one must do, whatever it trains.

A plug-in's test calls `try_method`; what the method alone claims is for its own tests to show.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from customstudio.baselines import catalog
from customstudio.baselines.bases.tiny import tiny, tiny_image_encoder
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.options import Options, override
from customstudio.baselines.task import Bases, Task, TaskSubject
from customstudio.baselines.tuned import Tuned, load, save
from customstudio.suites.schema import Job, Reference, VideoSpec

QUICK = {"steps": 2, "class_images": 2, "sampling_steps": 2}
"""Options that are cut down, where a method has them."""


def try_method(name: str, folder: Path, model: VideoModel | None = None) -> Tuned:
    """Fit a method on a drawn pair on the tiny base, and generate; the outcome of the fit.

    Args:
        folder: takes the pair's pictures and the fit.
        model: another base than the tiny one, as small.

    Raises:
        UserError: the method is unknown or not declared in full.
        AssertionError: it does not do what a method must; says what.
    """
    module, options = catalog.method(name), quick(catalog.defaults(name))
    model, task = model or tiny(), drawn_task(folder)
    encoder = tiny_image_encoder() if options.needs_image_encoder else None
    bases = None if catalog.card(name).base == "none" else Bases(model, image_encoder=encoder)
    before = base_state(model)
    tuned: Tuned = module.fit(bases, task, options, _nothing)
    changed = [
        key for key, value in base_state(model).items() if not torch.equal(value, before[key])
    ]
    assert not changed, f"fit leaves the base changed: {changed[:3]}"
    assert same(tuned, module.fit(bases, task, options, _nothing)), "fitted twice, it differs"
    save(tuned, folder / "fit.safetensors", {})
    again, _ = load(folder / "fit.safetensors")
    jobs = drawn_jobs(task)
    videos = module.generate(bases, tuned, task, jobs, options, _nothing)
    size = (len(jobs), task.video.frames, task.video.height, task.video.width, 3)
    assert videos.shape == size and videos.dtype == np.uint8, (  # noqa: PT018
        f"generate gives {videos.shape} of {videos.dtype}, not {size} of uint8"
    )
    reread = module.generate(bases, again, task, jobs, options, _nothing)
    assert np.array_equal(videos, reread), "a fit that was saved and loaded gives another video"
    turned = module.generate(bases, tuned, task, jobs[::-1], options, _nothing)[::-1]
    off = int(np.abs(videos.astype(int) - turned.astype(int)).max())
    assert off <= 1, f"a video depends on the order of the jobs: {off} of 255"
    unlike = [
        key for key, value in base_state(model).items() if not torch.equal(value, before[key])
    ]
    assert not unlike, f"generate leaves the base changed: {unlike[:3]}"
    return tuned


def quick(options: Options) -> Options:
    """The same options with few steps and images."""
    fields = type(options).model_fields
    return override(options, [f"{name}={value}" for name, value in QUICK.items() if name in fields])


def same(first: Tuned, second: Tuned) -> bool:
    """Whether two fits are equal bit for bit."""
    parts: list[tuple[Mapping[str, Tensor], Mapping[str, Tensor]]] = [
        (first.weights, second.weights), (first.rows, second.rows), (first.lora, second.lora),
        (first.text_lora, second.text_lora), (first.shifts, second.shifts),
    ]  # fmt: skip
    return all(
        one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
        for one, two in parts
    )


def base_state(model: VideoModel) -> dict[str, Tensor]:
    """Every tensor of a base, copied."""
    return {
        f"{part}.{name}": value.detach().clone()
        for part in ("unet", "vae", "text_encoder")
        for name, value in getattr(model, part).state_dict().items()
    }


def drawn_task(folder: Path) -> Task:
    """A pair of two subjects with two references each, a square and a disc, with masks."""
    subjects = []
    for number, noun in enumerate(("cat", "dog")):
        references = []
        for index in range(2):
            y, x = np.mgrid[:40, :48]
            shape = np.hypot(y - 20, x - 24) < 14 if number else (abs(y - 20) < 12) & (x > 10)
            image = np.full((40, 48, 3), 40 * (index + 1), np.uint8)
            image[shape] = (250, 30, 30) if number else (30, 30, 250)
            path = folder / "refs" / noun / f"{index:02d}.png"
            mask = folder / "masks" / noun / f"{index:02d}.png"
            for place, content in ((path, image), (mask, shape.astype(np.uint8) * 255)):
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(place)
            references.append(Reference(path=path, mask=mask))
        subjects.append(TaskSubject(f"pet_{noun}", noun, tuple(references)))
    video = VideoSpec(frames=3, fps=8.0, width=64, height=64)
    return Task("mini", "pet_cat+pet_dog", tuple(subjects), video)


def drawn_jobs(task: Task, count: int = 2) -> list[Job]:
    """Jobs of the pair, by seed."""
    return [
        Job(
            pair=task.pair, prompt_id="T2-01", seed=seed, prompt="a cat and a dog",
            prompt_with_tokens="a <new1> cat and a <new2> dog",
            subjects=tuple(s.id for s in task.subjects),
        )
        for seed in range(count)
    ]  # fmt: skip


def _nothing() -> None:
    """A progress that nobody watches."""
