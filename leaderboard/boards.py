"""Which submissions share a board: one suite version, one protocol, the same reference images."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from customstudio.evaluation.records import KeyInfo
from customstudio.metrics import catalog
from customstudio.records import Record, digest
from customstudio.submissions.entries import Listed
from customstudio.submissions.schema import SuiteRef
from customstudio.suites.load import EMBEDDED, SUITES, load_declaration

Part = Literal["verified", "self-reported", "unofficial"]
PARTS: tuple[Part, ...] = ("verified", "self-reported", "unofficial")
PART_TITLES: dict[Part, str] = {
    "verified": "Verified",
    "self-reported": "Self-reported",
    "unofficial": "Unofficial",
}
PART_WORDS: dict[Part, str] = {
    "verified": "A maintainer scored drawn or all videos again, or made the videos from code and "
    "weights; the tier says which.",
    "self-reported": "Passed the gate: complete, and every mean recomputed from its rows. Whether "
    "the rows belong to the videos, nobody has looked at yet.",
    "unofficial": "Not comparable with official scores; each method's page says why.",
}


class Board(Record):
    """Where scores compare."""

    id: str
    """In addresses: suite, version, prompt set, protocol."""
    suite: SuiteRef
    label: str
    """What the suite says of itself, for example `reconstruction r1`."""
    protocol: str
    references_digest: str
    apart: str = ""
    """What tells it from another board of this suite version and protocol; usually nothing."""

    @property
    def embedded(self) -> bool:
        """Rendered by CustomStudio itself: the embedded world."""
        return self.suite.name in EMBEDDED

    @property
    def title(self) -> str:
        """`mini v1 · mini-v1`, and what tells it apart: no two boards have the same."""
        suite = f"{self.suite.name} {self.suite.version}"
        return " · ".join(filter(None, (suite, self.protocol, self.apart)))


@dataclass(frozen=True)
class Standing:
    """A board and what stands on it."""

    board: Board
    current: tuple[Listed, ...]
    """Published, neither superseded nor withdrawn."""
    past: tuple[Listed, ...]
    """Superseded and withdrawn ones: they stay to be seen, and are not ranked."""

    def part(self, part: Part) -> tuple[Listed, ...]:
        """The current submissions of one section."""
        return tuple(one for one in self.current if part_of(one) == part)


def part_of(one: Listed) -> Part:
    """The section that a submission is shown in."""
    if one.entry.section == "unofficial":
        return "unofficial"
    return "self-reported" if one.state.tier == "self-reported" else "verified"


def labels(listed: Sequence[Listed]) -> dict[str, str]:
    """Id -> name, with the beginning of the id where several share it or it is past."""
    names = Counter(one.entry.card.name for one in listed)
    return {one.entry.id: _label(one, names[one.entry.card.name] > 1) for one in listed}


def _label(listed: Listed, shared: bool) -> str:
    state, entry = listed.state, listed.entry
    past = " (withdrawn)" if state.withdrawn else " (superseded)" if state.superseded_by else ""
    return f"{entry.card.name} · {entry.id[:8]}{past}" if shared or past else entry.card.name


def boards(listed: Iterable[Listed]) -> dict[str, Standing]:
    """All boards that have submissions, by id, in the order in which they came to be."""
    found: dict[tuple[str, str, str], list[Listed]] = {}
    for one in listed:
        if one.state.published or one.state.withdrawn:
            entry = one.entry
            key = (entry.suite.digest, entry.protocol, entry.references_digest)
            found.setdefault(key, []).append(one)
    standings: dict[str, Standing] = {}
    for mine in found.values():
        board = _board(mine[0], set(standings))
        gone = [bool(one.state.withdrawn or one.state.superseded_by) for one in mine]
        current = tuple(one for one, past in zip(mine, gone, strict=True) if not past)
        past = tuple(one for one, past in zip(mine, gone, strict=True) if past)
        standings[board.id] = Standing(board, current, past)
    return standings


def _board(first: Listed, taken: set[str]) -> Board:
    entry = first.entry
    suite = entry.suite
    name = f"{suite.name}-{suite.version}-{suite.prompt_set}.{entry.protocol}"
    declared = load_declaration(suite.name) if suite.name in SUITES else None
    label, usual = (declared.label, declared.prompt_set) if declared else ("", "")
    apart = [] if suite.prompt_set == usual else [f"prompts {suite.prompt_set}"]
    if name in taken:  # other reference images, or other tables under the same version
        mark = digest([suite.digest, entry.references_digest])[:20]  # nobody makes another's
        name += f".{mark}"
        apart.append(f"other images or tables, {mark}")
    return Board(
        id=name,
        suite=suite,
        label=label,
        protocol=entry.protocol,
        references_digest=entry.references_digest,
        apart=", ".join(apart),
    )


def columns(protocol: str) -> tuple[KeyInfo, ...]:
    """All keys of a protocol, in its own order: what it reports first, then the variants."""
    from customstudio.evaluation.reduce import key_infos

    known = catalog.PROTOCOLS.get(protocol)
    if known is None:
        return ()
    infos = key_infos(known, known.metrics)
    return tuple(sorted(infos, key=lambda info: not info.headline))


def headline(infos: Sequence[KeyInfo]) -> tuple[KeyInfo, ...]:
    """The protocol's own columns."""
    return tuple(info for info in infos if info.headline)
