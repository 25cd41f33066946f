"""`customstudio submit` and `customstudio submissions`, from run to tombstone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.suites.load import load_suite
from tests.submissions import factory

PROGRAM = """
import sys
import customstudio.cli.main
from customstudio.submissions import build, gate, store
print([name for name in ("torch", "cv2", "av", "datasets", "timm") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def mini_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the suite that comes with the package, embedded world and all."""
    return factory.write_run(tmp_path_factory.mktemp("mini") / "run", load_suite("mini"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a card; keys and store are in it."""
    (tmp_path / "card.toml").write_text(factory.CARD)
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(tmp_path / "owner.key"))
    monkeypatch.setenv("CUSTOMSTUDIO_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str) -> str:
    """What a command prints; a user's mistake is raised."""
    done = CliRunner().invoke(app, list(arguments))
    if done.exception:
        raise done.exception
    return done.output


def test_from_run_to_tombstone(here: Path, mini_run: Path) -> None:
    run = str(mini_run)
    checked = said("submit", run, "--card", "card.toml", "--check", "--save", "it.zip")
    assert "passed: " in checked
    assert "section: unofficial" in checked
    assert not (here / "store").exists()
    first = said("submit", run, "--card", "card.toml")
    identity = first.split()[1]
    assert first.startswith("published: ")
    assert "tier: self-reported" in first
    assert "unofficial: suite mini" in first
    assert said("submit", run, "--card", "card.toml").startswith("there already: ")
    assert identity in said("submissions", "check", "it.zip")
    assert identity in said("submissions", "check", identity[:10])
    assert identity in said("submissions", "check", f"store/bundles/{identity}")
    assert "Toy Method" in said("submissions", "list")
    shown = said("submissions", "show", identity[:10])
    assert "clip_t: 0." in shown
    assert "published by" in shown
    documents = json.loads(said("submissions", "list", "--json"))
    assert documents[0]["entry"]["id"] == identity
    assert json.loads(said("submissions", "show", identity, "--json"))["events"]
    with pytest.raises(UserError, match="link"):
        said("submissions", "withdraw", identity, "--about", "see www.evil.example")
    assert "withdrawn: " in said("submissions", "withdraw", identity, "--about", "A mistake.")
    assert "withdrawn already" in said("submissions", "withdraw", identity)
    assert "withdrawn" in said("submissions", "list")
    with pytest.raises(UserError, match="withdrawn"):
        said("submit", run, "--card", "card.toml")


def test_supersede(here: Path, mini_run: Path) -> None:
    identity = said("submit", str(mini_run), "--card", "card.toml").split()[1]
    (here / "card.toml").write_text(factory.CARD.replace("Made up", "Made up again"))
    newer = said(
        "submit",
        str(mini_run),
        "--card",
        "card.toml",
        "--supersedes",
        identity[:8],
        "--to",
        "store",
    ).split()[1]
    assert f"superseded by {newer[:12]}" in said("submissions", "show", identity)


def test_other_owner(here: Path, mini_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = said("submit", str(mini_run), "--card", "card.toml").split()[1]
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(here / "another.key"))
    with pytest.raises(UserError, match="not signed by one who may"):
        said("submissions", "withdraw", identity)
    with pytest.raises(UserError, match="another owner's"):
        said("submit", str(mini_run), "--card", "card.toml")


def test_all_mistakes_of_a_card(here: Path, mini_run: Path) -> None:
    (here / "card.toml").write_text('name = "<b>x</b>"\nstatus = "verified"\n')
    with pytest.raises(UserError) as caught:
        said("submit", str(mini_run), "--card", "card.toml")
    for part in ("card.toml: name", "card.toml: status", "card.toml: authors", "  fix:   "):
        assert part in str(caught.value)
    assert not (here / "store").exists()


def test_what_no_path_can_be(here: Path) -> None:
    with pytest.raises(UserError, match="no such submission"):
        said("submissions", "check", "a" * 5000)


def test_exit_status(here: Path) -> None:
    program = "from customstudio.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "submissions", "show", "00000000"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: no such submission")
    assert "Traceback" not in done.stderr


def test_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
