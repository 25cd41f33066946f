"""Parts of a video noised and denoised again: its faces, and the tiles of an enlargement.

Ma et al., "Magic-Me" (VCD), arXiv:2402.09368: Face VCD redraws faces that are cut out and enlarged,
80 % of the way; Tiled VCD redraws an enlarged video in four tiles, 20 % of the way. Where the paper
says no more, the settings are those of its authors' ComfyUI workflow (Zhen-Dong/Magic-Me): a crop
of three times the face, an edge of 5 pixels over which it is pasted, tiles one after another that
overlap by 32 pixels and blend over 8.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from customstudio.baselines.bases.sampler import video_to_video
from customstudio.baselines.face_tracks import Box, track_faces
from customstudio.baselines.option_sets import RedrawingOptions
from customstudio.baselines.sampling import enlarge, job_noise
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.baselines.tuned import Tuned, applied
from customstudio.metrics import backbones
from customstudio.suites.schema import Job

FEATHER, PADDING, BLUR = 5, 32, 8
"""Pixels: the edge of a pasted face, what a tile sees of its neighbours, the edge of a tile."""


def redraw_faces(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    prompts: Sequence[str],
    videos: Videos,
    options: RedrawingOptions,
) -> Videos:
    """The videos with each face redrawn; one without a face stays as it is.

    A face is cut out in one place for all frames, with the frame's own proportions, and enlarged to
    the frame's size. Only the face itself is pasted back.
    """
    device = str(bases.main.device)
    faces = bases.network(
        options.faces, lambda found: backbones.load("faces", found, device=device)
    )
    result = videos.copy()
    height, width = videos.shape[2:4]
    for index, (job, prompt) in enumerate(zip(jobs, prompts, strict=True)):
        for number, face in enumerate(track_faces([faces.boxes(f) for f in videos[index]])):
            top, left, high, wide = window(face, (height, width), options.face_crop)
            place = np.s_[index : index + 1, :, top : top + high, left : left + wide]
            shown = enlarge(result[place], (width, height))
            drawn = _redrawn(
                bases, tuned, task, [job], [prompt], shown, options,
                strength=options.face_strength, purpose=f"face{number}",
            )  # fmt: skip
            weight = feathered(face, (height, width), FEATHER)[top : top + high, left : left + wide]
            result[place] = _blend(result[place], enlarge(drawn, (wide, high)), weight)
    return result


def redraw_tiles(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    prompts: Sequence[str],
    videos: Videos,
    options: RedrawingOptions,
    on_step: Callable[[], None] = lambda: None,
) -> Videos:
    """The videos at twice their sides, enlarged bicubically and redrawn tile by tile.

    A tile sees what was redrawn before it, where they overlap.
    """
    height, width = videos.shape[2:4]
    size = (2 * height, 2 * width)
    result = enlarge(videos, (size[1], size[0]))
    for number, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        top, left = row * height, column * width
        rows = slice(max(top - PADDING, 0), min(top + height + PADDING, size[0]))
        columns = slice(max(left - PADDING, 0), min(left + width + PADDING, size[1]))
        drawn = _redrawn(
            bases, tuned, task, jobs, prompts, result[:, :, rows, columns], options,
            strength=options.tiled_strength, purpose=f"tile{number}", on_step=on_step,
        )  # fmt: skip
        weight = feathered((left, top, left + width, top + height), size, BLUR)[rows, columns]
        result[:, :, rows, columns] = _blend(result[:, :, rows, columns], drawn, weight)
    return result


def window(face: Box, size: tuple[int, int], factor: float) -> tuple[int, int, int, int]:
    """What is cut out around a face: top, left, height, width; inside the frame.

    Args:
        size: (height, width) of the frame, whose proportions it has.
        factor: its sides in those of the face.

    >>> window((10, 10, 20, 20), (100, 200), 3), window((0, 40, 90, 100), (100, 200), 3)
    ((0, 0, 30, 60), (0, 0, 100, 200))
    """
    left, top, right, bottom = face
    height, width = size
    share = min(factor * max((bottom - top) / height, (right - left) / width), 1.0)
    high, wide = max(1, round(share * height)), max(1, round(share * width))
    y, x = round((top + bottom - high) / 2), round((left + right - wide) / 2)
    return min(max(y, 0), height - high), min(max(x, 0), width - wide), high, wide


def feathered(
    box: Box, size: tuple[int, int], edge: int
) -> Float[NDArray[np.float64], "height width"]:
    """1 inside a box, falling to 0 over an edge around it, in straight lines.

    >>> feathered((2, 0, 4, 1), (1, 7), 2).tolist()
    [[0.25, 0.75, 1.0, 1.0, 0.75, 0.25, 0.0]]
    """
    left, top, right, bottom = box
    y, x = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    off_y = np.maximum(np.maximum(top - y, y - bottom), 0)
    off_x = np.maximum(np.maximum(left - x, x - right), 0)
    off: NDArray[np.float64] = np.maximum(off_y[:, None], off_x[None, :])
    return np.clip(1 - off / edge, 0, 1)


def _redrawn(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    prompts: Sequence[str],
    videos: Videos,
    options: RedrawingOptions,
    *,
    strength: float,
    purpose: str,
    on_step: Callable[[], None] = lambda: None,
) -> Videos:
    model = bases.main
    shape = model.latent_shape(*videos.shape[1:4])
    noise = torch.stack([job_noise(task.suite, job, shape, purpose) for job in jobs])
    with applied(model, tuned):
        latents = video_to_video(
            model, prompts, videos, noise, steps=options.sampling_steps, strength=strength,
            guidance=options.guidance, negative=options.negative_prompt, on_step=on_step,
        )  # fmt: skip
        drawn: Videos = model.decode(latents)
    return drawn


def _blend(old: Videos, new: Videos, weight: Float[NDArray[np.float64], "height width"]) -> Videos:
    """The new where the weight is 1, the old where it is 0, rounded."""
    share = weight[None, None, :, :, None]
    mixed: Videos = np.round(share * new + (1 - share) * old).astype(np.uint8)
    return mixed
