"""Options that methods share: of sampling, of training, of the attention loss; no torch here."""

from typing import Annotated, Literal

from pydantic import Field

from customstudio.baselines.options import Count, Options, Rate, Weight

Solver = Literal["dpm", "ddim"]
Framing = Literal["fill", "whole"]
Projections = Literal["kv", "qv"]
Layers = Literal["spatial", "spatial+temporal"]
Correlation = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(gt=0, le=1)]


class SamplingOptions(Options):
    """How videos are sampled."""

    sampling_steps: Count = 50
    guidance: Weight = 9.0
    noise_gamma: Correlation = 0.0
    """Correlation of the first noise between neighbouring frames: VCD's 3D Gaussian noise prior."""
    negative_prompt: str = ""
    high_resolution: bool = False
    """Take the video to 1024x576 with zeroscope XL, with the same fitted weights on it."""
    xl_steps: Count = 30
    xl_strength: Strength = 0.6
    xl_guidance: Weight = 15.0


class TrainingOptions(SamplingOptions):
    """How a fit is run."""

    steps: Count = 500
    batch: Count = 2
    """Pictures of the subjects in a step; as many class images come with them."""
    rate: Rate = 4e-5
    """Learning rate of AdamW, constant."""
    weight_decay: Weight = 1e-2
    augment: bool = True
    """Flip and scale the references (with a word for it in the prompt), masks with them."""
    framing: Framing = "fill"
    """A reference fills its frame and loses its margins, or is whole with white around it."""
    start: Literal["rare", "noun"] = "rare"
    """Where tokens start: at a rare word, or at the subject's noun."""
    prior_weight: Weight = 1.0
    """Weight of prior preservation; 0: none."""
    class_images: Count = 200
    """For each subject, made by the base itself."""
    class_images_by: Literal["subject", "class"] = "subject"
    """Two subjects of one noun have images of their own, or share them."""

    @property
    def frames_a_picture(self) -> int:
        """How many frames a training picture costs."""
        return 1

    @property
    def fit_steps(self) -> int:
        """Steps of a pair's whole fit."""
        return self.steps


class AttentionLoss(Options):
    """What CustomVideo's equation 2 leaves open is an option here."""

    eta: float = -1e-8
    positive: bool = True
    """Inside the mask the map is drawn to 1."""
    negative: bool = True
    """Outside of it the map is drawn to eta."""
    negative_area: Literal["outside", "others"] = "outside"
    norm: Literal["mean", "sum"] = "mean"
    """Over the positions of a map."""
    heads: Literal["before", "after"] = "before"
    """Average heads and layers before the square, or after it."""
    mask_resize: Literal["nearest", "area"] = "nearest"
