"""DreamBooth with low-rank adapters: a rare word for each subject, and prior preservation.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242; low-rank and on zeroscope as the baseline of
CustomVideo, arXiv:2401.09962.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import Count, Rate
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class DreamBoothOptions(TrainingOptions):
    """Of the baseline in CustomVideo, where it states them."""

    steps: Count = 1000
    rate: Rate = 4e-4
    rank: Count = 4
    """Of the adapters, on queries, keys, values and outputs of the spatial attention."""


DEFAULTS = DreamBoothOptions()

CARD = Card(
    id="dreambooth",
    title="DreamBooth (LoRA)",
    kind="port",
    paper="Ruiz et al., DreamBooth, CVPR 2023, arXiv:2208.12242; settings of the baseline in "
    "CustomVideo, arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="low-rank adapters of the UNet's spatial attention; words stay as they are",
    settings={
        **SAMPLING,
        "steps": "CustomVideo: 1000",
        "batch": "CustomVideo: 2",
        "rate": "CustomVideo: 4e-4",
        "weight_decay": "CustomVideo: 1e-2, AdamW",
        "augment": "ours: as for CustomVideo",
        "framing": "ours: no white margins, which would be learnt with the subject",
        "start": "DreamBooth: a rare word; here it is not trained",
        "prior_weight": "DreamBooth, equation 2: 1.0",
        "class_images": "CustomVideo: 200",
        "class_images_by": "ours",
        "rank": "CustomVideo: 4",
    },
    open_points=(
        OpenPoint(
            question="Which layers have adapters?",
            choice="Queries, keys, values and outputs of both attentions of the spatial layers.",
        ),
        OpenPoint(
            question="How does one fit learn two subjects?",
            choice="Each picture of a step shows one subject, chosen at random, with its own word.",
        ),
        OpenPoint(
            question="Which base model did CustomVideo's run of DreamBooth have?",
            choice="It does not say; zeroscope, as CustomVideo itself.",
        ),
    ),
    differs="DreamBooth trains all weights, of Imagen; this is its low-rank form.",
)


def fit(
    bases: Bases, task: Task, options: DreamBoothOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train adapters on pictures of each subject, which go by rare words."""
    from customstudio.baselines.reconstruction import fit_alone

    return fit_alone(bases, task, options, on_step, rank=options.rank, tokens=False)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: DreamBoothOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with the rare words."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)
