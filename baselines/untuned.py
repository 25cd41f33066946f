"""The base model with the plain prompt: it has never seen the subjects.

A floor for likeness: no method that knows them should score under it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from customstudio.baselines.card import SAMPLING, Card
from customstudio.baselines.option_sets import SamplingOptions
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.suites.schema import Job

if TYPE_CHECKING:
    from customstudio.baselines.tuned import Tuned


class UntunedOptions(SamplingOptions):
    """Only how videos are sampled."""


DEFAULTS = UntunedOptions()

CARD = Card(
    id="untuned",
    title="Untuned base",
    kind="floor",
    paper="none: the base as it is, for the likeness that a class noun alone gives",
    code_licence="Apache-2.0",
    weights_licence="zeroscope: CC BY-NC 4.0",
    base="zeroscope-576w",
    trains="nothing",
    settings=SAMPLING,
)


def fit(bases: Bases, task: Task, options: UntunedOptions, on_step: Callable[[], None]) -> "Tuned":
    """Nothing to fit."""
    from customstudio.baselines.tuned import Tuned

    return Tuned()


def generate(
    bases: Bases,
    tuned: "Tuned",
    task: Task,
    jobs: Sequence[Job],
    options: UntunedOptions,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from plain prompts."""
    from customstudio.baselines.sampling import sample

    return sample(bases, tuned, task, jobs, [job.prompt for job in jobs], options, on_step)
