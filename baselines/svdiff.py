"""SVDiff: the singular values of the UNet's weights, and pictures cut and mixed of two subjects.

Han et al., "SVDiff: Compact Parameter Space for Diffusion Fine-Tuning", ICCV 2023,
arXiv:2303.11305: spectral shifts (equation 2) under equation 3, Cut-Mix (section 3.3).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import Layers, Solver, TrainingOptions
from customstudio.baselines.options import Count, Rate, Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from torch import Tensor

    from customstudio.baselines.tuned import Tuned


class SvdiffOptions(TrainingOptions):
    """The defaults are the paper's where it states them (see the card)."""

    steps: Count = 1000
    batch: Count = 1
    rate: Rate = 1e-3
    weight_decay: Weight = 0.0
    solver: Solver = "ddim"
    layers: Layers = "spatial"
    """Whose matrices and kernels have shifts."""
    cut_mix: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How often a picture shows two of the subjects side by side."""


DEFAULTS = SvdiffOptions()

CARD = Card(
    id="svdiff",
    title="SVDiff",
    kind="port",
    paper="Han et al., SVDiff: Compact Parameter Space for Diffusion Fine-Tuning, ICCV 2023, "
    "arXiv:2303.11305",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="shifts of the singular values of the matrices and kernels of the UNet's layers that "
    "work within a frame; words stay as they are",
    settings={
        **SAMPLING,
        "sampling_steps": "ours: as for CustomVideo",
        "guidance": "ours: the default of diffusers' pipeline",
        "solver": "paper, section 4: DDIM, eta 0",
        "steps": "paper, section 4.1: 500 or 1000, the better one",
        "batch": "paper, section 4.1: 1",
        "rate": "ours: some hundred times that of whole weights",
        "weight_decay": "ours: none, so that a shift is moved by its gradient alone",
        "augment": "ours: as for CustomVideo",
        "framing": "ours: it fills the frame; white around a shrunk one has no loss",
        "start": "paper: a rare word; it is not trained",
        "prior_weight": "ours: 1.0; equation 3 has a lambda without a value",
        "class_images": "ours: 200",
        "class_images_by": "ours",
        "layers": "ours: what works across frames learns nothing of stills",
        "cut_mix": "paper, section 4.2: 0.6",
    },
    open_points=(
        OpenPoint(
            question="The paper shifts all of the UNet, vectors too. What are a vector's singular "
            "values?",
            choice="Vectors (biases, norms) stay as they are: equation 2 is of matrices.",
        ),
        OpenPoint(
            question="Which layers, in a UNet of videos?",
            choice="Those that Stable Diffusion has. Temporal ones see stills of one frame here.",
            option="layers",
        ),
        OpenPoint(
            question="Which prompt goes with a mixed picture?",
            choice="'a <new2> dog and a <new1> cat', in the order of the panels, as in figure 3; "
            "class images are mixed alike.",
        ),
        OpenPoint(
            question="How does one fit learn several subjects?",
            choice="As the paper has it: a picture shows one of them, or two drawn without "
            "replacement (also of three).",
            option="cut_mix",
        ),
        OpenPoint(
            question="Which learning rate?",
            choice="1e-3; section 4 does not state it.",
            option="rate",
        ),
    ),
    differs="No loss on attention maps, which the paper gives as an extension. A fit is the shifts "
    "alone: singular vectors are computed anew from the base in each process, so that videos are "
    "equal bit for bit on one kind of machine; zeroscope XL is shifted along its own.",
)


def fit(bases: Bases, task: Task, options: SvdiffOptions, on_step: Callable[[], None]) -> "Tuned":
    """Train shifts on pictures of one subject, or of two, which go by rare words."""
    from customstudio.baselines.examples import drawing
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.reconstruction import reconstruction_loss
    from customstudio.baselines.seeds import generator

    draw = drawing(
        bases, task, options, lambda rng: who(len(task.subjects), options.cut_mix, rng),
        on_step=on_step,
    )  # fmt: skip
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> "Tensor":
        return reconstruction_loss(bases.main, *draw(), options, noise)

    return run_fit(bases, task, options, loss, on_step, shifts=options.layers, tokens=False)


def who(count: int, cut_mix: float, rng: np.random.Generator) -> list[int]:
    """The subjects of one training picture from left to right: one, or two different ones."""
    several = count > 1 and rng.random() < cut_mix
    return [int(index) for index in rng.choice(count, 2 if several else 1, replace=False)]


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: SvdiffOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with the rare words."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step, solver=options.solver)
