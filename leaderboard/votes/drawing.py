"""Comparisons: two methods' videos of one job; drawn evenly, whatever videos there are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from customstudio.errors import UserError


@dataclass(frozen=True)
class Comparison:
    """Two methods and a job that both have a video of."""

    job: str
    pair: str
    first: str
    second: str

    @property
    def methods(self) -> tuple[str, str]:
        """Both, sorted."""
        return self.first, self.second


def draw_comparisons(
    videos: Mapping[str, Sequence[str]], wanted: int, seed: int
) -> list[Comparison]:
    """Different comparisons, as many as wanted or as there are, balanced as far as videos allow.

    Raises:
        UserError: fewer than two methods, or two that share no job.
    """
    random = Random(f"{seed} comparisons")
    left = {pair: _common(videos, pair) for pair in combinations(sorted(videos), 2)}
    lonely = [pair for pair, jobs in left.items() if not jobs]
    if len(videos) < 2 or lonely:
        raise UserError(
            f"{lonely[0][0]} and {lonely[0][1]} have no job in common"
            if lonely
            else "a study needs two methods or more",
            where=", ".join(sorted(videos)) or "no method",
            fix="give each method's videos of the same jobs: METHOD/PAIR/PROMPT/SEED.mp4",
        )
    used: Counter[object] = Counter()
    drawn: list[Comparison] = []
    while len(drawn) < wanted and any(left.values()):
        for methods in random.sample(sorted(left), len(left)):
            if left[methods] and len(drawn) < wanted:
                job = min(
                    left[methods], key=lambda job: (*_uses(methods, job, used), random.random())
                )
                left[methods].remove(job)
                used.update(_marks(methods, job))
                drawn.append(Comparison(job, job.partition("/")[0], *methods))
    return drawn


def _common(videos: Mapping[str, Sequence[str]], pair: tuple[str, str]) -> list[str]:
    return sorted(set(videos[pair[0]]) & set(videos[pair[1]]))


def _marks(methods: tuple[str, str], job: str) -> list[object]:
    pair = job.partition("/")[0]
    return [(methods, pair.count("+")), (methods, pair), pair, job]


def _uses(methods: tuple[str, str], job: str, used: Counter[object]) -> list[int]:
    return [used[mark] for mark in _marks(methods, job)]
