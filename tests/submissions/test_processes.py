"""A publisher that is killed anywhere loses and doubles nothing; nor do fifty at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.submissions.postgres import Cluster

ROOT = Path(__file__).parents[2]


def outcome(*arguments: str) -> dict[str, Any]:
    program = [sys.executable, "-m", "tests.submissions.processes", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> list[str]:
    """Where PostgreSQL is; nothing for SQLite."""
    if request.param == "sqlite":
        return []
    cluster: Cluster = request.getfixturevalue("postgres")
    return [str(cluster.folder)]


def test_killed_anywhere(server: list[str]) -> None:
    result = outcome("kill", "1", *server)
    assert result["wrong"] == []
    assert result["steps"] > 40
    assert result["taken in"] > 0  # killed between the rename and the index: reconciled


def test_fifty_at_once(server: list[str]) -> None:
    result = outcome("crowd", "50", *server)
    seconds = result.pop("seconds")
    assert result == {
        "failed": 0,
        "entries": 51,
        "different": 51,
        "published": 51,
        "bundles": 51,
        "staged": 0,
        "events": 102,
        "alarms": [],
    }
    assert seconds < 60
