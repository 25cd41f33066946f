"""The motion of a reference video: all of the UNet learns it, what works across frames keeps it.

Chen et al., "VideoDreamer", arXiv:2311.00990, disentangled motion customization: the layers that
work within a frame take up how the video looks, and are put back; those that work across frames
take up how it moves. A base whose frames share layers (Text2Video-Zero) cannot do it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.task import Bases, Task
from customstudio.errors import UserError
from customstudio.media.limits import MediaError
from customstudio.media.video import Video, open_video, read_video
from customstudio.suites.schema import VideoSpec

if TYPE_CHECKING:
    from torch import Tensor

    from customstudio.baselines.bases.spec import BaseSpec

Frames = UInt8[NDArray[np.uint8], "frames height width 3"]


def moments(spec: VideoSpec, count: int, fps: float) -> list[int] | None:
    """Which frames of a clip are a video of the suite's length and rate; None: it has too few.

    >>> moments(VideoSpec(frames=3, fps=8.0, width=64, height=64), 9, 24.0)
    [0, 3, 6]
    """
    chosen = [round(index * fps / spec.fps) for index in range(spec.frames)]
    enough = len(set(chosen)) == len(chosen) and chosen[-1] < count
    return chosen if enough else None


def unusable(path: Path, spec: VideoSpec, base: "BaseSpec | None") -> list[UserError]:
    """Why motion cannot be learnt: from this video, or on this base."""
    problems = []
    where = f"--set motion_video={path}"
    if base is not None and not base.temporal_layers:
        problems.append(
            UserError(
                f"{base.id} has no layers that work across frames alone: motion has no place there",
                where=where,
                fix="use --base animatediff, or leave out motion_video",
            )
        )
    try:
        with open_video(path) as clip:
            count, fps = clip.count, clip.fps
    except (MediaError, OSError) as error:
        return [*problems, UserError(str(error), where=where, fix="give a video file")]
    if moments(spec, count, fps) is None:
        problems.append(
            UserError(
                f"{count} frames at {fps:g} Hz are too few: {spec.frames} at {spec.fps:g} Hz are "
                "learnt from",
                where=where,
                fix="give a longer video, or one of a higher frame rate",
            )
        )
    return problems


def motion_weights(
    bases: Bases,
    task: Task,
    path: Path,
    prompt: str,
    options: TrainingOptions,
    on_step: Callable[[], None],
) -> "dict[str, Tensor]":
    """Train the whole UNet on a video; the weights across frames that came out, by name.

    They depend on the video, its prompt and the suite's video alone: they are the same for all
    pairs. A step sees one stretch of the video, from a frame drawn at random.

    Raises:
        UserError: the base has no such weights, or the video is too short or damaged.
    """
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.parameters import is_temporal
    from customstudio.baselines.seeds import choices, generator
    from customstudio.baselines.training import noised, recomputing

    model = bases.main
    weights = dict(model.unet.named_parameters())
    kept = [name for name in weights if is_temporal(name)]
    if not kept:
        raise UserError(
            "the base has no layers that work across frames alone",
            where=f"motion_video, base {model.provenance.base}",
            fix="use --base animatediff, or leave out motion_video",
        )
    clip, spec = read_clip(path), task.video
    rng, noise = choices("motion", task.suite), generator("motion", task.suite)

    def loss(step: int) -> "Tensor":
        frames = model.encode_images(stretch(clip, spec, rng), noise)
        noisy, t, target = noised(model, frames.permute(2, 1, 0, 3, 4), noise)
        found: Tensor = model.output(noisy, t, model.encode_text([prompt]))
        return ((found - target) ** 2).mean()

    with recomputing(model.unet):
        tuned = run_fit(bases, task, options, loss, on_step, weights=weights, tokens=False)
    return {name: tuned.weights[name] for name in kept}


def read_clip(path: Path) -> Video:
    """A whole video.

    Raises:
        UserError: it is damaged.
    """
    try:
        return read_video(path)
    except MediaError as error:
        raise UserError(str(error), where=str(path), fix="give another video") from error


def stretch(clip: Video, spec: VideoSpec, rng: np.random.Generator) -> Frames:
    """A stretch of a clip at the suite's rate and size, from a random start; margins are cut off.

    Raises:
        UserError: it is too short.
    """
    from customstudio.baselines.collage import Picture, collage

    chosen = moments(spec, len(clip.frames), clip.fps)
    if chosen is None:
        raise UserError(
            "the video is too short",
            where=f"motion_video: {len(clip.frames)} frames at {clip.fps:g} Hz",
            fix="give a longer one",
        )
    start = int(rng.integers(len(clip.frames) - chosen[-1]))
    everywhere = np.ones(clip.frames.shape[1:3], np.bool_)
    size = (spec.height, spec.width)
    frames = [
        collage([Picture(clip.frames[start + index], everywhere)], size, framing="fill").image
        for index in chosen
    ]
    return np.stack(frames)
