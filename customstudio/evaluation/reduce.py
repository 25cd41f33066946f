"""The one reducer: rows -> video -> pair -> suite, in that order; intervals resample pairs."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from customstudio.evaluation.records import (
    Anchor,
    Coverage,
    Estimate,
    Group,
    KeyInfo,
    MethodSummary,
    Summary,
)
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.metrics.spec import NOT_APPLICABLE, Array

RESAMPLES = 10_000
SEED = 20240117
"""Any fixed number would do: the intervals must be the same for everybody."""
LEAST_PAIRS = 5
By = Literal["category", "type", "pair size", "prompt"]


def summarise(
    scores: pd.DataFrame,
    videos: pd.DataFrame,
    *,
    scores_sha256: str,
    protocol: Protocol,
    metrics: Sequence[str],
    anchors: Sequence[Anchor] = (),
    groups: bool = True,
) -> Summary:
    """Everything in `summary.json`, from the two tables alone; the order of rows is no matter.

    Without `groups` the methods have none: most of the time goes into them.
    """
    keys = key_infos(protocol, metrics)
    jobs = ["method", "job"]
    facts = videos[[*jobs, "pair", "prompt_id", "subjects", "categories", "type"]]
    rows = scores.merge(facts, on=jobs, validate="many_to_one").sort_values(
        [*jobs, "metric", "subject"], na_position="first", ignore_index=True
    )
    methods = []
    for method, mine in rows.groupby("method", sort=True):
        # Under one roof: a method's videos, all keys side by side.
        methods.append(
            MethodSummary(
                method=str(method),
                overall=_estimates(mine[mine["subject"].isna()], keys),
                coverage={key.key: _coverage(mine, key.key) for key in keys},
                groups=tuple(_groups(mine, keys)) if groups else (),
            )
        )
    return Summary(
        scores_sha256=scores_sha256,
        bootstrap_resamples=RESAMPLES,
        bootstrap_seed=SEED,
        keys=tuple(keys),
        methods=tuple(methods),
        anchors=tuple(anchors),
    )


def key_infos(protocol: Protocol, metrics: Sequence[str]) -> list[KeyInfo]:
    """The columns of a run: the protocol's own keys first among each metric's variants."""
    infos = []
    for metric in metrics:
        spec = catalog.spec(metric)
        for key in spec.keys:
            variant = next((v for v in spec.variants if key == f"{metric}.{v.name}"), None)
            infos.append(
                KeyInfo(
                    key=key,
                    metric=metric,
                    version=spec.version,
                    title=spec.title + (f" ({variant.name})" if variant else ""),
                    unit=spec.unit,
                    better=spec.better,
                    headline=key == protocol.key(metric),
                    about=variant.about if variant else spec.differs,
                )
            )
    return infos


def pair_means(rows: pd.DataFrame) -> pd.Series:
    """Mean over the videos of each pair, of rows that hold one value a video (or more).

    Several values of one video (its subjects of one category) are averaged first.
    """
    scored = rows[rows["value"].notna()]
    per_video = scored["value"].astype("float64").groupby([scored["pair"], scored["job"]]).mean()
    return per_video.groupby(level=0).mean()


def interval(values: Float[Array, "pairs"]) -> tuple[float, float] | None:
    """95% percentile bootstrap of a mean over pairs; None under five pairs.

    Pairs are resampled, not videos: the videos of one pair share subjects and training, and
    intervals over videos would be far too narrow.
    """
    if len(values) < LEAST_PAIRS:
        return None
    means = resampling(len(values)) @ np.asarray(values, np.float64)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=256)
def resampling(count: int) -> Float[Array, "resamples count"]:
    """Weights of `RESAMPLES` bootstrap means over `count` values, from a fixed seed."""
    draws = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
    weights = np.zeros((RESAMPLES, count))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], draws), 1.0 / count)
    return weights


def estimate(rows: pd.DataFrame) -> Estimate:
    """Mean over pairs with its interval, or the commonest reason for having none."""
    means = pair_means(rows)
    videos = int(rows.loc[rows["value"].notna(), "job"].nunique())
    if means.empty:
        reasons = rows["reason"].dropna()
        reason = str(reasons.mode().iloc[0]) if len(reasons) else "no videos"
        return Estimate(mean=None, pairs=0, videos=0, reason=reason)
    low, high = interval(means.to_numpy()) or (None, None)
    return Estimate(mean=float(means.mean()), low=low, high=high, pairs=len(means), videos=videos)


def _estimates(rows: pd.DataFrame, keys: Sequence[KeyInfo]) -> dict[str, Estimate]:
    by_key = dict(tuple(rows.groupby("metric", sort=False)))
    return {key.key: estimate(by_key.get(key.key, rows.iloc[:0])) for key in keys}


def _coverage(rows: pd.DataFrame, key: str) -> Coverage:
    mine = rows[(rows["metric"] == key) & rows["subject"].isna()]
    not_applicable = mine["reason"].str.startswith(NOT_APPLICABLE, na=False)
    scored = mine["value"].notna()
    return Coverage(
        jobs=len(mine),
        scored=int(scored.sum()),
        not_applicable=int(not_applicable.sum()),
        failed=int((~scored & ~not_applicable).sum()),
    )


def _groups(rows: pd.DataFrame, keys: Sequence[KeyInfo]) -> list[Group]:
    whole = rows[rows["subject"].isna()]
    sizes = whole["subjects"].map(len).astype(str)
    groups = _by_category(rows, keys)
    partitions: tuple[tuple[By, pd.Series], ...] = (
        ("type", whole["type"]),
        ("pair size", sizes),
        ("prompt", whole["prompt_id"]),
    )
    for by, values in partitions:
        for name, part in whole.groupby(values, sort=True):
            groups.append(Group(by=by, name=str(name), estimates=_estimates(part, keys)))
    return groups


def _by_category(rows: pd.DataFrame, keys: Sequence[KeyInfo]) -> list[Group]:
    per_subject = {k.key for k in keys if _has_subjects(rows, k.key)}
    own = [
        dict(zip(subjects, categories, strict=True)).get(subject)
        for subjects, categories, subject in zip(
            rows["subjects"], rows["categories"], rows["subject"], strict=True
        )
    ]
    of_subject = pd.Series(own, index=rows.index, dtype="object")
    names = sorted({c for categories in rows["categories"] for c in categories if c is not None})
    groups = []
    for name in names:
        with_category = np.array([name in list(c) for c in rows["categories"]])
        whole = rows["subject"].isna() & with_category
        chosen = whole & ~rows["metric"].isin(per_subject) | (of_subject == name)
        groups.append(Group(by="category", name=name, estimates=_estimates(rows[chosen], keys)))
    return groups


def _has_subjects(rows: pd.DataFrame, key: str) -> bool:
    return bool((rows["metric"].eq(key) & rows["subject"].notna()).any())
