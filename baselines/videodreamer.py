"""VideoDreamer: Disen-Mix finetuning, on pictures of each subject and on pictures of all, stitched.

Chen et al., "VideoDreamer: Customized Multi-Subject Text-to-Video Generation with Disen-Mix
Finetuning on Language-Video Foundation Models", arXiv:2311.00990. The loss is L1 + L2 + L3
(equations 5 to 10, see the card for how they are read); picked pictures in the place of stitched
ones are its human-in-the-loop re-finetuning, `motion` its motion customization.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.errors import UserError
from customstudio.suites.schema import Job, VideoSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.bases.video_model import VideoModel
    from customstudio.baselines.examples import Example
    from customstudio.baselines.tuned import Tuned
    from customstudio.baselines.visual import VisualEmbeddings


class VideoDreamerOptions(TrainingOptions):
    """The defaults are the paper's where it states them (see the card)."""

    guidance: Weight = 7.5
    rate: Rate = 5e-5
    rate_three: Rate = 1e-4
    """In the place of `rate` for three subjects and more."""
    text_rate: Rate = 1e-5
    """Learning rate of the text encoder's adapters."""
    augment: bool = False
    prior_weight: Weight = 0.0
    rank: Count = 4
    """Of the adapters, on queries, keys, values and outputs of the UNet's spatial attention."""
    text_rank: Count = 4
    """Of the text encoder's adapters, on the same four of its attention."""
    data: Literal["both", "separate", "mixed"] = "both"
    """Pictures of each subject alone, pictures of all subjects, or both."""
    subjects: Literal["mean", "sum"] = "mean"
    """L1 over the pair's subjects."""
    stitch: str = "stitched together"
    """Words after the prompt of a stitched picture: P'c; none: Pc."""
    visual: bool = True
    """A mixed picture has an embedding of its own in L2."""
    weak: Weight = 0.01
    """lambda of L3, the loss of a mixed picture without that embedding."""
    picked: str = ""
    """Folder of pictures of all subjects that a person has picked, in PAIR/, to train on as the
    mixed ones, with the prompt Pc; none: stitched pictures."""
    motion_video: str = ""
    """Video whose motion is learnt; none: the base's own motion."""
    motion_prompt: str = ""
    """What it shows."""
    motion_steps: Count = 500
    motion_rate: Rate = 1e-5
    t0: Count = 38
    """Text2Video-Zero alone: where the first frame is moved, of 50 steps counted from the last."""
    t1: Count = 40
    """Text2Video-Zero alone: up to where the frames are noised again."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.t0 < self.t1 < 50:
            raise ValueError("t0 < t1 < 50 is expected")
        return self

    @property
    def frames_a_picture(self) -> int:
        """Beside a picture of one subject goes a mixed one, with and without its embedding."""
        alone, mixed = self.data != "mixed", self.data != "separate"
        return alone + mixed * (2 if self.visual and self.weak else 1)

    @property
    def fit_steps(self) -> int:
        """Those of the motion too."""
        return self.steps + (self.motion_steps if self.motion_video else 0)

    @property
    def picture_steps(self) -> int:
        """Those of the subjects."""
        return self.steps

    @property
    def needs_image_encoder(self) -> bool:
        """For the embeddings of mixed pictures."""
        return self.visual and self.data != "separate"

    def networks(self, base: "BaseSpec | None") -> tuple[str, ...]:
        """The image encoder that goes with the base's text encoder."""
        encoder = base.image_encoder if base and self.needs_image_encoder else None
        return (encoder,) if encoder else ()

    @property
    def without_networks(self) -> str:
        """Mixed pictures without embeddings; a pair of one subject has none of either."""
        return "--set visual=false"

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """Of the picked pictures, and of the video of a motion."""
        from customstudio.baselines.mixing import unpicked
        from customstudio.baselines.motion import unusable

        found = unpicked(Path(self.picked), [*pairs]) if self.picked else []
        if base and self.needs_image_encoder and not base.image_encoder:
            found.append(
                UserError(
                    f"no image encoder goes with the text encoder of {base.id}",
                    where=f"--base {base.id}",
                    fix="use another base, or turn off what needs it: --set visual=false",
                )
            )
        if bool(self.motion_video) != bool(self.motion_prompt):
            found.append(
                UserError(
                    "a motion is learnt from a video and a prompt: one of them is missing",
                    where="--set motion_video=... --set motion_prompt=...",
                    fix="give both or neither",
                )
            )
        if self.motion_video:
            found += unusable(Path(self.motion_video), video, base)
        return [*found, *self._idle()]

    def _idle(self) -> list[UserError]:
        """Options that are changed and do nothing beside others: they would name a variant."""
        beside = {
            "data=separate": self.data == "separate" and ("picked", "stitch", "weak"),
            "picked": self.picked and ("stitch",),
            "visual=false": not self.visual and ("weak",),
            "no motion_video": not self.motion_video and ("motion_steps", "motion_rate"),
        }
        return [
            UserError(
                f"{name} does nothing with {what}",
                where=f"--set {name}={getattr(self, name)}",
                fix="leave it out",
            )
            for what, names in beside.items()
            for name in names or ()
            if getattr(self, name) != getattr(DEFAULTS, name)
        ]

    def files(self, pair: str) -> dict[str, tuple[Path, ...]]:
        """The pictures that were picked for the pair, and the video of the motion."""
        from customstudio.baselines.mixing import picked_files

        found = {}
        if self.picked:
            found["picked"] = picked_files(Path(self.picked).resolve(), pair)
        if self.motion_video:
            found["motion_video"] = (Path(self.motion_video).resolve(),)
        return found


