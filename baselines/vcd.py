"""VCD: several tokens a subject, learnt inside its mask; noise that frames share.

Ma et al., "Magic-Me: Identity-Specific Video Customized Diffusion", arXiv:2402.09368: the ID module
(section 4.2), the 3D Gaussian noise prior (equation 4, `sampling.across_frames`), Face VCD and
Tiled VCD (`redrawing`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import Correlation, RedrawingOptions, TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from customstudio.baselines.examples import Example
    from customstudio.baselines.tuned import Tuned


class VCDOptions(TrainingOptions, RedrawingOptions):
    """The defaults are the paper's where it states them (see the card)."""

    sampling_steps: Count = 25
    guidance: Weight = 7.5
    noise_gamma: Correlation = 0.15
    steps: Count = 200
    batch: Count = 4
    rate: Rate = 1e-3
    prior_weight: Weight = 0.0
    id_tokens: Annotated[int, Field(ge=1, le=8)] = 4
    """Tokens of a subject."""
    masked: bool = True
    """Only what is inside the subject's mask counts in the loss."""

    @property
    def needs_masks(self) -> bool:
        """For the loss."""
        return self.masked


DEFAULTS = VCDOptions()

CARD = Card(
    id="vcd",
    title="VCD (Magic-Me)",
    kind="reproduction",
    paper="Ma et al., Magic-Me: Identity-Specific Video Customized Diffusion, arXiv:2402.09368",
    code_licence="Apache-2.0: written from the paper; of its authors' code (Apache-2.0) only "
    "settings that the paper leaves out were read, none was copied",
    weights_licence="none of its own; what a fit produces is derived from Realistic Vision "
    "(CreativeML Open RAIL-M)",
    base="animatediff-realistic-vision",
    trains="four rows of the text encoder's embedding a subject",
    settings={
        **SAMPLING,
        "sampling_steps": "its authors' code: 25, of DDIM; here they are DPM-Solver++'s",
        "guidance": "its authors' code: 7.5",
        "noise_gamma": "paper, equation 4: 0.15 in the first version, 0.1 in the second",
        "steps": "paper: 200",
        "batch": "paper: 4",
        "rate": "paper: 1e-3",
        "weight_decay": "its authors' code: 1e-2, AdamW",
        "augment": "its authors' code: flips and sizes; how often and how far is ours",
        "framing": "its authors' code: the middle of a reference fills the picture",
        "start": "its authors' code: three rare words, one of them twice",
        "prior_weight": "paper: none",
        "class_images": "not used without prior preservation",
        "class_images_by": "not used without prior preservation",
        "id_tokens": "paper: 4",
        "masked": "paper, section 4.2: only within the mask",
        "face": "ours: off; a stage of the paper, on in its authors' workflow",
        "face_strength": "paper: 80 %",
        "face_crop": "its authors' workflow: 3",
        "faces": "ours: insightface's detector; its authors' workflow has a YOLO of faces",
        "tiled": "ours: off; a stage of the paper, bypassed in its authors' workflow",
        "tiled_strength": "paper: 20 %",
    },
    open_points=(
        OpenPoint(
            question="Is the loss inside the mask a mean or a sum?",
            choice="The mean over the mask, for each picture, as in its authors' code: a subject "
            "counts the same however large it is.",
        ),
        OpenPoint(
            question="Which sizes of Grounding DINO and SAM, which box, which of SAM's masks?",
            choice="The tiny and the base size; the box with the highest score above 0.3, and "
            "SAM's only mask of it. Its authors' code takes LangSAM's first box above 0.3.",
        ),
        OpenPoint(
            question="How is a mask brought to the size of the latents?",
            choice="A latent counts by the share of its pixels inside. A picture that is cropped "
            "until nothing of the subject is left has no loss.",
        ),
        OpenPoint(
            question="Which gamma: the paper's two versions differ?",
            choice="0.15, of the first version.",
            option="noise_gamma",
        ),
        OpenPoint(
            question="Which prompts go with the pictures?",
            choice="'a <new1> <new2> <new3> <new4> cat'; its authors' code has 'photo of a ...'.",
        ),
        OpenPoint(
            question="Where do the tokens start?",
            choice="At rare words, one after another.",
            option="start",
        ),
        OpenPoint(
            question="How does one fit learn two subjects? The paper fits each alone and reports "
            "that several at once get worse.",
            choice="Each picture of a step shows one subject, chosen at random, with its tokens.",
        ),
        OpenPoint(
            question="Do the numbers of the paper's tables include Face VCD?",
            choice="They name neither stage and compare tokens, masks and noise. So both are off, "
            "which also leaves videos at the suite's size and needs no network of faces.",
            option="face",
        ),
        OpenPoint(
            question="What is a face in a video, and what of it is pasted back?",
            choice="Boxes of its frames that overlap, in at least half of the frames; one crop and "
            "one box for all frames, blended over 5 pixels, as in its authors' workflow, which "
            "also draws a mask by SAM: left out.",
        ),
        OpenPoint(
            question="With which prompt and noise is a part redrawn?",
            choice="The video's own prompt, as in its authors' workflow, and independent noise by "
            "job and part.",
        ),
        OpenPoint(
            question="How do tiles meet?",
            choice="Each sees 32 pixels of its neighbours, with what was redrawn of them before, "
            "and blends over 8, as in its authors' workflow.",
            option="tiled",
        ),
    ),
    differs="The paper learns the tokens with Stable Diffusion 1.5 and samples with Realistic "
    "Vision; here both are done with the base, by default Realistic Vision. Its masks are of "
    "Grounding DINO and SAM, prompted with a class that GPT-4V names; here the suite's or your "
    "own, or with `--masks prompt` of the same two networks, prompted with the subject's noun, or "
    "with `--masks segment` SAM's of what is in the middle. Its authors' code also offsets the "
    "training noise (0.1), rotates references and leaves 5 % of them unmasked, of which the "
    "paper has nothing: left out. Tiled VCD enlarges by ESRGAN there, bicubically here. Its "
    "25 steps are DDIM's there, DPM-Solver++'s here.",
)


