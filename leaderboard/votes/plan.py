"""Which rater compares what: drawn before the first vote, balanced, blind, and the same for a seed.

A comparison is two methods' videos of one job: same subjects, prompt and seed on both sides.
Comparisons are drawn balanced over pairs of methods, then numbers of subjects, then pairs of
subjects, then jobs. Each rater's list is balanced over pairs of methods; which method is on the
left is balanced for each pair of methods; the order is random. Among them lie *gold* comparisons,
whose answer is known, and *repeats* of the rater's own earlier ones with the sides turned.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal

from pydantic import Field

from customstudio.errors import UserError
from customstudio.leaderboard.votes.drawing import Comparison, draw_comparisons
from customstudio.records import Record

Kind = Literal["vote", "repeat", "same", "damaged"]
"""`same` and `damaged` are gold: one clip on both sides, or beside a damaged copy of itself."""
Side = Literal["left", "right"]
APART = 5
"""A repeat comes so many comparisons after the first time, where the list is long enough."""


class Settings(Record):
    """What is drawn."""

    raters: int = Field(default=25, ge=1, le=10_000)
    each: int = Field(default=30, ge=1, le=1_000)
    """Comparisons a rater, gold and repeats among them."""
    overlap: int = Field(default=3, ge=1)
    """Raters a comparison: agreement needs two or more."""
    gold_every: int = Field(default=10, ge=0)
    """One gold comparison in so many; 0: none."""
    repeat_every: int = Field(default=15, ge=0)
    """One repeat in so many; 0: none."""
    seed: int = 0


class Slot(Record):
    """One comparison in a rater's list."""

    rater: int
    """Number of the rater, from 0."""
    number: int
    """Place in the rater's list, from 0."""
    job: str
    left: str
    right: str
    """Methods; the same one on both sides of a gold comparison."""
    kind: Kind = "vote"
    damaged: Side | None = None

    @property
    def gold(self) -> bool:
        """Whether the answer is known."""
        return self.kind in ("same", "damaged")


def make_plan(videos: Mapping[str, Sequence[str]], settings: Settings) -> tuple[Slot, ...]:
    """The lists of all raters.

    Args:
        videos: method -> the jobs (`pair/prompt/seed`) that it has a video of.

    Raises:
        UserError: fewer than two methods, two that share no job, or too few comparisons.
    """
    golds, repeats = _extras(settings)
    own = settings.each - golds - repeats
    wanted = max(own, -(-settings.raters * own // settings.overlap))
    pairs = len(videos) * (len(videos) - 1) // 2 or 1
    drawn = draw_comparisons(videos, -(-wanted // pairs) * pairs, settings.seed)
    if own < 1 or len(drawn) < own:
        raise UserError(
            f"{len(drawn)} comparisons do not fill a list of {own}",
            where=f"{len(videos)} methods, {settings.each} comparisons a rater",
            fix="give more videos, or fewer comparisons a rater (--each)",
        )
    random = Random(f"{settings.seed} lists")
    judged: Counter[Comparison] = Counter()
    lefts: Counter[tuple[str, str]] = Counter()
    slots: list[Slot] = []
    for rater in range(settings.raters):
        chosen = _choose(drawn, own, judged, random)
        random.shuffle(chosen)
        firsts = [_with_sides(rater, comparison, lefts, random) for comparison in chosen]
        slots += _with_extras(firsts, videos, golds, repeats, random)
    return tuple(slots)


def _choose(
    drawn: Sequence[Comparison], count: int, judged: Counter[Comparison], random: Random
) -> list[Comparison]:
    """One rater's comparisons: even over pairs of methods, least judged first, varied subjects."""
    chosen: list[Comparison] = []
    by_methods: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for comparison in drawn:
        by_methods[comparison.methods].append(comparison)
    mine: Counter[object] = Counter()
    while len(chosen) < count:
        open_ = [methods for methods, rest in by_methods.items() if rest]
        fewest = min(mine[methods] for methods in open_)
        options = [c for m in open_ if mine[m] == fewest for c in by_methods[m]]
        best = min(options, key=lambda c: (judged[c], mine[c.job], mine[c.pair], random.random()))
        by_methods[best.methods].remove(best)
        mine.update([best.methods, best.job, best.pair])
        judged[best] += 1
        chosen.append(best)
    return chosen


def _with_sides(
    rater: int, comparison: Comparison, lefts: Counter[tuple[str, str]], random: Random
) -> Slot:
    one, two = comparison.methods
    ahead = lefts[one, two] - lefts[two, one]
    if ahead > 0 or (ahead == 0 and random.random() < 0.5):
        one, two = two, one
    lefts[one, two] += 1
    return Slot(rater=rater, number=0, job=comparison.job, left=one, right=two)


def _extras(settings: Settings) -> tuple[int, int]:
    golds = settings.each // settings.gold_every if settings.gold_every else 0
    repeats = settings.each // settings.repeat_every if settings.repeat_every else 0
    return golds, repeats


def _with_extras(
    firsts: list[Slot],
    videos: Mapping[str, Sequence[str]],
    golds: int,
    repeats: int,
    random: Random,
) -> list[Slot]:
    """The list with gold comparisons, one in each stretch, and repeats in its later part."""
    rater, slots = firsts[0].rater, list(firsts)
    for first in random.sample(firsts[: max(repeats, len(firsts) - APART)], repeats):
        turned = first.model_copy(
            update={"left": first.right, "right": first.left, "kind": "repeat"}
        )
        earliest = min(slots.index(first) + 1 + APART, len(slots))
        slots.insert(random.randint(earliest, len(slots)), turned)
    stretch = len(slots) / golds if golds else 0.0
    for at in range(golds):
        kind: Kind = "same" if (at + rater) % 2 else "damaged"
        place = int((golds - 1 - at + random.random()) * stretch)  # from behind: places stay
        slots.insert(place, _gold(rater, kind, videos, random))
    return [slot.model_copy(update={"number": number}) for number, slot in enumerate(slots)]


def _gold(rater: int, kind: Kind, videos: Mapping[str, Sequence[str]], random: Random) -> Slot:
    method = random.choice(sorted(videos))
    job = random.choice(sorted(videos[method]))
    damaged: Side | None = random.choice(("left", "right")) if kind == "damaged" else None
    return Slot(
        rater=rater, number=0, job=job, left=method, right=method, kind=kind, damaged=damaged
    )
