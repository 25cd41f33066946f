"""DisenDiff with SVD-XT: calibrated attention on pictures, each of which is then animated.

Zhang et al., "Attention Calibration for Disentangled Text-to-Image Personalization" (DisenDiff),
CVPR 2024, arXiv:2403.18551; Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127; together
as a baseline of CustomVideo, arXiv:2401.09962. A single frame of base `animatediff` is Stable
Diffusion 1.5 itself: its motion modules take no part here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import (
    AnimationOptions,
    Level,
    TrainingOptions,
    unattended,
)
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.errors import UserError
from customstudio.suites.schema import Job, VideoSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.examples import Example
    from customstudio.baselines.tuned import Tuned


class DisenDiffOptions(AnimationOptions, TrainingOptions):
    """CustomVideo's for its baseline, and the authors' own (see the card)."""

    guidance: Weight = 7.5
    # Of sampling videos, which is SVD-XT's here: they do nothing, so that none can name a variant.
    noise_gamma: Annotated[float, Field(ge=0, le=0)] = 0.0
    high_resolution: Literal[False] = False
    xl_steps: Literal[30] = 30
    xl_strength: Annotated[float, Field(ge=0.6, le=0.6)] = 0.6
    xl_guidance: Annotated[float, Field(ge=15, le=15)] = 15.0
    steps: Count = 250
    rate: Rate = 4e-5
    one_picture: bool = True
    """All steps show one reference of each subject, the first; or any of them."""
    alpha: Weight = 0.01
    """Weight of the loss on attention maps; 0: none."""
    level: Level = 3
    """Of the calibrated maps: 3 is 16 x 16 of a picture of 512 x 512."""
    bind: bool = True
    """A token's map is drawn to its noun's."""
    separate: bool = True
    """The nouns' maps are kept apart."""
    strengthen: bool = True
    """The nouns' maps are squared first."""

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """A level that the base does not have; videos that are too long."""
        levels = (self.level,) if self.alpha else ()
        return [*unattended(base, "level", levels), *super().problems(base, video, pairs)]


DEFAULTS = DisenDiffOptions()

CARD = Card(
    id="disendiff_svd",
    title="DisenDiff + SVD-XT",
    kind="port",
    paper="Zhang et al., Attention Calibration for Disentangled Text-to-Image Personalization "
    "(DisenDiff), CVPR 2024, arXiv:2403.18551; animated by Stable Video Diffusion, "
    "arXiv:2311.15127, and settings, as in CustomVideo, arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper; of its authors' code only settings and the "
    "preparation of maps, which the paper leaves out, were read, none was copied",
    weights_licence="none of its own; what a fit produces is derived from Stable Diffusion 1.5 "
    "(CreativeML Open RAIL-M); SVD-XT: Stable Video Diffusion Community License",
    base="animatediff",
    trains="keys and values of the UNet's spatial attn2 layers (32 matrices), one token a subject; "
    "nothing of SVD-XT",
    settings={
        **SAMPLING,
        "sampling_steps": "ours: of the picture, as CustomVideo's videos",
        "guidance": "ours: the default of diffusers' pipeline of Stable Diffusion",
        "noise_gamma": "not used: the picture is one frame",
        "high_resolution": "not used: SVD-XT makes larger frames itself",
        "xl_steps": "not used",
        "xl_strength": "not used",
        "xl_guidance": "not used",
        "steps": "CustomVideo, and its authors' code: 250",
        "batch": "CustomVideo, and its authors' code: 2",
        "rate": "CustomVideo: 4e-5",
        "weight_decay": "CustomVideo: 1e-2, AdamW",
        "augment": "its authors' code: flips, sizes, with words for them; how far is ours",
        "framing": "ours: it fills its panel; white around a shrunk one has no loss",
        "start": "ours: rare words, as Custom Diffusion, which it is built on",
        "prior_weight": "its authors' code: 1.0",
        "class_images": "ours: 200, as CustomVideo",
        "class_images_by": "ours",
        "one_picture": "paper: a single picture that holds all subjects; a collage is ours",
        "alpha": "its authors' code: 0.01",
        "level": "its authors' code: maps of 16 x 16",
        "bind": "paper",
        "separate": "paper",
        "strengthen": "paper",
        "svd_steps": "CustomVideo: 30",
        "svd_frames": "SVD-XT: 25",
        "svd_keep": "ours",
        "svd_pixels": "SVD-XT: 1024x576",
        "svd_motion": "ours: the default of diffusers' pipeline",
        "svd_augmentation": "ours: the default of diffusers' pipeline",
        "svd_guidance": "ours: the default of diffusers' pipeline",
    },
    open_points=(
        OpenPoint(
            question="The method learns from one picture in which all subjects are. A suite has "
            "pictures of each alone.",
            choice="A collage of the first reference of each subject stands in for it, in the "
            "pair's order, backgrounds left. `one_picture=false` draws from all references.",
            option="one_picture",
        ),
        OpenPoint(
            question="How does an attention map become a mask of the IoU?",
            choice="As in its authors' code: mean of heads and layers at 16 x 16, scaled to 0..1 "
            "by its least and most, a 3 x 3 Gaussian; the noun's is squared; one is added to "
            "intersection and union; the noun's map has no gradient where a token is bound to it.",
            option="strengthen",
        ),
        OpenPoint(
            question="A noun of several pieces: whose map?",
            choice="The first piece's, right after the token, as in its authors' code.",
        ),
        OpenPoint(
            question="Which resolution, where pictures are not 512 x 512?",
            choice="Where latents were halved twice: 10 x 18 at 576x320. Pictures have the size "
            "of the suite's videos, in fitting and in sampling.",
            option="level",
        ),
        OpenPoint(
            question="How do 25 frames become the suite's video?",
            choice="SVD-XT is told the suite's frame rate and makes 25 frames of about 1024x576 "
            "with the suite's proportions; the first frames are kept, resized (bicubic).",
            option="svd_keep",
        ),
        OpenPoint(
            question="Which class images?",
            choice="The base's own, side by side; its authors retrieve real ones of all nouns.",
        ),
    ),
    differs="Where a picture was made small, its authors' code counts the loss inside it alone; "
    "Custom Diffusion's code, below it, stops gradients through the first token's keys and values. "
    "Neither is here. Arithmetic is float32, also of SVD-XT, whose frames are decoded 8 at a time.",
)


