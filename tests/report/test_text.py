"""Escaping: whatever the text, it stays text in each of the three languages."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markdown_it import MarkdownIt

from customstudio.report.text import (
    code,
    code_cell,
    finalize_html,
    finalize_latex,
    finalize_markdown,
    in_words,
    latex,
    visible,
)


@given(st.text())
def test_html_shows_the_text_and_only_the_text(text: str) -> None:
    html = Environment(autoescape=True, finalize=finalize_html).from_string("{{ text }}")
    out = html.render(text=text)
    assert not set("<>\"'") & set(out)
    assert unescape(out) == visible(text)
    out.encode()


@given(st.text())
def test_code_spans_hold_any_text(text: str) -> None:
    (block,) = [t for t in MarkdownIt().parse(f"x {code(text)} y") if t.type == "inline"]
    kinds = [child.type for child in block.children or []]
    assert kinds == ["text", "code_inline", "text"]


@given(st.text())
def test_no_text_splits_a_cell(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {code_cell(text)} | {finalize_markdown(text)} |\n"
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert html.count("<td>") == 2
    assert not re.findall(r"<(?!/?(table|thead|tbody|tr|th|td|code)\b)", html)


@given(st.text())
def test_latex_is_ascii_or_latin_and_balanced(text: str) -> None:
    out = latex(text)
    assert all(c.isascii() or "À" <= c <= "ÿ" for c in out)
    assert len(re.findall(r"(?<!\\){", out)) == len(re.findall(r"(?<!\\)}", out))
    commands = set(re.findall(r"\\([A-Za-z]+)", out))
    assert commands <= {"textbackslash", "textasciitilde", "textasciicircum", "textless",
                        "textgreater", "textbar", "textasciigrave", "dots", "times",
                        "uparrow", "downarrow", "cdot", "pm"}  # fmt: skip
    assert not re.search(r"(?<!\\)[%&#]", out)


@pytest.mark.parametrize("finalize", [finalize_html, finalize_markdown, finalize_latex])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), True, ["x"]])
def test_nothing_that_is_no_text_is_ever_shown(finalize: object, value: object) -> None:
    with pytest.raises(TypeError, match="a template shows"):
        finalize(value)  # type: ignore[operator]


def test_reasons_in_words() -> None:
    assert in_words("not_applicable: not a person") == "does not apply: not a person"
    assert in_words("not_applicable") == "does not apply"
    assert in_words("") == "no reason recorded"
    assert in_words("zero frames") == "zero frames"
