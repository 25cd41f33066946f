"""CustomVideo: several subjects by pictures that hold them together, and control of attention.

Wang et al., "CustomVideo: Customizing Text-to-Video Generation with Multiple Subjects",
arXiv:2401.09962. The loss is L_recon + alpha * L_attn + L_prior; L_attn is its equation 2.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from customstudio.baselines.card import SAMPLING, Card, OpenPoint
from customstudio.baselines.option_sets import (
    AttentionLoss,
    Framing,
    Layers,
    Level,
    Projections,
    TrainingOptions,
    unattended,
)
from customstudio.baselines.options import Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.errors import UserError
from customstudio.suites.schema import Job, VideoSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.examples import Example
    from customstudio.baselines.tuned import Tuned


class CustomVideoOptions(TrainingOptions, AttentionLoss):
    """The defaults are the paper's where it states them (see the card)."""

    compose: Literal["concat", "single", "both"] = "concat"
    """All subjects in one picture, one subject a picture, or either at even odds."""
    framing: Framing = "whole"
    remove_background: bool = True
    alpha: Weight = 0.2
    """Weight of the attention loss; 0: none."""
    levels: tuple[Level, ...] = Field(default=(3,), min_length=1)
    """Resolutions that it acts on, 1 (the latents') to 4."""
    attend: Literal["token", "token+noun"] = "token"
    """Whose map is controlled: the learnable token's, or also that of the noun after it."""
    train: Projections = "kv"
    layers: Layers = "spatial+temporal"

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """Levels that the base does not have."""
        return unattended(base, "levels", self.levels if self.alpha else ())

    @property
    def needs_masks(self) -> bool:
        """For the collage without backgrounds, and for the attention loss."""
        return self.remove_background or self.alpha > 0


DEFAULTS = CustomVideoOptions()

CARD = Card(
    id="customvideo",
    title="CustomVideo",
    kind="reproduction",
    paper="Wang et al., CustomVideo: Customizing Text-to-Video Generation with Multiple Subjects, "
    "arXiv:2401.09962",
    code_licence="Apache-2.0: written from the paper, no other code was used",
    weights_licence="none of its own; what a fit produces is derived from zeroscope (CC BY-NC 4.0)",
    base="zeroscope-576w",
    trains="keys and values of all attn2 layers of the UNet (66 matrices), one token a subject",
    settings={
        **SAMPLING,
        "steps": "paper: 500",
        "batch": "paper: 2",
        "rate": "paper: 4e-5",
        "weight_decay": "paper: 1e-2, AdamW",
        "augment": "paper: flips, crops and sizes; how often and how far is ours",
        "framing": "ours: nothing of a subject is cut off",
        "start": "ours",
        "prior_weight": "paper: 1.0",
        "class_images": "paper: 200",
        "class_images_by": "paper: for each subject",
        "compose": "paper: concatenated; Table 2 has the ablation",
        "remove_background": "paper: removed; Table 2 has the ablation",
        "alpha": "paper: 0.2",
        "levels": "paper: the third",
        "eta": "paper: -1e-8",
        "positive": "paper, equation 2; Table 2 has the ablation",
        "negative": "paper, equation 2; Table 2 has the ablation",
        "negative_area": "ours",
        "norm": "ours",
        "heads": "ours",
        "mask_resize": "ours",
        "attend": "ours",
        "train": "paper, section 3.3: keys and values (its appendix: query and value)",
        "layers": "paper, appendix: spatial and temporal layers",
        "sampling_steps": "paper: DPM-Solver, 50",
        "high_resolution": "paper: both are shown",
        "xl_steps": "paper: 30",
    },
    open_points=(
        OpenPoint(
            question="Is equation 2 a sum or a mean over positions?",
            choice="Mean: with the sum, alpha * L_attn would reach about 18 at level 3, against an "
            "L_recon below 1.",
            option="norm",
        ),
        OpenPoint(
            question="Are heads and layers averaged before the square or after it?",
            choice="Before: a token then has one map.",
            option="heads",
        ),
        OpenPoint(
            question="How is a mask brought to the size of a map?",
            choice="Nearest pixel: the mask stays a mask.",
            option="mask_resize",
        ),
        OpenPoint(
            question="What can eta = -1e-8 do?",
            choice="Next to nothing: fp16 cannot hold it, in float32 it moves a gradient by 1e-6 "
            "of itself. It stays as stated. `negative=false` is the ablation: no loss outside.",
            option="eta",
        ),
        OpenPoint(
            question="Is all outside of a mask negative, or only the other subjects?",
            choice="All of it: the simplest reading of equation 2.",
            option="negative_area",
        ),
        OpenPoint(
            question="Which projections: section 3.3 says key and value, the appendix query and "
            "value; temporal cross-attention has no text to attend to in this UNet.",
            choice="Key and value, of spatial and temporal layers. On single frames the temporal "
            "keys get no gradient at all: only their values learn.",
            option="train",
        ),
        OpenPoint(
            question="What fills the removed background, and how are subjects laid out?",
            choice="White; panels of one width, in the pair's order, each reference whole.",
        ),
        OpenPoint(
            question="What prompt goes with a training picture?",
            choice="'a <new1> cat and a <new2> dog'.",
        ),
        OpenPoint(
            question="Where do the tokens start?",
            choice="At rare words, as Custom Diffusion's public defaults do.",
            option="start",
        ),
        OpenPoint(
            question="Which model made the class images, from which prompts?",
            choice="The base itself, one frame, from 200 prompts of our own; 20 of the paper's are "
            "printed in its Table 7.",
            option="class_images",
        ),
        OpenPoint(
            question="Does batch 2 count the class images?",
            choice="No: 2 pictures of the subjects and 2 class images.",
            option="batch",
        ),
        OpenPoint(
            question="Which guidance scale?",
            choice="9.0, the default of diffusers' pipeline.",
            option="guidance",
        ),
    ),
    differs="Arithmetic is float32 (bfloat16 on request) where the paper trains in fp16.",
)


