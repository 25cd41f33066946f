"""LoRA alone: adapters trained on pictures of the subjects, without prior preservation.

Hu et al., "LoRA", ICLR 2022, arXiv:2106.09685. VCD (arXiv:2402.09368) has it among its baselines,
on another base; the settings here are ours.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class LoraOptions(TrainingOptions):
    """Ours: no paper gives them for this base."""

    rate: Rate = 1e-4
    prior_weight: Weight = 0.0
    rank: Count = 4
    """Of the adapters, on queries, keys, values and outputs of the spatial attention."""


DEFAULTS = LoraOptions()

CARD = Card(
    id="lora",
    title="LoRA",
    kind="port",
    paper="Hu et al., LoRA, ICLR 2022, arXiv:2106.09685",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="low-rank adapters of the UNet's spatial attention; words stay as they are",
    settings={
        **SAMPLING,
        "steps": "ours: as for CustomVideo",
        "batch": "ours: as for CustomVideo",
        "rate": "ours",
        "weight_decay": "ours",
        "augment": "ours",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "ours: a rare word, which is not trained",
        "prior_weight": "ours: none, which is what sets it apart from dreambooth",
        "class_images": "ours: not used without prior preservation",
        "class_images_by": "ours: not used without prior preservation",
        "rank": "ours: as for dreambooth",
    },
    open_points=(
        OpenPoint(
            question="What tells the subjects apart?",
            choice="A rare word each, as in DreamBooth; without one, two cats would be one.",
        ),
    ),
    differs="The papers that compare with LoRA have it on AnimateDiff.",
)


def fit(bases: Bases, task: Task, options: LoraOptions, on_step: Callable[[], None]) -> "Tuned":
    """Train adapters on pictures of each subject, which go by rare words."""
    from customstudio.baselines.reconstruction import fit_alone

    return fit_alone(bases, task, options, on_step, rank=options.rank, tokens=False)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: LoraOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with the rare words."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)
