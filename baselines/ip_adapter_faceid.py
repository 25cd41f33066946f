"""IP-Adapter FaceID on AnimateDiff: the embedding of a face as the prompt.

Ye et al., "IP-Adapter", arXiv:2308.06721; what FaceID is, its model card says
(h94/IP-Adapter-FaceID): insightface's embedding of the face in the place of CLIP's, and a LoRA in
all attention layers.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from customstudio.baselines.card import IMAGE_PROMPTS, REGIONS, Card, OpenPoint
from customstudio.baselines.option_sets import FaceNetwork, ImagePromptOptions
from customstudio.baselines.options import Weight
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec
    from customstudio.baselines.tuned import Tuned

ADAPTER = "ip-adapter-faceid-sd15"


class IPAdapterFaceIDOptions(ImagePromptOptions):
    """The defaults are its authors' where they state them (see the card)."""

    scale: Weight = 1.0
    faces: FaceNetwork = "insightface-buffalo-l"
    """The face detector and recogniser, by its id among the weights."""
    without_face: Literal["refuse", "text"] = "refuse"
    """A subject in whose references no face is found is an error, or has the text alone."""

    @property
    def of_persons(self) -> bool:
        """Unless a subject without a face is left to the text."""
        return self.without_face == "refuse"

    def networks(self, base: "BaseSpec | None") -> tuple[str, ...]:
        """The face network and the adapter."""
        return self.faces, ADAPTER


DEFAULTS = IPAdapterFaceIDOptions()

CARD = Card(
    id="ip_adapter_faceid",
    title="IP-Adapter FaceID",
    kind="port",
    paper="Ye et al., IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion "
    "Models, arXiv:2308.06721; FaceID: model card of h94/IP-Adapter-FaceID",
    code_licence="Apache-2.0: our own; the attention and the reading of checkpoints are diffusers' "
    "(Apache-2.0)",
    weights_licence="adapter and face network: non-commercial research only "
    "(h94/IP-Adapter-FaceID, insightface); base: CreativeML Open RAIL-M",
    base="animatediff",
    only_on=("animatediff", "animatediff-realistic-vision"),
    trains="nothing: 22,844,928 parameters of the adapter and 25,509,888 of its LoRA come with it",
    settings={
        **IMAGE_PROMPTS,
        "scale": "its authors' code: 1.0, and the LoRA whole",
        "faces": "its model card: buffalo_l",
        "without_face": "ours",
    },
    open_points=(
        *REGIONS,
        OpenPoint(
            question="What of a subject that has no face?",
            choice="An error, since nothing of it would reach the video; 'text' leaves it to the "
            "prompt, in a pair in which another subject has one.",
            option="without_face",
        ),
        OpenPoint(
            question="Which face, where a reference shows several?",
            choice="The one that the detector is surest of, as in the model card's example.",
        ),
    ),
    differs="As with IP-Adapter: every frame attends to the same faces. The LoRA is on the layers "
    "of Stable Diffusion, not on motion modules.",
)


def fit(
    bases: Bases, task: Task, options: IPAdapterFaceIDOptions, on_step: Callable[[], None]
) -> "Tuned":
    """Embed the faces of the references."""
    from customstudio.baselines.face_prompts import embed_faces

    return embed_faces(bases, task, options.faces, refuse=options.without_face == "refuse")


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: IPAdapterFaceIDOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from plain prompts and the faces."""
    from customstudio.baselines.image_prompts import sample_with_images

    return sample_with_images(bases, tuned, task, jobs, options, ADAPTER, on_step)
