"""Methods of other packages: a new one works as it is written; broken ones harm nobody else."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from customstudio.baselines import catalog
from customstudio.cli.main import app
from customstudio.errors import UserError
from customstudio.generation import runner
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.records import Settings
from customstudio.generation.skeleton import write_skeleton
from customstudio.suites.load import load_suite
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import Silent, videos

torch.set_num_threads(1)


def package(folder: Path, name: str, entries: dict[str, str], **modules: str) -> Path:
    """An installed package as pip leaves it: its modules and its `.dist-info`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[customstudio.methods]", *(f"{key} = {value}" for key, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new method, installed by pip into a folder of its own."""
    folder = write_skeleton("fresh_idea", tmp_path_factory.mktemp("new"))
    target = folder.parent / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", target, folder], check=True)
    return target


@pytest.fixture
def plugin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(installed))
    importlib.invalidate_caches()
    return "fresh_idea"


def test_its_own_test_passes(installed: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    folder = installed.parent / "fresh_idea"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_it_is_listed_and_shown_without_torch(installed: Path) -> None:
    code = (
        "import sys\nfrom customstudio.cli.main import app\n"
        "for call in (['methods', 'list'], ['methods', 'show', 'fresh_idea']):\n"
        "    try:\n        app(call)\n    except SystemExit as end:\n        assert not end.code\n"
        "print('LOADED', [name for name in ('torch', 'diffusers') if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr
    assert "customstudio-fresh-idea 0.1.0" in done.stdout
    assert "customvideo" in done.stdout
    assert "steps = 500   ours" in done.stdout


def test_it_generates_and_its_code_is_a_setting(
    plugin: str,
    tiny_folder: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suite = load_suite("mini")
    one = {name: suite.pairs[name] for name in list(suite.pairs)[:1]}
    kept = dict(list(suite.prompts.items())[:2])
    video = suite.video.model_copy(update={"frames": 2}) if suite.video else None
    suite = suite.model_copy(update={"pairs": one, "prompts": kept, "video": video})
    changes = ("steps=1", "class_images=1", "sampling_steps=1")
    request = Request(
        suite, plugin, tmp_path / "out", changes, base_folder=tiny_folder, device="cpu"
    )
    outcome = runner.run(prepare(request), Silent())
    assert not outcome.failures
    assert outcome.made == len(suite.jobs) == len(videos(request.out))
    settings = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert settings.plugin == catalog.origin(plugin)
    assert settings.plugin is not None
    assert settings.plugin.package == "customstudio-fresh-idea"
    edited = tmp_path / "edited.py"
    module = catalog.method(plugin)
    edited.write_text(Path(str(module.__file__)).read_text() + "# changed\n")
    monkeypatch.setattr(module, "__file__", str(edited))
    with pytest.raises(UserError, match=r"other settings \(plugin\)"):
        prepare(request)


def test_a_built_in_name_stays_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "raise RuntimeError('never imported')"
    package(tmp_path, "other", {"customvideo": "taken", "twice": "taken"}, taken=text)
    package(tmp_path, "another", {"twice": "taken"})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert catalog.method("customvideo").__name__ == "customstudio.baselines.customvideo"
    assert catalog.origin("customvideo") is None
    with pytest.raises(UserError) as caught:
        catalog.method("twice")
    assert "2 packages offer a method 'twice'" in str(caught.value)
    assert caught.value.where == "another 1.0, other 1.0"
    listed = CliRunner().invoke(app, ["methods", "list"])
    assert listed.exit_code == 0
    assert "'customvideo' is a built-in method" in listed.stderr
    assert "twice" not in listed.stdout
    shown = CliRunner().invoke(app, ["methods", "show", "customvideo"])
    assert "paper: Wang et al." in shown.stdout
    assert "entry point of other 1.0" in shown.stderr


def test_a_broken_one_harms_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "bad", {"bad_one": "bad_one"}, bad_one="import no_such_module_at_all")
    package(tmp_path, "empty", {"empty_one": "empty_one"}, empty_one="")
    package(tmp_path, "worse", {"worse_one": "worse_one"}, worse_one="raise SystemExit(3)")
    package(tmp_path, "part", {"part_one": "part_one:METHOD"}, part_one="METHOD = object()")
    monkeypatch.syspath_prepend(str(tmp_path))
    listed = CliRunner().invoke(app, ["methods", "list"])
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in catalog.METHODS)
    assert listed.stderr.count("error: ") == 4
    assert "must name a module, without `:OBJECT`" in listed.stderr
    for call in (["methods", "show", "bad_one"], ["generate", "bad_one", "--suite", "mini"]):
        error = CliRunner().invoke(app, call).exception
        assert isinstance(error, UserError)
        first, second, third = str(error).splitlines()
        assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_m" in first
        assert second == "  where: bad_one, of bad 1.0"
        assert third == "  fix:   mend it, or pip uninstall bad"
    with pytest.raises(UserError, match="needs CARD, a Card, and DEFAULTS"):
        catalog.method("empty_one")
    with pytest.raises(UserError, match="unknown method 'bad_won'") as caught:
        catalog.method("bad_won")
    assert "bad_one" in caught.value.fix


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (("id", "another"), "the card's id is 'another'"),
        (("base", "zeroscope"), "unknown base model 'zeroscope'"),
        (("settings", {}), "differ in augment, "),
    ],
)
def test_what_is_not_declared_is_said(plugin: str, change: tuple[str, Any], flaw: str) -> None:
    from customstudio.baselines.plugins import undeclared

    module = catalog.method(plugin)
    assert undeclared(plugin, module, catalog.BASES) == []
    like: Any = type(sys)("like")
    like.__dict__.update(module.__dict__)
    like.CARD = module.CARD.model_copy(update=dict([change]))
    assert flaw in "; ".join(undeclared(plugin, like, catalog.BASES))
    like.fit = lambda bases, task: None
    assert "it needs fit(bases, task, options, on_step)" in undeclared(plugin, like, catalog.BASES)


@pytest.mark.parametrize(
    "name", ["", "My", "9lives", "a-b", "a__b", "_a", "a_", "class", "lora", "../x", "x" * 41, "é"]
)
def test_names_are_checked(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        write_skeleton(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_new_says_what_is_next_and_overwrites_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["methods", "new", "mine", "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert f"pip install --editable {tmp_path / 'mine'}" in done.output
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "mine/pyproject.toml", "mine/customstudio_mine.py", "mine/tests/test_mine.py",
    }  # fmt: skip
    again = CliRunner().invoke(app, ["methods", "new", "mine", "--to", str(tmp_path)])
    assert isinstance(again.exception, UserError)


@pytest.mark.parametrize("name", ["m", "x" * 40])
def test_what_is_written_is_clean(name: str, tmp_path: Path) -> None:
    folder = write_skeleton(name, tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(Path(__file__).parents[2] / "pyproject.toml"), "--no-cache"]
    for part in (["format", "--check"], ["check"]):
        done = subprocess.run([*ruff, *part, *config, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
