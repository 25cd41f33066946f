"""Two to five submissions held against each other: paired, corrected; and who leads where."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from customstudio.errors import UserError
from customstudio.evaluation.compare import Difference, holm, of_pairs
from customstudio.evaluation.records import KeyInfo, MethodSummary
from customstudio.records import Record
from customstudio.submissions.entries import Entry

FEWEST, MOST = 2, 5


class Compared(Record):
    """All differences of one choice of methods and keys; p-values are corrected over all."""

    ids: tuple[str, ...]
    keys: tuple[str, ...]
    differences: tuple[Difference, ...]

    def of(self, first: str, second: str, key: str) -> Difference:
        """The difference of two methods, `second` minus `first`, whichever way it was computed."""
        for one in self.differences:
            if one.key == key and (one.first, one.second) == (first, second):
                return one
            if one.key == key and (one.second, one.first) == (first, second):
                return _turned(one)
        raise KeyError((first, second, key))


def check_choice(entries: Sequence[Entry], most: int = MOST) -> None:
    """Whether these can be compared.

    Raises:
        UserError: fewer than two or more than `most`, or of different boards.
    """
    if not FEWEST <= len(entries) <= most:
        raise UserError(
            f"{len(entries)} methods cannot be compared",
            where="the choice of methods",
            fix=f"choose {FEWEST} to {most}",
        )
    boards = {(e.suite.digest, e.protocol, e.references_digest) for e in entries}
    if len(boards) > 1:
        raise UserError(
            "submissions of different boards do not compare",
            where="the choice of methods",
            fix="choose methods of one suite version, one protocol and the same reference images",
        )


def compare_entries(
    entries: Sequence[Entry],
    keys: Sequence[str],
    scores: Callable[[str], pd.DataFrame],
    *,
    most: int = MOST,
) -> Compared:
    """Paired differences between every two submissions, under every key.

    Args:
        entries: two to `most` of one board.
        keys: what to compare them under.
        scores: a submission's rows by its id.
        most: how many can be compared at once.

    Raises:
        UserError: too few, too many, or of different boards.
    """
    check_choice(entries, most)
    values = {entry.id: video_values(scores(entry.id), keys) for entry in entries}
    found = [
        one for a, b in combinations(entries, 2) for one in _differences(values, a.id, b.id, keys)
    ]
    corrected = holm([one.p for one in found])
    return Compared(
        ids=tuple(entry.id for entry in entries),
        keys=tuple(keys),
        differences=tuple(
            one.model_copy(update={"p_corrected": p})
            for one, p in zip(found, corrected, strict=True)
        ),
    )


def video_values(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The videos' own values: a row a job, a column a key, NaN where there is none."""
    own = rows[rows["subject"].isna() & rows["metric"].isin(list(keys))]
    table = own.pivot(index="job", columns="metric", values="value")
    return table.reindex(columns=list(keys)).astype("float64")


def _differences(
    values: Mapping[str, pd.DataFrame], first: str, second: str, keys: Sequence[str]
) -> Iterator[Difference]:
    """What `evaluation.compare.difference` gives for each key; all keys are grouped at once."""
    gaps = values[second] - values[first]
    means = gaps.groupby([str(job).partition("/")[0] for job in gaps.index]).mean()
    for key in keys:
        yield of_pairs(first, second, key, means[key].dropna().to_numpy(), int(gaps[key].count()))


def _turned(one: Difference) -> Difference:
    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    update = {
        "first": one.second,
        "second": one.first,
        "difference": minus(one.difference),
        "low": minus(one.high),
        "high": minus(one.low),
    }
    return one.model_copy(update=update)


class Win(Record):
    """A group of jobs in which one of the compared methods leads."""

    by: str
    name: str
    key: str
    winner: str
    """Id of the submission; empty where the best have the same mean."""
    ahead: float
    """Its mean minus the second's, in the key's better direction."""
    clear: bool
    """Its interval lies clear of the others'; False too where there is no interval."""


def wins(results: Mapping[str, MethodSummary], key: KeyInfo, by: str) -> list[Win]:
    """In which groups each method leads under a key; groups without two values are left out."""
    sign = -1.0 if key.better == "lower" else 1.0
    groups: dict[str, dict[str, tuple[float, float | None, float | None]]] = {}
    for submission, summary in results.items():
        for group in summary.groups:
            estimate = group.estimates.get(key.key)
            if group.by == by and estimate is not None and estimate.mean is not None:
                ends = sorted(sign * v for v in (estimate.low, estimate.high) if v is not None)
                low, high = ends if len(ends) == 2 else (None, None)
                groups.setdefault(group.name, {})[submission] = (sign * estimate.mean, low, high)
    found = []
    for name, values in groups.items():
        ranked = sorted(values.items(), key=lambda item: (-item[1][0], item[0]))
        if len(ranked) < 2:
            continue
        (winner, (mean, low, _)), (_, (second, _, _)) = ranked[:2]
        highs = [value[2] for other, value in ranked[1:]]
        clear = low is not None and all(high is not None and low > high for high in highs)
        winner = winner if mean > second else ""
        found.append(
            Win(by=by, name=name, key=key.key, winner=winner, ahead=mean - second, clear=clear)
        )
    return found
