"""IP-Adapter Plus on AnimateDiff: references as prompts, by the patches of an image.

Ye et al., "IP-Adapter", arXiv:2308.06721, section 4.4 ("fine-grained features"): a small network
of four blocks turns the states of CLIP's last but one layer into sixteen tokens beside the text's.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from customstudio.baselines.card import IMAGE_PROMPTS, REGIONS, Card
from customstudio.baselines.option_sets import ClipPromptOptions
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.tuned import Tuned

ENCODER, ADAPTER = "ip-adapter-image-encoder", "ip-adapter-plus-sd15"


class IPAdapterPlusOptions(ClipPromptOptions):
    """The defaults are the paper's where it states them (see the card)."""

    def networks(self, base: "BaseSpec | None") -> tuple[str, ...]:
        """The image encoder and the adapter."""
        return ENCODER, ADAPTER


DEFAULTS = IPAdapterPlusOptions()

CARD = Card(
    id="ip_adapter_plus",
    title="IP-Adapter Plus",
    kind="port",
    paper="Ye et al., IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion "
    "Models, arXiv:2308.06721",
    code_licence="Apache-2.0: our own; the attention and the reading of checkpoints are diffusers' "
    "(Apache-2.0)",
    weights_licence="adapter and image encoder: Apache-2.0 (h94/IP-Adapter); base: CreativeML Open "
    "RAIL-M",
    base="animatediff",
    only_on=("animatediff", "animatediff-realistic-vision"),
    trains="nothing: 49,087,488 parameters come with the adapter",
    settings={
        **IMAGE_PROMPTS,
        "framing": "its authors' code: CLIP's processor takes the middle",
        "remove_background": "paper: the whole image",
    },
    open_points=REGIONS,
    differs="As with IP-Adapter: every frame of the video attends to the same images.",
)


def fit(
    bases: Bases, task: Task, options: IPAdapterPlusOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Embed the references, patch by patch."""
    from customstudio.baselines.image_prompts import embed_references

    return embed_references(bases, task, options, ENCODER, "patches")


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: IPAdapterPlusOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from plain prompts and the references."""
    from customstudio.baselines.image_prompts import sample_with_images

    return sample_with_images(bases, tuned, task, jobs, options, ADAPTER, on_step)
