"""Frames of the same jobs by several methods, side by side, under the subjects' references."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from customstudio.files import replacing
from customstudio.media.image import load_image
from customstudio.media.limits import MediaError
from customstudio.media.video import read_video
from customstudio.suites.schema import Job, Reference, Suite

CELL, GAP, LABEL = 96, 4, 16
FRAMES = 3
"""First, middle and last."""

Picture = UInt8[NDArray[np.uint8], "height width 3"]


def write_sheet(
    path: Path,
    suite: Suite,
    jobs: Sequence[Job],
    references: Mapping[str, Sequence[Reference]],
    methods: Mapping[str, Path],
) -> None:
    """A PNG with a row a job: its subjects' first references, then each method's frames.

    A video that cannot be read is an empty place.

    Args:
        references: subject -> its reference images.
        methods: name -> folder of its videos.
    """
    most = max(len(suite.pairs[job.pair].subjects) for job in jobs)
    step = FRAMES * CELL + 2 * GAP
    width = most * CELL + 2 * GAP + len(methods) * step
    height = LABEL + len(jobs) * (CELL + LABEL + GAP)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(methods):
        draw.text((most * CELL + 2 * GAP + index * step, 2), name[:46], fill="black")
    for row, job in enumerate(jobs):
        top = LABEL + row * (CELL + LABEL + GAP)
        draw.text((0, top + CELL + 1), job.prompt[:110], fill="black")
        for column, subject in enumerate(suite.pairs[job.pair].subjects):
            sheet.paste(_cell(load_image(references[subject][0].path)), (column * CELL, top))
        for index, folder in enumerate(methods.values()):
            try:
                frames = read_video(folder / f"{job.id}.mp4").frames
            except MediaError:
                continue  # the run says why
            for place, number in enumerate(np.linspace(0, len(frames) - 1, FRAMES).round()):
                left = most * CELL + 2 * GAP + index * step + place * CELL
                sheet.paste(_cell(frames[int(number)]), (left, top))
    with replacing(path) as file:
        sheet.save(file, "PNG", optimize=True)


def _cell(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture)
    return image.resize((CELL, CELL), Image.Resampling.BICUBIC)
