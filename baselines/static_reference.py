"""A still video of the references, side by side: a copy and nothing more.

A floor for copy-and-paste: its likeness is the references' own, its motion is none, and its prompt
is not followed.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from customstudio.baselines.card import Card
from customstudio.baselines.options import Options
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class StaticOptions(Options):
    """What the still shows."""

    remove_background: bool = False
    """White outside the masks."""

    @property
    def needs_masks(self) -> bool:
        """For a still without backgrounds."""
        return self.remove_background


DEFAULTS = StaticOptions()

CARD = Card(
    id="static_reference",
    title="Static reference",
    kind="floor",
    paper="none: the likeness that a copy of the references has",
    code_licence="Apache-2.0",
    weights_licence="none",
    base="none",
    trains="nothing",
    settings={"remove_background": "ours"},
)


def fit(bases: Bases, task: Task, options: StaticOptions, on_step: Callable[[], None]) -> "Tuned":
    """Nothing to fit."""
    from customstudio.baselines.tuned import Tuned

    return Tuned()


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: StaticOptions,
    on_step: Callable[[], None],
) -> Videos:
    """One reference of each subject, chosen by the job, in every frame."""
    from customstudio.baselines.collage import collage, read_pictures
    from customstudio.baselines.seeds import choices

    pictures = read_pictures(
        task.subjects, masks=options.needs_masks, remove_background=options.remove_background
    )
    size = (task.video.height, task.video.width)
    stills = []
    for job in jobs:
        rng = choices("still", task.suite, job.pair, job.prompt_id, job.seed)
        still = collage([own[int(rng.integers(len(own)))] for own in pictures], size).image
        stills.append(np.repeat(still[None], task.video.frames, axis=0))
    return np.stack(stills)
