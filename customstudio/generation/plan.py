"""How much work a generation is: counts, and an estimate from arithmetic alone.

The hours are those of UNets, at the rates that CustomVideo reached on one H200 in float32
(docs/benchmarks.md); they leave out text encoder, VAE and writing.
"""

from collections.abc import Sequence

from customstudio.baselines.option_sets import (
    AnimationOptions,
    DenoisingOptions,
    SamplingOptions,
    TrainingOptions,
)
from customstudio.baselines.options import Options
from customstudio.generation.grid import PairWork
from customstudio.records import Record
from customstudio.suites.schema import Suite, VideoSpec

TFLOP = {
    "zeroscope": (1.85, 1.78),
    "animatediff-sdxl": (2.33, 2.64),
    "animatediff": (1.12, 1.51),
    "text2video-zero": (1.12, 1.08),
}
"""A base's id begins with -> an image forward and backward with gradients of keys and values, a
frame of a guided sampling step; at 576x320, at other sizes in proportion to the pixels. Counted on
the meta device, but training on others than zeroscope: by the ratio that it has there."""
PIXELS = 576 * 320
ANIMATION = 6.4
"""TFLOP of a frame of a guided step of SVD-XT, at 1024x576, counted in the same way."""
TRAINING_RATE, SAMPLING_RATE = 30.0, 57.0
"""TFLOP/s."""
BYTES_A_PIXEL = 0.12
"""Of H.264 at the quality that is written; a guess for natural pictures."""


class Plan(Record):
    """What a command would do."""

    pairs: int
    """Pairs with something left to make."""
    done: int
    """Videos that are there."""
    videos: int
    """Videos to make."""
    training_steps: int
    sampling_steps: int
    """Steps of sampling a video, those of a second base included."""
    class_images: int
    """At most: those in the cache are not made again."""
    gpu_hours: float | None
    """Of one H200, by arithmetic and those rates; None: not counted for these base models."""
    gigabytes: float
    """Of the videos."""


def make_plan(
    suite: Suite, left: Sequence[PairWork], options: Options, video: VideoSpec, base: str
) -> Plan:
    """Count the work that is left.

    Args:
        base: id of the base model; `none`: the method needs none.
    """
    training, sampling = next((t for name, t in TFLOP.items() if base.startswith(name)), (0.0, 0.0))
    open_pairs = [work for work in left if work.todo]
    videos = sum(len(work.todo) for work in left)
    share = video.width * video.height / PIXELS
    fit_steps = images = steps = 0
    seconds = 0.0
    if isinstance(options, TrainingOptions):
        fit_steps = options.fit_steps * len(open_pairs)
        twice = 2 if options.prior_weight else 1
        frames = options.batch * twice * options.frames_a_picture
        pictures = options.picture_steps * len(open_pairs) * frames
        seconds += pictures * training * share / TRAINING_RATE
        if options.prior_weight:
            subjects = {name for work in open_pairs for name in suite.pairs[work.pair].subjects}
            nouns = {suite.subjects[name].prompt_noun for name in subjects}
            groups = subjects if options.class_images_by == "subject" else nouns
            images = len(groups) * options.class_images_made
    if isinstance(options, DenoisingOptions):
        steps = options.steps_a_video + options.second_steps
    if isinstance(options, SamplingOptions):
        frames = videos * (1 if isinstance(options, AnimationOptions) else video.frames)
        sampled: float = frames * options.steps_a_video + images * options.sampling_steps
        if options.high_resolution:
            sampled += frames * options.second_steps * 1024 * 576 / PIXELS
        seconds += sampled * sampling * share / SAMPLING_RATE
    if isinstance(options, AnimationOptions):
        animated = videos * options.svd_frames * options.svd_pixels / (1024 * 576)
        seconds += animated * options.second_steps * ANIMATION / SAMPLING_RATE
    pixels = video.frames * video.width * video.height * options.enlargement
    return Plan(
        pairs=len(open_pairs),
        done=sum(len(work.jobs) - len(work.todo) for work in left),
        videos=videos,
        training_steps=fit_steps,
        sampling_steps=steps,
        class_images=images,
        gpu_hours=seconds / 3600 if sampling or base == "none" else None,
        gigabytes=videos * pixels * BYTES_A_PIXEL / 1e9,
    )