def fit(
    bases: Bases, task: Task, options: CustomVideoOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Train keys and values of the cross-attention, and one token a subject, on one pair."""
    from customstudio.baselines.examples import drawing
    from customstudio.baselines.fitting import run_fit
    from customstudio.baselines.parameters import projections
    from customstudio.baselines.seeds import generator

    draw = drawing(
        bases, task, options, lambda rng: who(task, options, rng), on_step=on_step,
        masks=options.needs_masks, remove_background=options.remove_background,
    )  # fmt: skip
    noise = generator("fit", task.suite, task.pair)

    def loss(step: int) -> "Tensor":
        return step_loss(bases, *draw(), options, noise)

    weights = projections(bases.main.unet, options.train, options.layers)
    return run_fit(bases, task, options, loss, on_step, weights=weights)


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: CustomVideoOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from prompts with tokens."""
    from customstudio.baselines.sampling import sample_with_tokens

    return sample_with_tokens(bases, tuned, task, jobs, options, on_step)


def step_loss(
    bases: Bases,
    ours: "Sequence[Example]",
    theirs: "Sequence[Example]",
    options: CustomVideoOptions,
    noise: "Generator",
) -> "Tensor":
    """L_recon + alpha * L_attn of the subjects' pictures, plus L_prior of the class images."""
    import torch

    from customstudio.baselines.attention import attention_loss, recording
    from customstudio.baselines.reconstruction import reconstruction_loss
    from customstudio.baselines.tokens import columns

    model, count = bases.main, len(ours)
    attended = options.levels if options.alpha else ()
    with recording(model.unet, attended) as maps:
        total = reconstruction_loss(model, ours, theirs, options, noise)
    if attended:
        masks = torch.from_numpy(np.stack([e.masks for e in ours])).float().to(model.device)
        ids = model.token_ids([example.prompt for example in ours])
        at = columns(ids, model, masks.shape[1], nouns=options.attend == "token+noun")
        kept = {level: [m[:count] for m in layers] for level, layers in maps.items()}
        latent = (masks.shape[2] // model.scale, masks.shape[3] // model.scale)
        total = total + options.alpha * attention_loss(kept, at, masks, latent, options)
    return total


def who(task: Task, options: CustomVideoOptions, rng: np.random.Generator) -> list[int]:
    """The subjects of one training picture."""
    count = len(task.subjects)
    together = options.compose == "concat" or (options.compose == "both" and rng.random() < 0.5)
    return list(range(count)) if together else [int(rng.integers(count))]
