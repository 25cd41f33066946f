"""What every plan keeps to, whatever videos and settings it is drawn from."""

from collections import Counter, defaultdict
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from customstudio.errors import UserError
from customstudio.leaderboard.votes.drawing import draw_comparisons
from customstudio.leaderboard.votes.plan import APART, Settings, Slot, make_plan

PAIRS = ("cat+dog", "man+woman", "car+barn", "cat+dog+duck", "man+cat+vase")


def full(methods: int, prompts: int = 4, seeds: int = 2) -> dict[str, list[str]]:
    jobs = [f"{p}/t{t}/{s}" for p in PAIRS for t in range(prompts) for s in range(seeds)]
    return {f"m{i}": list(jobs) for i in range(methods)}


def by_rater(plan: tuple[Slot, ...]) -> dict[int, list[Slot]]:
    lists: dict[int, list[Slot]] = defaultdict(list)
    for slot in plan:
        lists[slot.rater].append(slot)
    return lists


def methods_of(slot: Slot) -> tuple[str, ...]:
    return tuple(sorted((slot.left, slot.right)))


def spread(counts: Counter[object], names: list[object]) -> int:
    found = [counts[name] for name in names]
    return max(found) - min(found)


wishes = st.builds(
    Settings,
    raters=st.integers(1, 12),
    each=st.integers(4, 30),
    overlap=st.integers(1, 4),
    gold_every=st.sampled_from([0, 4, 10]),
    repeat_every=st.sampled_from([0, 4, 15]),
    seed=st.integers(0, 1_000),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), wishes)
def test_every_plan_is_balanced_and_blind(methods: int, wanted: Settings) -> None:
    videos = full(methods)
    plan = make_plan(videos, wanted)
    assert plan == make_plan({m: list(reversed(jobs)) for m, jobs in videos.items()}, wanted)
    pairs: list[object] = list(combinations(sorted(videos), 2))
    judged: Counter[object] = Counter()
    for rater, slots in by_rater(plan).items():
        assert [slot.number for slot in slots] == list(range(wanted.each))
        votes = [slot for slot in slots if slot.kind == "vote"]
        seen = [(slot.job, methods_of(slot)) for slot in votes]
        assert len(set(seen)) == len(seen), rater
        assert spread(Counter(map(methods_of, votes)), pairs) <= 1
        assert all(slot.left != slot.right and slot.job in videos[slot.left] for slot in votes)
        judged.update(seen)
        golds = sum(slot.gold for slot in slots)
        assert golds == (wanted.each // wanted.gold_every if wanted.gold_every else 0)
        _check_repeats(slots, wanted)
    assert max(judged.values()) - min(judged.values()) <= 2
    lefts = Counter((slot.left, slot.right) for slot in plan if slot.kind == "vote")
    for one, two in combinations(sorted(videos), 2):
        assert abs(lefts[one, two] - lefts[two, one]) <= 1


def _check_repeats(slots: list[Slot], wanted: Settings) -> None:
    repeats = [slot for slot in slots if slot.kind == "repeat"]
    assert len(repeats) == (wanted.each // wanted.repeat_every if wanted.repeat_every else 0)
    for again in repeats:
        [first] = [
            slot for slot in slots
            if slot.kind == "vote" and slot.job == again.job and slot.left == again.right
            and slot.right == again.left
        ]  # fmt: skip
        assert first.number < again.number
        if wanted.each > 4 * APART:
            assert again.number - first.number > APART


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(1, 200), st.integers(0, 99))
def test_comparisons_are_drawn_evenly(methods: int, wanted: int, seed: int) -> None:
    videos = full(methods)
    drawn = draw_comparisons(videos, wanted, seed)
    assert len(drawn) == len(set(drawn)) == min(wanted, 40 * methods * (methods - 1) // 2)
    pairs: list[object] = list(combinations(sorted(videos), 2))
    assert spread(Counter(c.methods for c in drawn), pairs) <= 1
    for methods_ in pairs:
        mine = [c for c in drawn if c.methods == methods_]
        sizes: Counter[object] = Counter(c.pair.count("+") for c in mine)
        if len(mine) <= 32:  # until the pairs of three run out: 2 pairs x 8 jobs of each size
            assert spread(sizes, [1, 2]) <= 1
        for size in (1, 2):
            group: list[object] = [p for p in PAIRS if p.count("+") == size]
            within: Counter[object] = Counter(c.pair for c in mine if c.pair in group)
            assert spread(within, group) <= 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_holes_in_the_videos(data: st.DataObject) -> None:
    """Methods that lack videos are compared where both have one, or the study says why not."""
    every = full(3)
    videos = {m: data.draw(st.lists(st.sampled_from(j), unique=True)) for m, j in every.items()}
    assume(all(videos.values()))
    wanted = Settings(raters=4, each=5, gold_every=0, repeat_every=0)
    shared = [set(videos[a]) & set(videos[b]) for a, b in combinations(videos, 2)]
    if not all(shared) or sum(map(len, shared)) < 5:
        with pytest.raises(UserError):
            make_plan(videos, wanted)
        return
    for slot in make_plan(videos, wanted):
        assert slot.job in videos[slot.left]
        assert slot.job in videos[slot.right]


def test_both_kinds_of_gold_and_both_sides() -> None:
    plan = make_plan(full(3), Settings(raters=20, each=20, gold_every=10))
    golds = [slot for slot in plan if slot.gold]
    assert Counter(slot.kind for slot in golds) == {"same": 20, "damaged": 20}
    assert all(slot.left == slot.right for slot in golds)
    assert {slot.damaged for slot in golds} == {None, "left", "right"}
    places = [slot.number for slot in golds]
    assert min(places) < 5
    assert max(places) > 15


@pytest.mark.parametrize("videos", [{}, {"a": ["p/t/0"]}, {"a": ["p/t/0"], "b": ["p/t/1"]}])
def test_too_little_to_compare(videos: dict[str, list[str]]) -> None:
    with pytest.raises(UserError):
        make_plan(videos, Settings(each=1, gold_every=0, repeat_every=0))
