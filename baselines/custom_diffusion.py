"""Custom Diffusion: keys and values of the cross-attention, and a token for each subject.

Kumari et al., "Multi-Concept Customization of Text-to-Image Diffusion", CVPR 2023,
arXiv:2212.04488, jointly trained; on zeroscope as the baseline of CustomVideo, arXiv:2401.09962.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import Layers, Projections, TrainingOptions
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class CustomDiffusionOptions(TrainingOptions):
    """Of the baseline in CustomVideo, where it states them."""

    train: Projections = "kv"
    layers: Layers = "spatial"


DEFAULTS = CustomDiffusionOptions()

CARD = Card(
    id="custom_diffusion",
    title="Custom Diffusion",
    kind="port",
    paper="Kumari et al., Multi-Concept Customization of Text-to-Image Diffusion, CVPR 2023, "
    "arXiv:2212.04488; settings of the baseline in CustomVideo, arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="keys and values of the spatial attn2 layers (32 matrices), one token a subject",
    settings={
        **SAMPLING,
        "steps": "CustomVideo: 500",
        "batch": "CustomVideo: 2",
        "rate": "CustomVideo: 4e-5",
        "weight_decay": "CustomVideo: 1e-2, AdamW",
        "augment": "Custom Diffusion: sizes, with words for them; how far is ours",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "Custom Diffusion: a rare word",
        "prior_weight": "Custom Diffusion: 1.0",
        "class_images": "Custom Diffusion: 200",
        "class_images_by": "ours",
        "train": "Custom Diffusion: keys and values (CustomVideo: query and value)",
        "layers": "Custom Diffusion: where the keys are text",
    },
    open_points=(
        OpenPoint(
            question="CustomVideo says that its baseline trains query and value, Custom Diffusion "
            "itself key and value.",
            choice="Key and value: the method as published.",
            option="train",
        ),
        OpenPoint(
            question="Which class images?",
            choice="The base's own; Custom Diffusion retrieves real ones from LAION-400M.",
        ),
        OpenPoint(
            question="Two subjects: joint training, or two fits merged?",
            choice="Joint training.",
        ),
    ),
    differs="Class images are generated and not retrieved.",
)


def fit(
    bases: Bases, task: Task, options: CustomDiffusionOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train keys and values and one token a subject, on pictures of each subject alone."""
    from customstudio.baselines.parameters import projections
    from customstudio.baselines.reconstruction import fit_alone

    weights = projections(bases.main.unet, options.train, options.layers)
    return fit_alone(bases, task, options, on_step, weights=weights)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: CustomDiffusionOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with tokens."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)