DEFAULTS = VideoDreamerOptions()

CARD = Card(
    id="videodreamer",
    title="VideoDreamer",
    kind="reproduction",
    paper="Chen et al., VideoDreamer: Customized Multi-Subject Text-to-Video Generation with "
    "Disen-Mix Finetuning on Language-Video Foundation Models, arXiv:2311.00990",
    code_licence="Apache-2.0: written from the paper; of DisenBooth's code, by its first author, "
    "only settings that the paper leaves out were read, none was copied",
    weights_licence="CLIP's image encoder (MIT) while it is fitted; what a fit produces is derived "
    "from Stable Diffusion (CreativeML Open RAIL-M; 2.1: RAIL++-M)",
    base="animatediff",
    trains="low-rank adapters of the UNet's spatial attention and of the text encoder, an adapter "
    "of image features that is thrown away; with motion_video, the motion modules; words stay",
    settings={
        **SAMPLING,
        "sampling_steps": "ours: 50; DPM-Solver on Text2Video-Zero is the paper's",
        "guidance": "ours: the default of diffusers' pipelines",
        "steps": "CustomVideo, for its run of VideoDreamer: 500; the paper does not state it",
        "batch": "CustomVideo, for its run of VideoDreamer: 2; as many mixed pictures come with it",
        "rate": "paper: 5e-5 for two subjects",
        "rate_three": "paper: 1e-4 for three subjects",
        "text_rate": "paper: 1e-5",
        "weight_decay": "DisenBooth's code: 1e-2, AdamW",
        "augment": "ours: none; the paper names none",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "ours: a rare word in the place of the paper's S*; it is not trained",
        "prior_weight": "ours: none; no equation has it",
        "class_images": "not used without prior preservation",
        "class_images_by": "not used without prior preservation",
        "rank": "DisenBooth's code: 4; the paper does not state it",
        "text_rank": "DisenBooth's code: 4; the paper does not state it",
        "data": "paper: separate and mixed pictures; its ablation has one of them",
        "subjects": "ours",
        "stitch": "ours: the paper has a prompt that says so, its words are not known here",
        "visual": "paper: the picture has an embedding of its own; its ablation goes without",
        "weak": "paper: lambda 0.01",
        "picked": "paper: re-finetuning is optional",
        "motion_video": "paper: motion customization is optional",
        "motion_prompt": "ours: there is none for a video of yours",
        "motion_steps": "ours: as for the subjects",
        "motion_rate": "ours: all weights train, not adapters",
        "t0": "paper: T' = 38",
        "t1": "paper: T = 40",
    },
    open_points=(
        OpenPoint(
            question="How are equations 5 to 10 read here? The paper itself was not at hand, only "
            "notes on it and DisenBooth's code.",
            choice="L1: the error of a picture of one subject under its prompt Ps. L2: that of a "
            "stitched picture j under E_T(P'c) + f_j, f_j = MLP(v) + v added to each position of "
            "the text. L3: lambda times that under E_T(P'c) alone, of the same noise and time. "
            "L = L1 + L2 + L3.",
        ),
        OpenPoint(
            question="Is L1 a sum or a mean over subjects?",
            choice="Mean: each picture of a step shows one subject, chosen at random.",
            option="subjects",
        ),
        OpenPoint(
            question="Which words make P'c of Pc?",
            choice="'a <new1> cat and a <new2> dog, stitched together'.",
            option="stitch",
        ),
        OpenPoint(
            question="How are pictures stitched?",
            choice="Panels of one width, in the pair's order, one picture of each subject.",
        ),
        OpenPoint(
            question="Which image encoder, and what is in the MLP?",
            choice="CLIP's own half to the base's text encoder: ViT-L/14 for Stable Diffusion 1.5, "
            "ViT-H/14 for 2.1 (DisenBooth's code has the latter); projected features of the whole "
            "picture. One hidden layer as wide as they are, ReLU; without DisenBooth's mask.",
            option="visual",
        ),
        OpenPoint(
            question="Which rank, how many steps, which batch?",
            choice="Rank 4, 500 steps of 2 pictures of one subject and 2 mixed ones.",
            option="rank",
        ),
        OpenPoint(
            question="Re-finetuning: from the base, or from what was finetuned before?",
            choice="From the base, with all three losses: picked pictures are the mixed ones, and "
            "their prompt is Pc.",
            option="picked",
        ),
        OpenPoint(
            question="Motion: which weights train, at which rate, with which frames?",
            choice="All of the UNet's, 1e-5, from the base; stretches of the video as long as the "
            "suite's videos and at their rate. The motion modules are kept, the rest is put back.",
            option="motion_rate",
        ),
        OpenPoint(
            question="Of how many steps are T = 40 and T' = 38 on Text2Video-Zero?",
            choice="Of 50; with other sampling_steps they scale.",
            option="t1",
        ),
    ),
    differs="Arithmetic is float32 (bfloat16 in the UNet on request). A pair of one subject has no "
    "mixed pictures, unless some are picked: visual=false changes nothing there. On SDXL the first "
    "of the two text encoders has adapters.",
)


