"""Wan VACE: one picture of each subject beside the prompt, and no training for it.

Jiang et al., "VACE: All-in-One Video Creation and Editing", ICCV 2025, arXiv:2503.07598: reference
to video, by diffusers' `WanVACEPipeline`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

from customstudio.baselines.bases.native import As, latent_frames, native
from customstudio.baselines.card import Card, OpenPoint
from customstudio.baselines.option_sets import DenoisingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.errors import UserError, some
from customstudio.suites.schema import Job, VideoSpec

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.bases.wan_vace_model import WanVace
    from customstudio.baselines.collage import Image, Picture
    from customstudio.baselines.tuned import Tuned

NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，"
    "低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，"
    "毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
"""The setting that Wan's code comes with: against glare, stillness, captions, bad hands, crowds."""


class WanVaceOptions(DenoisingOptions):
    """The defaults are those of VACE's code where it has them (see the card)."""

    sampling_steps: Count = 50
    guidance: Weight = 5.0
    flow_shift: Rate = 16.0
    """How far the times of sampling are moved towards more noise."""
    context_weight: Weight = 1.0
    """Of what the reference images add."""
    negative_prompt: str = NEGATIVE
    references: Count = 1
    """Reference images of a subject, or as many as it has."""
    pick: Literal["first", "job"] = "first"
    """Those that come first in the suite, or others for each job."""
    remove_background: bool = True
    """White outside the masks."""
    crop: bool = True
    """Only the masks' bounding boxes."""
    size: As = "suite"
    """The base makes the suite's size, or one of its own area, which is then resized."""
    length: As = "suite"
    """The base makes as many frames as the suite's video lasts, or its own 81."""

    @property
    def needs_masks(self) -> bool:
        """To cut subjects out."""
        return self.remove_background or self.crop

    def native(self, video: VideoSpec, base: VideoSpec) -> VideoSpec:
        """What Wan makes, at its own 16 frames a second."""
        return native(video, base, size=self.size, length=self.length)

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """Pairs of more references than the pipeline can mask."""
        if base is None:
            return []
        most = latent_frames(self.native(video, base.video).frames)
        beyond = [
            pair for pair, counts in pairs.items()
            if sum(min(count, self.references) for count in counts) > most
        ]  # fmt: skip
        if not beyond:
            return []
        return [
            UserError(
                f"{len(beyond)} pairs have more reference images than the {most} that a video of "
                f"{video.frames} frames goes with: {some(beyond)}",
                where=f"--set references={self.references}",
                fix="--set references=1, or name other pairs by --pairs",
            )
        ]


DEFAULTS = WanVaceOptions()

CARD = Card(
    id="wan_vace",
    title="Wan 2.1 VACE",
    kind="reproduction",
    paper="Jiang et al., VACE: All-in-One Video Creation and Editing, ICCV 2025, arXiv:2503.07598",
    code_licence="Apache-2.0: diffusers' pipeline (Apache-2.0) is called; of VACE's code "
    "(Apache-2.0) settings were read, none was copied",
    weights_licence="Apache-2.0",
    base="wan-vace-1.3b",
    trains="nothing",
    settings={
        "sampling_steps": "VACE's code: 50, of UniPC",
        "guidance": "VACE's code: 5.0",
        "flow_shift": "VACE's code: 16; diffusers' example has 3.0 for 480p",
        "context_weight": "VACE's code: 1.0",
        "negative_prompt": "Wan's code, in Chinese as there",
        "references": "VACE's examples: one of each; its guide: no more than three in all",
        "pick": "ours: the same for all jobs of a pair",
        "remove_background": "VACE's preparation of subjects: white outside their masks",
        "crop": "VACE's preparation of subjects: cropped to them",
        "size": "ours: what the other methods sample; VACE's own is 832x480, of 14B 1280x720",
        "length": "ours: no frame that is not shown; VACE's own are 81",
    },
    open_points=(
        OpenPoint(
            question="How do Wan's 16 frames a second become the suite's?",
            choice="Frames are made at 16 a second, one more than a multiple of 4; those nearest "
            "to the suite's times are taken: of 49, every second one for 24 at 8 a second. What "
            "was made is `native` in generation.json.",
            option="length",
        ),
        OpenPoint(
            question="Which size? Wan 1.3B was made for 832x480, 14B for 1280x720.",
            choice="The suite's, as for all methods. `base`: its area in the suite's proportions, "
            "scaled and cut to the suite's size.",
            option="size",
        ),
        OpenPoint(
            question="Which reference images, and in which order?",
            choice="The first one of each subject, in the pair's order.",
            option="pick",
        ),
        OpenPoint(
            question="Which shift? VACE's scripts have 16, its function 5, diffusers 3.",
            choice="16, with which its authors run it.",
            option="flow_shift",
        ),
    ),
    differs="VACE's authors advise to extend English prompts by a language model; prompts here are "
    "the suite's. Its masks of subjects are made by other networks.",
)


def fit(
    bases: "Bases[WanVace]", task: Task, options: WanVaceOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Nothing to fit."""
    from customstudio.baselines.tuned import Tuned

    return Tuned()


def generate(
    bases: "Bases[WanVace]",
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: WanVaceOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, one after another: the pipeline takes one prompt at a time."""
    from customstudio.baselines.bases.native import brought
    from customstudio.baselines.bases.wan_vace_model import Denoising
    from customstudio.baselines.collage import read_pictures
    from customstudio.baselines.sampling import job_noise

    model, steps = bases.main, count(1)
    made = options.native(task.video, model.video)
    how = Denoising(
        options.sampling_steps, options.guidance, options.flow_shift, options.context_weight,
        options.negative_prompt,
    )  # fmt: skip
    pictures = read_pictures(
        task.subjects, masks=options.needs_masks, remove_background=options.remove_background
    )

    def after_step() -> None:
        # A step of a batch counts once.
        if next(steps) % len(jobs) == 0:
            on_step()

    videos = []
    for job in jobs:
        shown = references(pictures, task, job, options)
        noise = job_noise(task.suite, job, model.latent_shape(made, len(shown)))
        frames = model.sample(job.prompt, shown, noise, made, how, after_step)
        videos.append(brought(frames, made.fps, task.video))
    return np.stack(videos)


def references(
    pictures: "Sequence[Sequence[Picture]]", task: Task, job: Job, options: WanVaceOptions
) -> "list[Image]":
    """The images that go with a job's prompt, in the order of the pair's subjects."""
    from customstudio.baselines.collage import cropped
    from customstudio.baselines.seeds import choices

    rng = choices("references", task.suite, job.pair, job.prompt_id, job.seed)
    chosen = []
    for own in pictures:
        order = rng.permutation(len(own)) if options.pick == "job" else range(len(own))
        chosen += [own[int(index)] for index in order[: options.references]]
    return [(cropped(picture) if options.crop else picture).image for picture in chosen]
