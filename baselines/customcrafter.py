"""CustomCrafter on zeroscope: adapters of the spatial attention, held back while motion forms.

Wu et al., "CustomCrafter: Customized Video Generation with Preserving Motion and Concept
Composition Abilities", AAAI 2025, arXiv:2408.13239. Stills of the pictures train a token and
low-rank adapters (equation 2) under equation 4; sampling weighs the adapters little at first, then
more (Algorithm 1).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import Solver, TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class CustomCrafterOptions(TrainingOptions):
    """The defaults are the paper's where it states them (see the card)."""

    steps: Count = 10_000
    batch: Count = 4
    rate: Rate = 3e-5
    guidance: Weight = 12.0
    solver: Solver = "ddim"
    rank: Count = 4
    """Of the adapters, on queries, keys and values of the spatial self- and cross-attention."""
    still_frames: Count = 4
    """A picture is repeated into a still video of so many frames."""
    early_weight: Weight = 0.4
    """Of the adapters in the first `early_steps` steps of sampling."""
    late_weight: Weight = 0.8
    """Of the adapters in all later steps."""
    early_steps: Annotated[int, Field(ge=0)] = 5

    @property
    def frames_a_picture(self) -> int:
        """A still video costs as many forward passes as it has frames."""
        return self.still_frames


DEFAULTS = CustomCrafterOptions()

CARD = Card(
    id="customcrafter",
    title="CustomCrafter (zeroscope port)",
    kind="port",
    paper="Wu et al., CustomCrafter: Customized Video Generation with Preserving Motion and "
    "Concept Composition Abilities, AAAI 2025, arXiv:2408.13239",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="low-rank adapters of queries, keys and values of the UNet's spatial self- and "
    "cross-attention, one token a subject",
    settings={
        **SAMPLING,
        "sampling_steps": "paper: 50, DDIM",
        "guidance": "paper: 12.0",
        "solver": "paper: DDIM; no noise is added, which is ours",
        "steps": "paper: 10,000",
        "batch": "ours: one a GPU of the paper's four",
        "rate": "paper: 3e-5",
        "weight_decay": "paper: 1e-2, AdamW",
        "augment": "ours: as for CustomVideo",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "ours: a rare word",
        "prior_weight": "paper, equation 4: alpha 1.0",
        "class_images": "paper: 200",
        "class_images_by": "paper: for each subject",
        "rank": "the authors' released configuration: 4; the paper does not state it",
        "still_frames": "the authors' released configuration: 4; the paper says N",
        "early_weight": "paper: lambda_s 0.4",
        "late_weight": "paper: lambda_l 0.8",
        "early_steps": "paper: K 5",
    },
    open_points=(
        OpenPoint(
            question="How many frames has the still video that a picture becomes?",
            choice="4. Each frame has noise of its own, as frames of any video have.",
            option="still_frames",
        ),
        OpenPoint(
            question="Which rank, and how large is a batch?",
            choice="Rank 4; 4 pictures of the subjects and 4 class images.",
            option="rank",
        ),
        OpenPoint(
            question="What weight have the adapters in training?",
            choice="1, as W0 + BA; the paper names other weights for sampling alone.",
        ),
        OpenPoint(
            question="Squared or absolute error?",
            choice="Squared, as equations 1 and 3 have it; the released configuration names L1.",
        ),
        OpenPoint(
            question="The paper learns one subject at a time. How does one fit learn several?",
            choice="Each picture of a step shows one subject, chosen at random, with its own "
            "token; they share the adapters.",
        ),
        OpenPoint(
            question="Which class images?",
            choice="The base's own, as stills; the paper's 200 are of LAION-400M.",
        ),
        OpenPoint(
            question="Does DDIM add noise?",
            choice="No (eta 0); the paper does not say.",
        ),
    ),
    differs="The base is zeroscope, not VideoCrafter2 (512x320), which diffusers does not have: "
    "its frame-rate conditioning and scaled forward process are missing here. Prompts of training "
    "are as for the other methods, not 'video of a <new1> teddy bear' (figure 4).",
)


def fit(
    bases: Bases, task: Task, options: CustomCrafterOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train adapters and one token a subject, on stills of each subject alone."""
    from customstudio.baselines.reconstruction import fit_alone

    return fit_alone(
        bases, task, options, on_step,
        rank=options.rank, projections=("q", "k", "v"), frames=options.still_frames,
    )  # fmt: skip


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: CustomCrafterOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with tokens, by Algorithm 1."""
    from customstudio.baselines.sampling import sample_with_tokens

    def weight(step: int) -> float:
        return options.early_weight if step < options.early_steps else options.late_weight

    return sample_with_tokens(
        bases, tuned, task, jobs, options, on_step, solver=options.solver, weight=weight
    )
