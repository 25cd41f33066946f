"""Compare runs: paired differences over pairs, with intervals and corrected p-values."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from customstudio.errors import UserError, did_you_mean
from customstudio.evaluation.bundle import Run, load_run
from customstudio.evaluation.reduce import SEED, interval, pair_means
from customstudio.metrics import catalog
from customstudio.metrics.spec import Array
from customstudio.records import Record

EXACT_PAIRS = 14
"""Up to so many pairs, all sign patterns are tried; beyond, `PERMUTATIONS` random ones."""
PERMUTATIONS = 20_000


class Difference(Record):
    """Second minus first, under one key, over the jobs that both scored."""

    first: str
    second: str
    key: str
    difference: float | None
    low: float | None
    high: float | None
    """95% bootstrap over pairs; None under five pairs."""
    p: float | None
    """Two-sided paired sign-flip permutation test over pairs."""
    p_corrected: float | None
    """Holm's correction over all comparisons of the call."""
    pairs: int
    videos: int


def compare(paths: Sequence[str | Path], keys: Sequence[str] | None = None) -> list[Difference]:
    """Paired differences between every two methods of the given runs.

    Args:
        paths: run bundles of the same suite and protocol.
        keys: keys to compare; None: the protocol's headline keys that all runs have.

    Raises:
        UserError: fewer than two methods; other suites, protocols, metric versions or weights.
    """
    runs = [load_run(path) for path in paths]
    require_comparable(runs)
    entries = [(_label(run, m, runs), run, m) for run in runs for m in run.info.methods]
    if len(entries) < 2:
        raise UserError(
            "nothing to compare: one method in all",
            where=", ".join(str(run.path) for run in runs),
            fix="give two runs, or a run of a manifest with several methods",
        )
    protocol = catalog.protocol(runs[0].info.protocol)
    common = [m for m in runs[0].info.metrics if all(m in run.info.metrics for run in runs)]
    known = [key for metric in common for key in catalog.spec(metric).keys]
    for key in keys or ():
        if key not in known:
            raise UserError(
                f"not all runs have {key!r}", where="--keys", fix=did_you_mean(key, known)
            )
    chosen = keys or [protocol.key(metric) for metric in common]
    found = [
        difference((a[0], _values(a[1], a[2], key)), (b[0], _values(b[1], b[2], key)), key)
        for a, b in combinations(entries, 2)
        for key in chosen
    ]
    corrected = holm([d.p for d in found])
    return [d.model_copy(update={"p_corrected": p}) for d, p in zip(found, corrected, strict=True)]


def difference(
    first: tuple[str, pd.DataFrame], second: tuple[str, pd.DataFrame], key: str
) -> Difference:
    """Second minus first under one key; `p` is not corrected yet.

    Args:
        first: a label, and rows with columns job, pair and value; null: not scored.
        second: the same of the other method.
        key: what the values are.
    """
    (name_a, a), (name_b, b) = first, second
    both = a[a["value"].notna()].merge(
        b[b["value"].notna()][["job", "value"]], on="job", suffixes=("", "_second")
    )
    both["value"] = both["value_second"].astype("float64") - both["value"].astype("float64")
    return of_pairs(name_a, name_b, key, pair_means(both).to_numpy(), len(both))


def of_pairs(
    first: str, second: str, key: str, means: Float[Array, "pairs"], videos: int
) -> Difference:
    """The same from each pair's mean difference, second minus first, over so many videos."""
    low, high = interval(means) or (None, None)
    return Difference(
        first=first,
        second=second,
        key=key,
        difference=float(means.mean()) if len(means) else None,
        low=low,
        high=high,
        p=sign_flip_p(means) if len(means) else None,
        p_corrected=None,
        pairs=len(means),
        videos=videos,
    )


def sign_flip_p(differences: Float[Array, "pairs"]) -> float:
    """Two-sided p of a mean of paired differences under random signs.

    >>> sign_flip_p(np.array([1.0, 1.0, 1.0, 1.0, 1.0]))
    0.0625
    """
    signs = _signs(len(differences))
    # The observed pattern counts as one of the draws; among all patterns it is one already.
    extra = 0 if len(differences) <= EXACT_PAIRS else 1
    means = np.abs(signs @ differences)
    observed = abs(float(np.sum(differences)))
    reached = int((means >= observed - 1e-12 * max(1.0, observed)).sum())
    return (reached + extra) / (len(signs) + extra)


@lru_cache(maxsize=8)
def _signs(count: int) -> Float[Array, "patterns count"]:
    """All sign patterns, or many random ones: the same for every comparison of so many pairs."""
    if count <= EXACT_PAIRS:
        return np.array(list(product((1.0, -1.0), repeat=count)))
    return np.random.default_rng(SEED).choice([1.0, -1.0], size=(PERMUTATIONS, count))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction; None stays None and does not count.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(order):
        running = max(running, min(1.0, p * (len(order) - rank)))
        corrected[index] = running
    return corrected


def require_comparable(runs: Sequence[Run]) -> None:
    """Check that runs were scored in the same way, of the same jobs and references.

    Raises:
        UserError: what differs.
    """
    first = runs[0].info
    for run in runs[1:]:
        info = run.info
        for what, mine, other in (
            ("suites", first.suite.digest, info.suite.digest),
            ("protocols", first.protocol, info.protocol),
            ("precisions", first.settings.precision, info.settings.precision),
            ("weights", *_shared(_weights(runs[0]), _weights(run))),
            ("reference images", *_shared(_images(runs[0]), _images(run))),
            ("metric versions", *_shared(first.metrics, info.metrics)),
        ):
            if mine != other:
                raise UserError(
                    f"runs of different {what} do not compare",
                    where=f"{runs[0].path} and {run.path}",
                    fix="evaluate both in the same way",
                )


def _weights(run: Run) -> dict[str, dict[str, str]]:
    return {network.role: network.sha256 for network in run.info.networks}


def _images(run: Run) -> dict[str, list[str]]:
    return {name: sorted(hashes.values()) for name, hashes in run.info.references.items()}


def _shared(a: Mapping[str, object], b: Mapping[str, object]) -> tuple[object, object]:
    """Both, cut down to what both have: a run may hold fewer metrics than the other."""
    shared = a.keys() & b.keys()
    return {name: a[name] for name in shared}, {name: b[name] for name in shared}


def _label(run: Run, method: str, runs: Sequence[Run]) -> str:
    everywhere = [m for r in runs for m in r.info.methods]
    return method if everywhere.count(method) == 1 else f"{method} ({run.path})"


def _values(run: Run, method: str, key: str) -> pd.DataFrame:
    scores, videos = run.scores, run.videos
    mine = scores[
        (scores["method"] == method) & (scores["metric"] == key) & scores["subject"].isna()
    ]
    return mine.merge(videos[["method", "job", "pair"]], on=["method", "job"])