def fit(bases: Bases, task: Task, options: VCDOptions, on_step: Callable[[], None]) -> "Tuned":
    """Train the tokens of each subject, on pictures of it alone."""
    from customstudio.baselines.examples import drawing, one_of
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.seeds import generator

    draw = drawing(bases, task, options, one_of(task), on_step=on_step, masks=options.masked)
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> "Tensor":
        return step_loss(bases, *draw(), options, noise)

    return run_fit(bases, task, options, loss, on_step, tokens_each=options.id_tokens)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: VCDOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts in which each subject has all of its tokens."""
    from customstudio.baselines.redrawing import redraw_faces, redraw_tiles
    from customstudio.baselines.sampling import sample
    from customstudio.baselines.tokens import extended

    prompts = [extended(job.prompt_with_tokens, options.id_tokens) for job in jobs]
    videos = sample(bases, tuned, task, jobs, prompts, options, on_step)
    if options.face:
        videos = redraw_faces(bases, tuned, task, jobs, prompts, videos, options)
    if options.tiled:
        videos = redraw_tiles(bases, tuned, task, jobs, prompts, videos, options, on_step)
    return videos


def step_loss(
    bases: Bases,
    ours: "Sequence[Example]",
    theirs: "Sequence[Example]",
    options: VCDOptions,
    noise: "Generator",
) -> "Tensor":
    """The error inside the subjects' masks; with prior preservation, also that of class images."""
    from customstudio.baselines.reconstruction import reconstruction_loss
    from customstudio.baselines.tokens import extended

    if options.masked:
        ours = [replace(example, counted=example.masks.max(axis=0)) for example in ours]
    ours, theirs = (
        [replace(e, prompt=extended(e.prompt, options.id_tokens)) for e in examples]
        for examples in (ours, theirs)
    )
    return reconstruction_loss(bases.main, ours, theirs, options, noise)
