"""DreamVideo, its subject learning: a token for each subject, then an identity adapter.

Wei et al., "DreamVideo: Composing Your Dream Videos with Customized Subject and Motion", CVPR 2024,
arXiv:2312.04433, section 3.2; on zeroscope as the baseline of CustomVideo, arXiv:2401.09962. Its
motion learning needs videos of a motion, which no suite here has.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class DreamVideoOptions(TrainingOptions):
    """The defaults are CustomVideo's for its baseline, where it states them (see the card)."""

    steps: Count = 3000
    """Of textual inversion; those of the adapter are `adapter_steps`."""
    rate: Rate = 1e-4
    augment: bool = False
    start: Literal["rare", "noun"] = "noun"
    prior_weight: Weight = 0.0
    adapter_steps: Count = 800
    adapter_rate: Rate = 1e-5
    bottleneck: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Width of an adapter's bottleneck, as a share of its layer's."""

    @property
    def fit_steps(self) -> int:
        """Steps of both stages."""
        return self.steps + self.adapter_steps


DEFAULTS = DreamVideoOptions()

CARD = Card(
    id="dreamvideo",
    title="DreamVideo (subject learning)",
    kind="port",
    paper="Wei et al., DreamVideo: Composing Your Dream Videos with Customized Subject and Motion, "
    "CVPR 2024, arXiv:2312.04433; settings of the baseline in CustomVideo, arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper; of its authors' code only the configuration "
    "was read, none was copied",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="one row of the text encoder's embedding a subject; then, with these fixed, an adapter "
    "after each of the UNet's 16 spatial cross-attentions",
    settings={
        **SAMPLING,
        "guidance": "its authors' code: 9.0",
        "steps": "CustomVideo: 3000, textual inversion",
        "batch": "CustomVideo: 2 (its authors' code: 4)",
        "rate": "CustomVideo: 1e-4, textual inversion",
        "weight_decay": "ours: 1e-2, AdamW, as CustomVideo's other baselines",
        "augment": "its authors' code: no flips and no sizes",
        "framing": "its authors' code: the middle of a reference fills the picture",
        "start": "its authors' code: at the subject's noun",
        "prior_weight": "paper: none",
        "class_images": "not used without prior preservation",
        "class_images_by": "not used without prior preservation",
        "adapter_steps": "CustomVideo: 800 (its authors' code: 1000)",
        "adapter_rate": "CustomVideo: 1e-5",
        "bottleneck": "ours; the paper says only that it is narrower than its layer",
    },
    open_points=(
        OpenPoint(
            question="The paper learns one subject at a time. How does one fit learn several, as "
            "CustomVideo compares it?",
            choice="Each picture of a step shows one subject, chosen at random, with its own "
            "token, in both stages; the subjects share the adapters. Neither paper says.",
        ),
        OpenPoint(
            question="How wide is the bottleneck?",
            choice="Half of its layer, without biases, as the equation has none.",
            option="bottleneck",
        ),
        OpenPoint(
            question="Does the adapter follow the cross-attention, or run beside it?",
            choice="It follows it: h is what the cross-attention gives, before the transformer "
            "block's own skip connection. A default of its authors' code names it parallel.",
        ),
        OpenPoint(
            question="Which size have the training pictures?",
            choice="The suite's, as for all methods here; 256x256 in its authors' code.",
        ),
        OpenPoint(
            question="Which prompts go with the pictures?",
            choice="'a <new1> cat': the suites' prompts have the noun after the token too.",
        ),
    ),
    differs="Subjects only: no motion adapter. The base is zeroscope, which was tuned from "
    "ModelScope's, not that. Its authors' code also counts the loss inside masks alone and offsets "
    "the training noise (0.1), of which its method section has nothing: left out.",
)


def fit(
    bases: Bases, task: Task, options: DreamVideoOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train one token a subject; then the adapters, with the tokens as they came out."""
    from customstudio.baselines.reconstruction import fit_alone

    first = fit_alone(bases, task, options, on_step)
    second = options.model_copy(
        update={"steps": options.adapter_steps, "rate": options.adapter_rate}
    )
    return fit_alone(
        bases, task, second, on_step,
        bottleneck=options.bottleneck, tokens=False, from_rows=first.rows, on_image=_there,
    )  # fmt: skip


def _there() -> None:
    """The class images of the second stage are those of the first, and counted there."""


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: DreamVideoOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with tokens."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)
