"""What the pages of the app say, without a browser."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the leaderboard's packages are not installed")
from streamlit.testing.v1 import AppTest

from customstudio.leaderboard import serve
from customstudio.leaderboard.boards import boards
from customstudio.submissions.reported.tables import read_published
from tests.leaderboard.conftest import OWNER, Filled


@pytest.fixture
def at_page(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Runs one page on the filled store, at an address."""
    import streamlit as st

    from customstudio.leaderboard import derived, shell

    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setenv("CUSTOMSTUDIO_STORE", str(filled.store.root))
    monkeypatch.setattr(shell, "_store", lambda root: filled.store)
    monkeypatch.setattr(derived, "Rules", lambda: filled.rules)

    def run(name: str, **parameters: str | list[str]) -> AppTest:
        def script(name: str) -> None:
            from importlib import import_module

            import_module(f"customstudio.leaderboard.views.{name}").page()

        at = AppTest.from_function(script, args=(name,), default_timeout=120)
        for key, value in parameters.items():
            at.query_params[key] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return run


def html(at: AppTest) -> str:
    """All of our own HTML on the page."""
    return "\n".join(block.proto.body for block in at.get("html"))  # type: ignore[attr-defined]


def widget(found: Any, label: str) -> Any:
    """The widget with this label."""
    (one,) = [w for w in found if w.label == label]
    return one


def test_the_board_shows_sections_and_filters(at_page: Callable[..., AppTest]) -> None:
    at = at_page("board")
    text = html(at)
    assert text.index("Verified") < text.index("Alpha") < text.index("Self-reported")
    assert "Beta" in text
    assert "Delta" not in text
    widget(at.text_input, "Search names and authors").set_value("bet").run()
    assert "Beta" in html(at)
    assert "Gamma" not in html(at)
    assert at.query_params["q"] in ("bet", ["bet"])
    widget(at.text_input, "Search names and authors").set_value("").run()
    widget(at.selectbox, "Weights").set_value("closed").run()
    assert "No method here passes the filters." in html(at)


def test_an_address_is_a_state(at_page: Callable[..., AppTest]) -> None:
    at = at_page("board", base="videocrafter2", sort="dino_i", reverse="true", keys=["dino_i"])
    text = html(at)
    assert "Beta" in text
    assert "Gamma" not in text
    assert "CLIP-T" not in text
    assert widget(at.multiselect, "Base model").value == ["videocrafter2"]
    assert widget(at.toggle, "Worst first").value is True
    assert "No method" in html(at_page("board", q="nobody"))


def test_published_numbers_stand_apart(at_page: Callable[..., AppTest]) -> None:
    at = at_page("board", board="as-published")
    text = html(at)
    for row in read_published():
        assert row.value in text
    assert "rank" not in text.replace("Not ranked", "")
    assert any("do not compare" in t.value or "does not compare" in t.value for t in at.text)
    assert any("VideoDreamer's tables" in t.value for t in at.text)


def test_a_method_page(at_page: Callable[..., AppTest], filled: Filled) -> None:
    at = at_page("method", id=filled.ids["Alpha"][:12], by="type", key="dino_i")
    text = html(at)
    for words in ("Made up for tests.", "recomputed", "A. Maintainer", filled.ids["Alpha"]):
        assert words in text
    assert any("eprint = {2401.09962}" in code.value for code in at.code)
    assert widget(at.selectbox, "Metric").value == "dino_i"
    gone = at_page("method", id=filled.ids["Delta"][:12])
    assert "Wrong seeds." in html(gone)
    assert at_page("method", id="f" * 12).warning


def test_comparison(at_page: Callable[..., AppTest], filled: Filled) -> None:
    ids = [filled.ids[name][:12] for name in ("Alpha", "Gamma 2")]
    at = at_page("compare", id=ids, key=["clip_t", "dino_i"])
    frame = at.dataframe[0].value
    assert list(frame["metric"]) == ["CLIP-T", "DINO-I"]
    assert set(frame["first"]) == {"Alpha"}
    assert (frame["p, corrected"].astype(float) >= frame["p"].astype(float)).all()
    widget(at.multiselect, "Methods").set_value([filled.ids["Alpha"]]).run()
    assert any("Choose 2 to 5 methods" in info.value for info in at.info)


