"""Options that methods share: of sampling, of training, of the attention loss; no torch here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from customstudio.baselines.options import Count, Options, Rate, Weight
from customstudio.errors import UserError
from customstudio.suites.schema import VideoSpec

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec

Solver = Literal["dpm", "ddim"]
Spacing = Literal["base", "leading", "linspace", "trailing"]
"""How times of sampling lie on the noise schedule, by diffusers' names; `base`: as it has it."""
Framing = Literal["fill", "whole"]
Level = Annotated[int, Field(ge=1, le=4)]
"""Of attention maps: 1 where they are as large as latents, each next one half as wide."""
Projections = Literal["kv", "qv"]
Layers = Literal["spatial", "spatial+temporal"]
FaceNetwork = Literal["insightface-buffalo-l", "mini-faces"]
Correlation = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(gt=0, le=1)]
UPSCALER = "zeroscope-xl"
CLASS_BATCH = 8
"""Class images are made so many at once."""


class DenoisingOptions(Options):
    """What every way of sampling has."""

    sampling_steps: Count = 50
    guidance: Weight = 9.0

    @property
    def steps_a_video(self) -> int:
        """Steps of sampling a video, as far as they are known beforehand; a second base's aside."""
        return self.sampling_steps

    @property
    def second_steps(self) -> int:
        """Steps of sampling a video with the second base."""
        return 0


class SamplingOptions(DenoisingOptions):
    """How videos are sampled."""

    noise_gamma: Correlation = 0.0
    """Correlation of the first noise between neighbouring frames: VCD's 3D Gaussian noise prior."""
    negative_prompt: str = ""
    high_resolution: bool = False
    """Take the video to 1024x576 with zeroscope XL, with the same fitted weights on it."""
    xl_steps: Count = 30
    xl_strength: Strength = 0.6
    xl_guidance: Weight = 15.0

    @property
    def second_base(self) -> str | None:
        """The upscaler, for high resolution."""
        return UPSCALER if self.high_resolution else None

    @property
    def enlargement(self) -> float:
        """That of zeroscope XL over 576w."""
        return 1024 * 576 / (576 * 320) if self.high_resolution else 1.0

    @property
    def second_steps(self) -> int:
        """Those of upscaling."""
        return int(self.xl_steps * self.xl_strength) if self.high_resolution else 0


class ImagePromptOptions(SamplingOptions):
    """How references are prompts (IP-Adapter); the defaults are its paper's (see the cards)."""

    guidance: Weight = 7.5
    scale: Weight = 0.5
    """Lambda: how much an image counts beside the text."""
    images: Literal["one", "all"] = "one"
    """One reference of a subject, chosen by the job, or the mean over all of them."""
    regions: Literal["panels", "everywhere"] = "panels"
    """Where a subject's images count: in its panel, in the pair's order, or in the whole frame."""


class ClipPromptOptions(ImagePromptOptions):
    """The same where CLIP embeds the references."""

    framing: Framing = "fill"
    """The middle of a reference, or the whole of it with white around it."""
    remove_background: bool = False
    """White outside the masks."""

    @property
    def needs_masks(self) -> bool:
        """For references without backgrounds."""
        return self.remove_background


class RedrawingOptions(SamplingOptions):
    """Parts of a video that are noised and denoised again (VCD's Face VCD and Tiled VCD)."""

    face: bool = False
    """Faces are cut out, enlarged, redrawn and pasted back."""
    face_strength: Strength = 0.8
    """Share of the schedule that a face is noised up to."""
    face_crop: Annotated[float, Field(ge=1)] = 3.0
    """Sides of what is cut out, in those of the face."""
    faces: FaceNetwork = "insightface-buffalo-l"
    """The face detector, by its id among the weights."""
    tiled: bool = False
    """The video is enlarged to twice its sides and redrawn in four tiles."""
    tiled_strength: Strength = 0.2
    """Share of the schedule that a tile is noised up to."""

    def networks(self, base: "BaseSpec | None") -> tuple[str, ...]:
        """The face network, if faces are redrawn."""
        return (self.faces,) if self.face else ()

    @property
    def without_networks(self) -> str:
        """Faces as they are."""
        return "--set face=false"

    @property
    def enlargement(self) -> float:
        """Tiles are made of twice the sides."""
        return super().enlargement * (4 if self.tiled else 1)

    @property
    def steps_a_video(self) -> int:
        """With those of the tiles; how many faces there are is not known beforehand."""
        tiles = 4 * max(int(self.sampling_steps * self.tiled_strength), 1)
        return self.sampling_steps + self.tiled * tiles


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
        """Steps of a fit in all."""
        return self.steps

    @property
    def class_images_made(self) -> int:
        """Those of a subject, in whole batches."""
        return -(-self.class_images // CLASS_BATCH) * CLASS_BATCH

    @property
    def prior_steps(self) -> int:
        """Steps of sampling the class images of a subject."""
        batches = self.class_images_made // CLASS_BATCH
        return batches * self.sampling_steps if self.prior_weight else 0

    @property
    def picture_steps(self) -> int:
        """Those of them that are on pictures."""
        return self.fit_steps


class AnimationOptions(Options):
    """How pictures that a method makes become videos, by SVD-XT."""

    svd_steps: Count = 30
    svd_frames: Count = 25
    """Frames that are made; the suite's video has the first of them, or as many all over them."""
    svd_keep: Literal["first", "spread"] = "first"
    svd_pixels: Annotated[int, Field(ge=64 * 64)] = 1024 * 576
    """Of a frame that is made, about: its sides follow the suite's video."""
    svd_motion: Annotated[int, Field(ge=0, le=255)] = 127
    """How much is to move, a bucket."""
    svd_augmentation: Weight = 0.02
    """Noise that is put on the picture."""
    svd_guidance: Annotated[float, Field(ge=1)] = 3.0
    """In the last frame; it rises from 1."""

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """Videos that are longer than what is made."""
        if video.frames <= self.svd_frames:
            return []
        return [
            UserError(
                f"videos of {video.frames} frames: the animation has {self.svd_frames}",
                where="the suite's video, and --set svd_frames",
                fix=f"--set svd_frames={video.frames} (SVD-XT was trained with 25)",
            )
        ]

    @property
    def second_base(self) -> str | None:
        """What animates the pictures, of which a video has one."""
        return "svd-xt"

    @property
    def second_steps(self) -> int:
        """Steps of animating a picture."""
        return self.svd_steps


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


def unattended(base: "BaseSpec | None", option: str, levels: Sequence[int]) -> list[UserError]:
    """Levels of attention maps that a base does not have."""
    absent = [level for level in levels if base is not None and level not in base.levels]
    if base is None or not absent:
        return []
    has = ", ".join(map(str, base.levels))
    return [
        UserError(
            f"{base.id} does not attend to text at level {absent[0]}, only at {has}",
            where=f"--set {option}={'+'.join(map(str, levels))}",
            fix=f"choose among {has}",
        )
    ]
