"""A method's card: what it is, where its settings come from, what its paper leaves open."""

from typing import Literal

from pydantic import Field

from customstudio.records import Record


class OpenPoint(Record):
    """Something that the paper does not settle, and what we do."""

    question: str
    choice: str
    """What our default does, and why."""
    option: str | None = None
    """The option that chooses otherwise, where there is one."""


class Card(Record):
    """A customization method, declared."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of its file and on the command line."""
    title: str
    kind: Literal["reproduction", "port", "own", "floor"]
    """A reproduction is of the paper's own base model, a port is not; `own`: its authors' own code;
    a floor is a lower bound that no method should fall under."""
    paper: str
    """Authors, title, venue, arXiv id; of a floor: why it is here."""
    code_licence: str
    """Of our code, and whether any other was used."""
    weights_licence: str
    """Of what it needs and of what a fit produces."""
    base: str
    """The base model it is built on by default, an id of `baselines.catalog.BASES`; `none`: it
    needs no network."""
    only_on: tuple[str, ...] = ()
    """The base models it works on, embedded ones too only where they are named; none named: any."""
    trains: str
    """Exactly which parameters change."""
    settings: dict[str, str]
    """Option -> where its default comes from: a place in a paper, or `ours`."""
    open_points: tuple[OpenPoint, ...] = ()
    differs: str = ""
    """Where we knowingly do otherwise than the paper."""


SAMPLING = {
    "sampling_steps": "CustomVideo: DPM-Solver, 50",
    "guidance": "ours: the default of diffusers' pipeline; the paper does not state it",
    "noise_gamma": "ours: independent noise, as the base was made for; VCD has 0.1 or 0.15",
    "negative_prompt": "ours: none",
    "high_resolution": "ours",
    "xl_steps": "CustomVideo: 30",
    "xl_strength": "ours: the default of diffusers' pipeline",
    "xl_guidance": "ours: the default of diffusers' pipeline",
}
"""Where the settings of sampling come from, which methods on zeroscope share."""

IMAGE_PROMPTS = {
    **SAMPLING,
    "sampling_steps": "paper: 50, of DDIM, which is no option: videos are sampled with it",
    "guidance": "paper: 7.5",
    "scale": "its authors' README: 0.5 with a text prompt; paper: 1.0 without one",
    "images": "paper: one image",
    "regions": "ours",
}
"""Where the settings of IP-Adapters come from."""

REGIONS = (
    OpenPoint(
        question="Where in a frame do the images of which subject count? The paper has one image.",
        choice="In panels of one width, in the pair's order, since no prompt says who is where "
        "and images that count everywhere mix the subjects; of one subject: everywhere.",
        option="regions",
    ),
    OpenPoint(
        question="Which of a subject's references?",
        choice="One, chosen by the job; 'all' attends to each and takes the mean.",
        option="images",
    ),
)
"""What IP-Adapter leaves open for pairs."""
