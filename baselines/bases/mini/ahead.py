"""Batches made by processes beside the training, some steps ahead of it."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

Made = TypeVar("Made")


class ByStep(Dataset[Made], Generic[Made]):
    """What each step needs, by its number."""

    def __init__(self, make: Callable[[int], Made]) -> None:
        self._make = make

    def __getitem__(self, step: int) -> Made:
        return self._make(step)


class Ahead(Generic[Made]):
    """Call it with one step after another, from any first step on.

    Args:
        make: makes a step's batch from the step's number alone, so that nothing depends on how
            many processes there are.
        steps: the steps of the training.
        workers: processes; 0: batches are made when they are asked for.
    """

    def __init__(self, make: Callable[[int], Made], steps: int, workers: int) -> None:
        self._data, self._steps, self._workers = ByStep(make), steps, workers
        self._made: Iterator[Made] | None = None

    def __call__(self, step: int) -> Made:
        """The batch of a step."""
        if self._made is None:
            remaining = range(step, self._steps)
            self._made = iter(
                DataLoader(
                    self._data, batch_size=None, sampler=remaining, num_workers=self._workers
                )
            )
        return next(self._made)