def fit(
    bases: Bases, task: Task, options: VideoDreamerOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train adapters of UNet and text encoder on one pair; and motion modules on a video."""
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.image_encoder import load_image_encoder
    from customstudio.baselines.motion import motion_weights
    from customstudio.baselines.seeds import generator, seed_of
    from customstudio.baselines.visual import VisualAdapter, VisualEmbeddings

    rate = options.rate if len(task.subjects) < 3 else options.rate_three
    draw = drawing_both(bases, task, options, on_step)
    noise = generator("fit", task.suite, task.pair)
    seen: VisualEmbeddings | None = None
    if options.needs_image_encoder:
        (name,), device = bases.networks, bases.main.device
        encoder = bases.network(name, lambda located: load_image_encoder(located, device))
        seed = seed_of("visual", task.suite, task.pair)
        seen = VisualEmbeddings(encoder, VisualAdapter(encoder.width, seed).to(device))

    def loss(step: int) -> "Tensor":
        return step_loss(bases.main, *draw(), seen, options, noise)

    tuned = run_fit(
        bases, task, options.model_copy(update={"rate": rate}), loss, on_step,
        rank=options.rank, text_rank=options.text_rank, text_rate=options.text_rate,
        tokens=False, others=list(seen.adapter.parameters()) if seen else [],
    )  # fmt: skip
    if "motion_video" not in task.files:
        return tuned
    (video,) = task.files["motion_video"]
    update = {"steps": options.motion_steps, "rate": options.motion_rate}
    own = options.model_copy(update=update)
    weights = motion_weights(bases, task, video, options.motion_prompt, own, on_step)
    return replace(tuned, weights=weights)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: VideoDreamerOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with the rare words; no picture has a say in them."""
    from customstudio.baselines.sampling import sample_with_tokens

    with moving(bases.main, options):
        return sample_with_tokens(bases, tuned, task, jobs, options, on_step)


def drawing_both(
    bases: Bases, task: Task, options: VideoDreamerOptions, on_step: Callable[[], None]
) -> "Callable[[], tuple[list[Example], list[Example], list[Example]]]":
    """What each next step trains on: pictures of one subject, mixed ones, and class images."""
    from customstudio.baselines.examples import drawing, one_of
    from customstudio.baselines.mixing import drawing_mixed

    alone = drawing(bases, task, options, one_of(task), on_step=on_step)
    mixed = drawing_mixed(bases, task, options, options.stitch)

    def draw() -> "tuple[list[Example], list[Example], list[Example]]":
        ours, theirs = alone()
        several = mixed() if options.data != "separate" else []
        return [] if options.data == "mixed" and several else ours, several, theirs

    return draw


def step_loss(
    model: "VideoModel",
    ours: "Sequence[Example]",
    mixed: "Sequence[Example]",
    theirs: "Sequence[Example]",
    seen: "VisualEmbeddings | None",
    options: VideoDreamerOptions,
    noise: "Generator",
) -> "Tensor":
    """L1 + L2 + L3, plus the error of class images where there are some; one forward pass."""
    import torch

    from customstudio.baselines.examples import counted
    from customstudio.baselines.training import mean_inside, noised

    examples = [*mixed, *ours, *theirs]
    images = np.stack([example.image for example in examples])
    noisy, t, target = noised(model, model.encode_images(images, noise), noise)
    text, rows = model.encode_text([e.prompt for e in examples]), list(range(len(examples)))
    if seen is not None and mixed:
        own, plain = seen([example.image for example in mixed]), text[: len(mixed)]
        text = torch.cat([plain + own[:, None], text[len(mixed) :]])
        if options.weak:
            text, rows = torch.cat([text, plain]), [*rows, *range(len(mixed))]
    masks = counted(examples)
    squares = (model.output(noisy[rows], t[rows], text) - target[rows]) ** 2
    errors = mean_inside(squares, None if masks is None else masks[rows])
    sizes = [len(mixed), len(ours), len(theirs), len(rows) - len(examples)]
    subjects = ours[0].masks.shape[0] if ours and options.subjects == "sum" else 1
    weights = (1.0, subjects, options.prior_weight, options.weak)
    parts = zip(weights, torch.split(errors, sizes), strict=True)
    return torch.stack([weight * part.mean() for weight, part in parts if len(part)]).sum()


def moving(model: "VideoModel", options: VideoDreamerOptions) -> AbstractContextManager[None]:
    """Text2Video-Zero with these T and T' for as long as this lasts; another base as it is."""
    from customstudio.baselines.bases.text2video_zero_model import Text2VideoZero

    if isinstance(model, Text2VideoZero):
        return model.moved_by(replace(model.motion, t0=options.t0, t1=options.t1))
    return nullcontext()