def fit(
    bases: Bases, task: Task, options: DisenDiffOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train keys and values and one token a subject, on pictures of all subjects together."""
    from customstudio.baselines.examples import drawing
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.parameters import projections
    from customstudio.baselines.seeds import generator

    everyone = range(len(task.subjects))
    learnt = learnt_from(task, options)
    draw = drawing(bases, learnt, options, lambda _: everyone, on_step=on_step)
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> "Tensor":
        return step_loss(bases, *draw(), options, noise)

    weights = projections(bases.main.unet, "kv", "spatial")
    return run_fit(bases, task, options, loss, on_step, weights=weights)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: DisenDiffOptions,
    on_step: Callable[[], None],
) -> Videos:
    """A picture for each job, from a prompt with tokens; then a video that begins with it."""
    from customstudio.baselines.animated import animated
    from customstudio.baselines.sampling import sample_with_tokens

    still = replace(task, video=task.video.model_copy(update={"frames": 1}))
    pictures = sample_with_tokens(bases, tuned, still, jobs, options, on_step)
    return animated(bases, pictures, task, jobs, options, on_step)


def step_loss(
    bases: Bases,
    ours: "Sequence[Example]",
    theirs: "Sequence[Example]",
    options: DisenDiffOptions,
    noise: "Generator",
) -> "Tensor":
    """L_recon + alpha * L_calibration of the subjects' pictures, plus L_prior of class images."""
    from customstudio.baselines.attention import recording
    from customstudio.baselines.calibration import calibration_loss
    from customstudio.baselines.reconstruction import reconstruction_loss
    from customstudio.baselines.tokens import columns

    model = bases.main
    with recording(model.unet, (options.level,) if options.alpha else ()) as maps:
        total = reconstruction_loss(model, ours, theirs, options, noise)
    if not options.alpha:
        return total
    height, width = ours[0].image.shape[:2]
    side = model.scale * 2 ** (options.level - 1)
    ids = model.token_ids([example.prompt for example in ours])
    calibration = calibration_loss(
        [kept[: len(ours)] for kept in maps[options.level]],
        columns(ids, model, len(ours[0].masks)),
        (-(-height // side), -(-width // side)),
        bind=options.bind, separate=options.separate, strengthen=options.strengthen,
    )  # fmt: skip
    return total + options.alpha * calibration


def learnt_from(task: Task, options: DisenDiffOptions) -> Task:
    """The task with the references that a fit sees."""
    if not options.one_picture:
        return task
    subjects = (replace(s, references=s.references[:1]) for s in task.subjects)
    return replace(task, subjects=tuple(subjects))
