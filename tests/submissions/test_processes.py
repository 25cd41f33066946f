"""A publisher that is killed anywhere loses and doubles nothing; nor do fifty at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_killed_anywhere() -> None:
    result = outcome("kill")
    assert result["wrong"] == []
    assert result["steps"] > 40
    assert result["taken in"] > 0  # killed between the rename and the index: reconciled


def test_fifty_at_once() -> None:
    result = outcome("crowd", "50")
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
