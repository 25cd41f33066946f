"""What a recomputation came to: submitted and recomputed values, key by key."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from customstudio.records import Record
from customstudio.submissions import events as signing
from customstudio.submissions.draw import told
from customstudio.submissions.events import Event, Kind
from customstudio.submissions.keys import Key
from customstudio.submissions.tolerance import tolerance

if TYPE_CHECKING:
    import pandas as pd


class KeyCheck(Record):
    """One key: submitted and recomputed."""

    key: str
    values: int
    """Values and reasons that were compared."""
    beyond: int
    """Of these, how many differ by more than the tolerance."""
    allowed: int
    largest: float
    """Largest difference of two values."""
    mean: float
    """Difference of the two means."""
    agrees: bool


class Check(Record):
    """What a check came to."""

    submission: str
    protocol: str
    jobs: tuple[str, ...]
    """Those that were recomputed."""
    of: int
    seed: str
    """Of the draw, in hex; empty where all were recomputed."""
    keys: tuple[KeyCheck, ...]

    @property
    def agrees(self) -> bool:
        """Whether all keys agree."""
        return all(key.agrees for key in self.keys)

    @property
    def kind(self) -> Kind:
        """The event that follows from it."""
        if not self.agrees:
            return "disputed"
        return "recomputed" if len(self.jobs) == self.of else "sample-checked"

    def event(self, key: Key) -> Event:
        """The event, signed; a sample's draw can be checked from it."""
        bad = [check.key.replace("_", " ") for check in self.keys if not check.agrees]
        result = f"recomputed, which differ in {', '.join(bad)}" if bad else "recomputed, all agree"
        if self.seed:
            about = told(len(self.jobs), self.of, result[:200], self.seed)
        else:
            about = f"{self.of} of {self.of} videos {result[:200]}."
        return signing.signed(key, self.kind, self.submission, self.protocol, about=about)


def compare(
    submitted: "pd.DataFrame", recomputed: "pd.DataFrame", jobs: Iterable[str]
) -> tuple[KeyCheck, ...]:
    """Compare the rows of some jobs, key by key; a row that one side lacks differs."""
    wanted = set(jobs)
    index = ["job", "metric", "subject"]
    a, b = (
        frame[frame["job"].isin(wanted)].fillna({"subject": "", "reason": ""}).set_index(index)
        for frame in (submitted, recomputed)
    )
    joined = a.add_suffix("_a").join(b.add_suffix("_b"), how="outer").reset_index()
    return tuple(_key(str(name), rows) for name, rows in joined.groupby("metric", sort=True))


def _key(key: str, rows: "pd.DataFrame") -> KeyCheck:
    limits = tolerance(key)
    both = rows["value_a"].notna() & rows["value_b"].notna()
    a, b = rows["value_a"][both].astype(float), rows["value_b"][both].astype(float)
    apart = (a - b).abs()
    # A reason's words may differ between versions; whether there is a value may not.
    one_sided = int((rows["value_a"].notna() != rows["value_b"].notna()).sum())
    one_sided += int((rows["reason_a"].isna() | rows["reason_b"].isna()).sum())
    beyond = one_sided + int((apart > limits.each + limits.relative * a.abs()).sum())
    mean = float(abs(a.mean() - b.mean())) if len(a) else 0.0
    allowed = limits.allowed(len(rows))
    return KeyCheck(
        key=key,
        values=len(rows),
        beyond=beyond,
        allowed=allowed,
        largest=float(apart.max()) if len(apart) else 0.0,
        mean=mean,
        agrees=beyond <= allowed and mean <= limits.mean,
    )
