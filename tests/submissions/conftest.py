"""A good submission to a small suite, its rules, and one Parquet worker for all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from customstudio.submissions.build import build
from customstudio.submissions.contents import Contents
from customstudio.submissions.database import Database
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import Checked, check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from tests.submissions import factory
from tests.submissions.postgres import Cluster, running


@pytest.fixture(scope="session")
def key() -> Key:
    """An owner."""
    return Key(bytes(range(32)))


@pytest.fixture(scope="session")
def rules() -> Rules:
    """Rules that know the small suite."""
    return factory.rules()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    """The worker that reads Parquet."""
    with Decoder() as decoder:
        yield decoder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one method on the small suite."""
    return factory.write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def good(run: Path, key: Key) -> Contents:
    """A submission without a fault."""
    return build(run, factory.card(), owner=key.public)


@pytest.fixture(scope="session")
def gate(rules: Rules, decoder: Decoder) -> Callable[[Contents], Checked]:
    """The gate under the test's rules."""
    return lambda contents: check(contents, rules=rules, decoder=decoder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server of these tests alone."""
    with running() as cluster:
        if cluster is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Address of an empty database; None: SQLite."""
    if request.param == "sqlite":
        return None
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.new()


@pytest.fixture
def database(tmp_path: Path, address: str | None) -> Database:
    """Empty tables."""
    database = Database(address or tmp_path / "index.sqlite")
    database.create()
    return database
