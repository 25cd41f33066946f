"""DreamBooth: a rare word for each subject, and prior preservation; low-rank or whole.

Ruiz et al., "DreamBooth", CVPR 2023, arXiv:2208.12242; low-rank and on zeroscope as the baseline of
CustomVideo, arXiv:2401.09962; whole on Stable Diffusion as that of VCD, arXiv:2402.09368.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

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
    train: Literal["lora", "all"] = "lora"
    """Low-rank adapters, or all weights of the UNet's layers that work within a frame."""
    rank: Count = 4
    """Of the adapters, on queries, keys, values and outputs of the spatial attention."""


DEFAULTS = DreamBoothOptions()

CARD = Card(
    id="dreambooth",
    title="DreamBooth",
    kind="port",
    paper="Ruiz et al., DreamBooth, CVPR 2023, arXiv:2208.12242; settings of the baseline in "
    "CustomVideo, arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from the base: of zeroscope "
    "(CC BY-NC 4.0), unless another is named",
    base="zeroscope-576w",
    trains="low-rank adapters of the UNet's spatial attention, or (train=all) all of its layers "
    "within a frame; words stay as they are",
    settings={
        **SAMPLING,
        "steps": "CustomVideo: 1000",
        "batch": "CustomVideo: 2",
        "rate": "CustomVideo: 4e-4, of adapters; DreamBooth: 5e-6 for all weights of Stable "
        "Diffusion",
        "train": "CustomVideo: adapters; DreamBooth and VCD's baseline: all weights",
        "weight_decay": "CustomVideo: 1e-2, AdamW",
        "augment": "ours: as for CustomVideo",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
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
    differs="DreamBooth trains all weights, of Imagen, and of Stable Diffusion those of the text "
    "encoder too; here it is low-rank unless train=all, and the text encoder stays.",
)


def fit(
    bases: Bases, task: Task, options: DreamBoothOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train adapters, or all weights, on pictures of each subject, which go by rare words."""
    from customstudio.baselines.parameters import within_frames
    from customstudio.baselines.reconstruction import fit_alone

    whole = options.train == "all"
    return fit_alone(
        bases, task, options, on_step, tokens=False,
        weights=within_frames(bases.main.unet) if whole else None,
        rank=0 if whole else options.rank,
    )  # fmt: skip


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
