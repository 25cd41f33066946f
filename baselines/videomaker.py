"""VideoMaker: a reference image as one more frame of the video; nothing is fitted on a subject.

Wu et al., "VideoMaker: Zero-shot Customized Video Generation with the Inherent Force of Video
Diffusion Models", arXiv:2412.19645. Attention, losses and guidance are in `reference_frame`, what
trains and the files of weights in `videomaker_weights`, the training in `train_videomaker`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import Framing, SamplingOptions, Solver, Spacing
from customstudio.baselines.options import Count, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.baselines.videomaker_weights import SPECS as WEIGHTS
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned

__all__ = ["CARD", "DEFAULTS", "WEIGHTS", "VideoMakerOptions", "fit", "generate", "references"]


class VideoMakerOptions(SamplingOptions):
    """The defaults are the paper's where it states them (see the card)."""

    sampling_steps: Count = 30
    guidance: Weight = 8.0
    solver: Solver = "ddim"
    spacing: Spacing = "linspace"
    weights: Literal["human", "object"] = "human"
    """Which of the released weights: for people, or for its nine classes of animals and cars."""
    highlight: bool = True
    """White around the subject of the reference, by its mask."""
    framing: Framing = "whole"
    reference: Literal["first", "drawn"] = "first"
    """Which of a subject's references: the first, or one drawn for each job."""
    subjects: Literal["one", "collage"] = "one"
    """Pairs of several subjects are refused, or have their references side by side in one."""

    @property
    def needs_masks(self) -> bool:
        """For the white around the subject."""
        return self.highlight

    @property
    def appended_frames(self) -> int:
        """The reference."""
        return 1

    @property
    def needs_weights(self) -> tuple[str, ...]:
        """Weights of its own, trained once for all subjects."""
        return (f"videomaker-{self.weights}",)

    @property
    def most_subjects(self) -> int | None:
        """The paper's method has one reference."""
        return 1 if self.subjects == "one" else None


DEFAULTS = VideoMakerOptions()

CARD = Card(
    id="videomaker",
    title="VideoMaker",
    kind="reproduction",
    paper="Wu et al., VideoMaker: Zero-shot Customized Video Generation with the Inherent Force of "
    "Video Diffusion Models, arXiv:2412.19645",
    code_licence="Apache-2.0: written from the paper; of its released inference code (License "
    "Terms of VideoMaker) only settings and names of files were read, none was copied",
    weights_licence="its released weights: License Terms of VideoMaker (Tencent), not intended for "
    "use within the European Union; Realistic Vision: CreativeML Open RAIL-M",
    base="animatediff-v3-realistic-vision",
    trains="nothing on a subject; once for all, spatial self-attention and the motion modules "
    "(customstudio.baselines.train_videomaker)",
    settings={
        **SAMPLING,
        "sampling_steps": "paper: 30, DDIM",
        "guidance": "paper: 8",
        "solver": "paper: DDIM; no noise is added, as in its released code",
        "spacing": "its released code: linspace",
        "weights": "its released code: one file for people, one for objects; the default is ours",
        "highlight": "paper: subject highlight preprocessing",
        "framing": "ours: the whole picture with white around it",
        "reference": "ours: the same one in all videos of a subject",
        "subjects": "paper: one subject",
    },
    open_points=(
        OpenPoint(
            question="Which base: the paper says AnimateDiff on Stable Diffusion 1.5?",
            choice="That of its released code, which its weights are of: Realistic Vision 5.1 and "
            "the third version of AnimateDiff's motion adapter.",
        ),
        OpenPoint(
            question="What do the released files hold? They were not seen.",
            choice="Their code loads each into the whole UNet by name, so whatever of the UNet a "
            "file holds replaces the base's. It must hold all of the spatial self-attention, and "
            "all of the motion modules or none.",
            option="weights",
        ),
        OpenPoint(
            question="How is a reference dropped in equation 6?",
            choice="A frame of zeros takes its place, as in its released code; the prompt is empty "
            "there.",
        ),
        OpenPoint(
            question="How often are conditions dropped in training?",
            choice="5 % of the examples have no reference, 5 % no prompt, 5 % neither, as in "
            "IP-Adapter (arXiv:2308.06721), whose setup the paper follows.",
        ),
        OpenPoint(
            question="Which noise has the reference in equation 3, and is its time a whole number?",
            choice="Noise of its own; int(alpha t), as in the released code. That code also has, "
            "switched off, the mean of the video's noisy frames for it.",
        ),
        OpenPoint(
            question="Which negative prompt? Its released code has a long one, equation 6 none.",
            choice="None.",
            option="negative_prompt",
        ),
        OpenPoint(
            question="How large is the subject in its reference?",
            choice="As in the picture: it is not cropped. The released code stretches a picture to "
            "512x512, and keeps of people the face alone.",
            option="framing",
        ),
        OpenPoint(
            question="Which picture, where a subject has several?",
            choice="The first by name, for all of its videos.",
            option="reference",
        ),
        OpenPoint(
            question="What of a pair of several subjects?",
            choice="Refused. With subjects=collage their references stand side by side in one "
            "picture, which the weights were not trained for.",
            option="subjects",
        ),
    ),
    differs="The reference's latents are the mean of the VAE's posterior; the released code draws "
    "from it. Masks are the suite's, your own or SAM's; the paper's are of Grounding DINO and SAM. "
    "How the training differs is in docs/methods.md.",
)


def fit(
    bases: Bases, task: Task, options: VideoMakerOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Nothing is fitted on a subject."""
    from customstudio.baselines.tuned import Tuned

    return Tuned()


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: VideoMakerOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from plain prompts, each with a reference as its last frame."""
    from customstudio.baselines.reference_frame import injecting, predictor
    from customstudio.baselines.sampling import sample
    from customstudio.baselines.tuned import Tuned
    from customstudio.baselines.videomaker_weights import read_weights

    model, video = bases.main, task.video
    model.latent_shape(video.frames + options.appended_frames, video.height, video.width)
    trained = Tuned(weights=read_weights(bases.weights[options.needs_weights[0]], model.unet))
    latents = model.encode_images(references(task, jobs, options))
    with injecting(model.unet, video.frames):
        return sample(
            bases, trained, task, jobs, [job.prompt for job in jobs], options, on_step,
            solver=options.solver, spacing=options.spacing, predict=predictor(model, latents),
        )  # fmt: skip


def references(
    task: Task, jobs: Sequence[Job], options: VideoMakerOptions
) -> UInt8[NDArray[np.uint8], "jobs height width 3"]:
    """The reference of each job: the subject on white, in the size of the video."""
    from customstudio.baselines.collage import collage, read_pictures
    from customstudio.baselines.seeds import choices

    if len(task.subjects) > (options.most_subjects or len(task.subjects)):
        raise ValueError(f"pair {task.pair} has several subjects, and subjects is `one`")
    pictures = read_pictures(
        task.subjects, masks=options.highlight, remove_background=options.highlight
    )
    size, images = (task.video.height, task.video.width), []
    for job in jobs:
        rng = choices("reference", task.suite, job.pair, job.prompt_id, job.seed)
        drawn = options.reference == "drawn"
        chosen = [own[int(rng.integers(len(own))) if drawn else 0] for own in pictures]
        images.append(collage(chosen, size, framing=options.framing).image)
    return np.stack(images)
