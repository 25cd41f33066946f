"""Which videos the report shows: the best, the median and the worst under a few headline keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from customstudio.evaluation.records import KeyInfo
from customstudio.report.load import Bundle

FIRST = ("clip_t", "clip_i", "dino_i", "face_similarity", "temporal_consistency", "dynamic_degree")
"""Metrics in the order in which their videos are worth looking at."""
KEYS = 3
MOST_CARDS = 48
"""Each card embeds some pictures; so many keep a page of eight methods under some megabytes."""


@dataclass(frozen=True)
class Choice:
    """One video, and the place it has among its method's videos under one key."""

    key: KeyInfo
    method: str
    job: str
    value: float
    place: str
    """`best`, `median`, `worst`; `highest` and `lowest` where no direction is better."""


def choose_keys(bundle: Bundle) -> tuple[KeyInfo, ...]:
    """The few headline keys under which videos differ at all."""
    methods = [method.method for method in bundle.summary.methods]

    def differ(key: KeyInfo) -> bool:
        values = [bundle.values.get((method, key.key)) for method in methods]
        return any(v is not None and v.nunique() > 1 for v in values)

    usable = [key for key in bundle.headline if differ(key)]
    order = {metric: place for place, metric in enumerate(FIRST)}
    return tuple(sorted(usable, key=lambda key: order.get(key.metric, len(order)))[:KEYS])


def choose_videos(bundle: Bundle) -> tuple[Choice, ...]:
    """Best, median and worst videos of each method under each chosen key."""
    keys, methods = choose_keys(bundle), bundle.summary.methods
    each = MOST_CARDS // max(1, len(keys) * len(methods))
    ends = 2 if each >= 5 else 1
    return tuple(
        choice
        for key in keys
        for method in methods
        for choice in _of_method(bundle, key, method.method, ends, median=each >= 3)
    )


def _of_method(
    bundle: Bundle, key: KeyInfo, method: str, ends: int, *, median: bool
) -> Sequence[Choice]:
    values = bundle.values.get((method, key.key))
    if values is None:
        return ()
    ranked = _ranked(values, rising=key.better == "lower")
    places = _places(len(ranked), ends, key.better != "neither", median=median)
    return [
        Choice(key, method, job, value, places[i])
        for i, (job, value) in enumerate(ranked)
        if i in places
    ]


def _places(total: int, ends: int, ordered: bool, *, median: bool) -> dict[int, str]:
    """Rank -> what to call it; no video is shown twice.

    >>> _places(7, 2, True, median=True)
    {0: 'best', 1: 'best', 3: 'median', 5: 'worst', 6: 'worst'}
    """
    if total == 1:
        return {0: "only video"}
    top, bottom = ("best", "worst") if ordered else ("highest", "lowest")
    ends = min(ends, total // 2)
    middle = [total // 2] if median and total > 2 * ends else []
    return (
        dict.fromkeys(range(ends), top)
        | dict.fromkeys(middle, "median")
        | dict.fromkeys(range(total - ends, total), bottom)
    )


def _ranked(values: pd.Series, *, rising: bool) -> list[tuple[str, float]]:
    pairs = [(str(job), float(value)) for job, value in values.items()]
    return sorted(pairs, key=lambda p: (p[1] if rising else -p[1], p[0]))
