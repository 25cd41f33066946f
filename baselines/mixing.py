"""Mixed pictures, which show all of a pair's subjects: stitched, or picked by a person.

Picked ones are `FOLDER/PAIR/*.png`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from customstudio.baselines.collage import Picture, collage
from customstudio.baselines.examples import Example, drawing, named
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.seeds import choices
from customstudio.baselines.task import Bases, Task
from customstudio.errors import UserError, raise_all, some
from customstudio.media.image import IMAGE_SUFFIXES, load_image
from customstudio.media.limits import MediaError


def picked_files(folder: Path, pair: str) -> tuple[Path, ...]:
    """The pictures that were picked for a pair, by name."""
    place = folder / pair
    found = place.iterdir() if place.is_dir() else []
    return tuple(sorted(p for p in found if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()))


def unpicked(folder: Path, pairs: Sequence[str]) -> list[UserError]:
    """What is missing in a folder of picks: the folder, or pictures of some pairs."""
    if not folder.is_dir():
        return [
            UserError(
                "no such folder of picked pictures",
                where=f"--set picked={folder}",
                fix="give a folder with pictures of both subjects in PAIR/",
            )
        ]
    bare = [pair for pair in pairs if not picked_files(folder, pair)]
    if not bare:
        return []
    return [
        UserError(
            f"no picked pictures of {len(bare)} pairs: {some(bare)}",
            where=f"--set picked={folder}",
            fix=f"put some into {folder / bare[0]}, or name the pairs that have some: --pairs",
        )
    ]


def drawing_mixed(
    bases: Bases, task: Task, options: TrainingOptions, ending: str
) -> Callable[[], list[Example]]:
    """What each next step of a fit trains on of the mixed pictures: none for a lone subject.

    Args:
        ending: words after the prompt of a stitched picture.

    Raises:
        UserError: picked pictures cannot be read: all of them.
    """
    if task.files.get("picked"):
        return drawing_picks(task, task.files["picked"], options)
    count = len(task.subjects)
    if count == 1:
        return list
    # Class images go with the pictures of single subjects.
    alone = options.model_copy(update={"prior_weight": 0.0})
    stitched = drawing(bases, task, alone, lambda rng: range(count), purpose="mixed")

    def draw() -> list[Example]:
        examples = stitched()[0]
        return (
            [replace(e, prompt=f"{e.prompt}, {ending}") for e in examples] if ending else examples
        )

    return draw


def drawing_picks(
    task: Task, files: Sequence[Path], options: TrainingOptions
) -> Callable[[], list[Example]]:
    """What each next step of a fit trains on of the picked pictures; they show all subjects.

    Raises:
        UserError: files cannot be read: all of them.
    """
    pictures, problems = [], []
    for path in files:
        try:
            image = load_image(path)
        except MediaError as error:
            problems.append(UserError(str(error), where=str(path), fix="replace it"))
            continue
        pictures.append(Picture(image, np.ones(image.shape[:2], np.bool_)))
    raise_all(problems)
    rng = choices("picks", task.suite, task.pair)
    size = (task.video.height, task.video.width)
    prompt = named(task, range(len(task.subjects)))
    masks = np.ones((len(task.subjects), *size), np.bool_)

    def draw() -> list[Example]:
        chosen = rng.integers(len(pictures), size=options.batch)
        images = [collage([pictures[i]], size, framing=options.framing).image for i in chosen]
        return [Example(image, masks, prompt) for image in images]

    return draw
