"""Thousands of damaged and dishonest submissions: no crash, no hang, no accepted lie.

A few hundred cases here; `make fuzz` runs `CUSTOMSTUDIO_FUZZ` cases (10,000), other ones each time.
"""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customstudio.errors import UserError
from customstudio.metrics import catalog
from customstudio.submissions.archive import pack, unpack
from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.documents import read_json, read_toml
from customstudio.submissions.events import Event
from customstudio.submissions.gate import check
from customstudio.submissions.keys import Key
from customstudio.submissions.schema import MethodCard
from customstudio.submissions.store import Store
from tests.report.bundle_factory import METRICS
from tests.submissions import attacks, factory

CASES = int(os.environ.get("CUSTOMSTUDIO_FUZZ", "0"))
LIMIT_SECONDS, LIMIT_BYTES = 10.0, 2**30


def _peak(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * 1024


def cases(share: float, few: int) -> settings:
    """Settings of one test: its share of the fuzzer's cases, or a few that never change."""
    return settings(
        max_examples=int(CASES * share) or few,
        derandomize=not CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Target:
    """A store that is attacked, and the good submission that attacks start from."""

    def __init__(self, root: Path, decoder: Decoder) -> None:
        self.suite = factory.small_suite(pairs=5, prompts=1, seeds=1)
        self.key, self.decoder = Key(b"k" * 32), decoder
        run = factory.write_run(root / "run", self.suite)
        self.good = build(run, factory.card(), owner=self.key.public)
        rules = factory.rules(self.suite)
        self.store = Store(
            root / "store", gate=lambda contents: check(contents, rules=rules, decoder=decoder)
        )
        self.bounds = {}
        for metric in METRICS:
            spec = catalog.spec(metric)
            for key in spec.keys:
                variant = [v.bounds for v in spec.variants if key == f"{metric}.{v.name}"]
                low, high = (variant[0] if variant else None) or spec.bounds
                self.bounds[key] = (
                    float("-inf") if low is None else low,
                    float("inf") if high is None else high,
                )
        self.slowest, self.tried, self.accepted = 0.0, 0, 0

    def take(self, contents: Contents) -> None:
        """Publish; what is refused leaves nothing, what is taken is true."""
        before = set(os.listdir(self.store.bundles))
        start = time.process_time()
        try:
            new = self.store.publish(contents, self.key).new
        except UserError as error:
            str(error).encode("ascii")
            new = False
        self.slowest = max(self.slowest, time.process_time() - start)
        self.tried += 1
        after = set(os.listdir(self.store.bundles))
        assert not os.listdir(self.store.staging)
        assert after - before == ({contents.id} if new else set())
        if new:
            self.accepted += 1
            assert attacks.lies(contents, self.suite, self.bounds) == []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The store under attack; at the end, nobody has used too much of anything."""
    before = _peak(resource.RUSAGE_SELF)
    with Decoder() as decoder:
        target = Target(tmp_path_factory.mktemp("fuzz"), decoder)
        yield target
    assert Store(target.store.root, gate=target.store.gate).alarms == []
    assert target.slowest < LIMIT_SECONDS
    # Other tests of this process may have used more before; the worker cannot.
    assert _peak(resource.RUSAGE_SELF) - before < LIMIT_BYTES
    print(
        f"\n{target.tried:,} submissions, {target.accepted:,} accepted, "
        f"slowest {target.slowest:.2f} s of computing here, "
        f"{_peak(resource.RUSAGE_SELF) / 2**20:.0f} MB here, "
        f"{_peak(resource.RUSAGE_CHILDREN) / 2**20:.0f} MB in a worker"
    )


def test_good_is_taken(target: Target) -> None:
    assert target.store.publish(target.good, target.key).new
    assert attacks.lies(target.good, target.suite, target.bounds) == []


@cases(0.8, 240)
@given(data=st.data())
def test_attacked_submissions(target: Target, data: st.DataObject) -> None:
    target.take(attacks.attacked(data.draw, target.good, target.decoder))


@cases(0.1, 60)
@given(data=st.data())
def test_damaged_archives(target: Target, data: st.DataObject) -> None:
    zipped = attacks.damaged(data.draw, pack(target.good))
    for _ in range(data.draw(st.integers(0, 2))):
        zipped = attacks.damaged(data.draw, zipped)
    try:
        contents = unpack(zipped)
    except UserError as error:
        str(error).encode("ascii")
    else:
        target.take(contents)


@cases(0.05, 60)
@given(data=st.data())
def test_damaged_cards(data: st.DataObject) -> None:
    text = attacks.damaged(data.draw, factory.CARD.encode())
    card, findings = read_toml(text, MethodCard, "card.toml")
    assert (card is None) == bool(findings)


@cases(0.05, 60)
@given(data=st.data())
def test_damaged_events(target: Target, data: st.DataObject) -> None:
    from customstudio.submissions.events import signed

    true = signed(target.key, "withdrawn", target.good.id, "customstudio-v1", about="A mistake.")
    text = attacks.damaged(data.draw, true.model_dump_json().encode())
    event, findings = read_json(text, Event, "event")
    assert (event is None) == bool(findings)
    if event is not None and event != true:
        with pytest.raises(UserError):
            target.store.append(event)
