"""Textual Inversion: one token for each subject and nothing else.

Gal et al., "An Image is Worth One Word", ICLR 2023, arXiv:2208.01618; here on zeroscope.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class TextualInversionOptions(TrainingOptions):
    """The paper's, as far as they carry over to this base."""

    steps: Count = 5000
    batch: Count = 4
    rate: Rate = 5e-3
    weight_decay: Weight = 0.0
    start: Literal["rare", "noun"] = "noun"
    prior_weight: Weight = 0.0


DEFAULTS = TextualInversionOptions()

CARD = Card(
    id="textual_inversion",
    title="Textual Inversion",
    kind="port",
    paper="Gal et al., An Image is Worth One Word: Personalizing Text-to-Image Generation using "
    "Textual Inversion, ICLR 2023, arXiv:2208.01618",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="one row of the text encoder's embedding a subject",
    settings={
        **SAMPLING,
        "steps": "Textual Inversion: 5000",
        "batch": "Textual Inversion: 4 a device",
        "rate": "Textual Inversion: 5e-3 before it is scaled by devices and batch",
        "weight_decay": "ours: none, so that a row is moved by its gradient alone",
        "augment": "ours",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "Textual Inversion: a word that describes the subject coarsely",
        "prior_weight": "Textual Inversion: none",
        "class_images": "not used without prior preservation",
        "class_images_by": "not used without prior preservation",
    },
    open_points=(
        OpenPoint(
            question="How does one fit learn two subjects?",
            choice="Each picture of a step shows one subject, chosen at random, with its token.",
        ),
        OpenPoint(
            question="Which prompts go with the pictures?",
            choice="'a <new1> cat': the suites' prompts have the noun after the token too. The "
            "paper's are sentences such as 'a photo of a S*'.",
        ),
    ),
    differs="The paper's base is a latent diffusion model of images with another text encoder.",
)


def fit(
    bases: Bases, task: Task, options: TextualInversionOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train one token a subject, on pictures of each subject alone."""
    from customstudio.baselines.reconstruction import fit_alone

    return fit_alone(bases, task, options, on_step)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: TextualInversionOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with tokens."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)
