"""The package as a whole: links, wheel contents, what start-up loads, what must never be in it."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINKED = ("baselines", "leaderboard", "metrics", "submissions")
HEAVY = ("torch", "cv2", "av", "pandas", "datasets", "open_clip", "timm", "onnxruntime", "scipy")


def test_the_four_folders_are_linked_into_the_package() -> None:
    links = {path.name: path for path in (ROOT / "customstudio").iterdir() if path.is_symlink()}
    assert sorted(links) == sorted(LINKED)
    for name, link in links.items():
        assert str(link.readlink()) == f"../{name}"
        assert (link / "__init__.py").is_file()


def test_the_wheel_holds_every_module_and_table(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*command, str(tmp_path), str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("customstudio/")}
    kinds = (".py", ".toml", ".csv", ".json", ".j2", "py.typed")
    # os.walk in rglob does not follow links: name the linked folders one by one.
    here = {
        f"customstudio/{path.relative_to(base)}"
        for base, folder in [
            (ROOT / "customstudio", ROOT / "customstudio"),
            *((ROOT, ROOT / name) for name in LINKED),
        ]
        for path in folder.rglob("*")
        if path.is_file() and path.name.endswith(kinds) and "__pycache__" not in path.parts
    }
    assert here <= packed
    assert not {name for name in packed if name.startswith(("customstudio/tests", "tests"))}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["evaluate", "--help"],
        ["generate", "--help"],
        ["suites", "list"],
        ["suites", "jobs", "customstudio"],
        ["metrics", "list"],
        ["methods", "list"],
        ["methods", "show", "customvideo"],
        ["weights", "list"],
    ],
)
def test_start_up_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom customstudio.cli.main import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return [p for name in ("customstudio", *LINKED) for p in (ROOT / name).rglob("*.py")]
    return [ROOT / n for n in listed.stdout.split() if n.endswith(".py") and (ROOT / n).is_file()]


def test_nothing_takes_trust_on_faith() -> None:
    """No unpickling, no `torch.load` of code, no shell strings, no unchecked unpacking."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if name in {"torch.load", "load"} and "torch.load" in name:
                if keywords.get("weights_only") != "True" and "tests" not in path.parts:
                    found.append(f"{path}:{node.lineno}: {name}")
            elif name in {"pickle.load", "pickle.loads", "eval", "exec", "os.system"} or (
                name.endswith("extractall") or keywords.get("shell") == "True"
            ):
                found.append(f"{path}:{node.lineno}: {name}")
            elif name == "np.load" and keywords.get("allow_pickle") != "False":
                found.append(f"{path}:{node.lineno}: {name} without allow_pickle=False")
    assert not found
