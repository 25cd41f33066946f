"""A store with submissions to a small suite: made-up rows, the real gate, real signatures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from customstudio.leaderboard.site.build import build as build_site
from customstudio.submissions import events
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store
from tests.submissions import factory

OWNER, OTHER, MAINTAINER = (Key(bytes([n]) * 32) for n in (1, 2, 3))
CARDS = (
    ("Alpha", {"tuning": "per pair", "year": 2023, "open_weights": True}),
    ("Beta", {"tuning": "none", "base_model": "videocrafter2", "year": 2024}),
    ("Gamma", {"tuning": "per subject", "open_weights": False, "year": 2025}),
    ("Delta", {"tuning": "none", "base_model": "animatediff-sd1.5", "year": 2026}),
)


@dataclass(frozen=True)
class Filled:
    """A store and the ids of what is in it, by the methods' names."""

    store: Store
    ids: dict[str, str]
    rules: Rules


@pytest.fixture(scope="session")
def rules() -> Rules:
    """Rules that know the small suite."""
    return factory.rules()


@pytest.fixture(scope="session")
def gate(rules: Rules) -> Iterator[Callable[[Contents], Checked]]:
    """The gate under the test's rules."""
    with Decoder() as decoder:
        yield lambda contents: check(contents, rules=rules, decoder=decoder)


@pytest.fixture(scope="session")
def filled(
    tmp_path_factory: pytest.TempPathFactory, gate: Callable[[Contents], Checked], rules: Rules
) -> Filled:
    """Alpha is verified, Gamma was replaced by a second version, Delta is withdrawn."""
    folder = tmp_path_factory.mktemp("board")
    root = folder / "store"
    root.mkdir()
    (root / "maintainers.txt").write_text(f"{MAINTAINER.public} A. Maintainer\n")
    store = Store(root, gate=gate)
    ids = {}
    for seed, (name, changes) in enumerate(CARDS):
        ids[name] = publish(store, folder, name, seed, **changes)
    ids["Gamma 2"] = publish(store, folder, "Gamma", 9, supersedes=ids["Gamma"], tuning="none")
    alpha = store.entry(ids["Alpha"]).entry
    store.append(
        events.signed(MAINTAINER, "recomputed", alpha.id, alpha.protocol, about="All videos agree.")
    )
    store.withdraw(ids["Delta"], OWNER, "Wrong seeds.")
    return Filled(store, ids, rules)


@pytest.fixture(scope="session")
def site(filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static pages of that store."""
    out = tmp_path_factory.mktemp("site")
    build_site(filled.store, out, address="https://board.example.org/", rules=filled.rules)
    return out


def publish(
    store: Store,
    folder: Path,
    name: str,
    seed: int,
    *,
    supersedes: str | None = None,
    owner: Key = OWNER,
    **changes: object,
) -> str:
    """Write a run whose scores come from `seed`, and publish it."""
    run = factory.write_run(folder / f"{name}-{seed}", seed=seed)
    card = factory.card(name=name, **changes)
    contents = build(run, card, owner=owner.public, supersedes=supersedes)
    return store.publish(contents, owner).entry.id