def test_prompts(at_page: Callable[..., AppTest], filled: Filled) -> None:
    from customstudio.leaderboard import derived

    suite = derived.suite_of(filled.store.entry(filled.ids["Alpha"]).entry, filled.rules)
    job = suite.jobs[-1]
    at = at_page("prompts", job=job.id, id=[filled.ids["Alpha"][:12]])
    assert any(job.prompt in text.value for text in at.text)
    rows = derived.scores(filled.store, filled.ids["Alpha"])
    mine = rows[(rows["job"] == job.id) & rows["subject"].isna() & (rows["metric"] == "clip_t")]
    assert at.dataframe[0].value.loc["CLIP-T ↑", "Alpha"] == f"{mine['value'].item():.4f}"


def test_the_player_looks_up_what_is_asked_and_no_more(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request for a part of a video read the whole store, and checked all its signatures."""
    from types import SimpleNamespace

    from customstudio.leaderboard import player

    monkeypatch.setattr(player, "_store", lambda: filled.store)
    monkeypatch.setattr(filled.store, "submissions", None)
    alpha = filled.ids["Alpha"]
    names = player._names(filled.store, [alpha, "f" * 64, "../../etc/passwd"])
    assert names == {alpha: "Alpha"}
    request = SimpleNamespace(query_params={"id": alpha, "job": "../../etc/passwd"})
    assert player._video(request).status_code == 404


def test_about(at_page: Callable[..., AppTest]) -> None:
    text = html(at_page("about"))
    for words in ("reconstruction r1", "customstudio-v1", "DINO-I", "copy_paste", "blind"):
        assert words in text


MARKDOWN = {"button", "caption", "error", "expander", "header", "info", "markdown", "metric",
            "subheader", "success", "table", "title", "warning", "write"}  # fmt: skip


def ours(node: ast.expr) -> bool:
    """Whether a text can only be our own: written there, a constant, or with numbers in it."""
    if isinstance(node, ast.JoinedStr):
        values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return all(ours(value) or isinstance(value, ast.BinOp) for value in values)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "len"
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_no_page_writes_markup_of_others() -> None:
    """Names and words of submitters go only where nothing is markup."""
    views = Path(serve.__file__).parent / "views"
    calls = 0
    for path in [*views.glob("*.py"), views.parent / "shell.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            assert not {k.arg for k in node.keywords} & {
                "unsafe_allow_html",
                "unsafe_allow_javascript",
            }
            if ast.unparse(node.func.value) == "st" and node.func.attr in MARKDOWN:
                calls += 1
                assert all(map(ours, node.args)), f"{path}:{node.lineno}: {ast.unparse(node)}"
    assert calls > 20


def test_no_page_loads_torch() -> None:
    code = (
        "import sys, pkgutil, importlib\n"
        "from customstudio.leaderboard import player, serve, shell, views\n"
        "for one in pkgutil.iter_modules(views.__path__):\n"
        "    importlib.import_module(f'customstudio.leaderboard.views.{one.name}')\n"
        "serve.make_app()\n"
        "print([n for n in ('torch', 'timm', 'transformers', 'onnxruntime') if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_policy_allows_nothing_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in serve.content_policy().split("; "))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"].split()
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert not [value for value in policy.values() if "http" in value or "*" in value]
    options = serve.options("127.0.0.1", 8501)
    assert options["browser.gatherUsageStats"] is False
    assert options["server.enableXsrfProtection"] is True
    assert options["server.maxUploadSize"] <= 32
    assert options["client.disableDataExport"] is True


def test_only_a_local_board_sends(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from customstudio.leaderboard.sending import LOCAL, may_send

    path = tmp_path / "owner.key"
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(path))
    monkeypatch.setenv(LOCAL, "127.0.0.1")
    assert not may_send(OWNER.public)[0]
    assert not path.exists()
    path.write_text((bytes([1]) * 32).hex() + "\n")
    path.chmod(0o600)
    assert may_send(OWNER.public) == (True, "")
    assert not may_send("0" * 64)[0]
    monkeypatch.setenv(LOCAL, "0.0.0.0")
    assert "customstudio submit" in may_send(OWNER.public)[1]
    assert len(boards(filled.store.submissions())) == 1
