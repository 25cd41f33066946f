"""Writes a run's report: `report.html`, `summary.md` and `summary.tex`."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from customstudio.files import write_text
from customstudio.report import text
from customstudio.report.cells import Cell
from customstudio.report.load import load_bundle
from customstudio.report.page import Page, make_page
from customstudio.report.text import Raw

TEMPLATES = Path(__file__).parent / "templates"
FIRST_REASONS = 6
"""Reasons for not being official shown at once; the rest unfolds, or is counted."""
TEX_COLUMNS = 4
"""Keys side by side in LaTeX: with their intervals, more do not fit a page."""


def write_report(folder: Path) -> None:
    """Write the three reports of a run bundle into its folder; the same bundle, the same bytes.

    Raises:
        UserError: a part of the bundle is missing or damaged, or the folder cannot be written.
    """
    page = make_page(load_bundle(folder))
    write_text(folder / "summary.md", render_markdown(page))
    write_text(folder / "summary.tex", render_latex(page))
    write_text(folder / "report.html", render_html(page))


def render_html(page: Page) -> str:
    """The page as one HTML file that loads nothing and runs nothing."""
    style = (TEMPLATES / "style.css.j2").read_text()
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    html = _environment(text.finalize_html, autoescape=True)
    html.filters["prose"] = _prose
    html.globals |= {"count": text.count, "percent": text.percent, "arrows": text.ARROWS}
    return html.get_template("report.html.j2").render(
        page=page,
        style=Markup(style),
        style_sha256=allowed,
        directions=text.DIRECTIONS,
        first=FIRST_REASONS,
    )


def render_markdown(page: Page) -> str:
    """The tables as GitHub-flavoured Markdown, to paste into an issue."""
    markdown = _environment(text.finalize_markdown, autoescape=False)
    markdown.filters |= {"code": text.code, "code_cell": text.code_cell, "raw": Raw}
    markdown.globals |= {"count": text.count, "arrows": text.ARROWS}
    return markdown.get_template("summary.md.j2").render(page=page, first=FIRST_REASONS)


def render_latex(page: Page) -> str:
    """The headline table for a paper: needs booktabs; anchors below a rule, reasons as notes."""
    latex = _environment(
        text.finalize_latex,
        autoescape=False,
        # Braces and percent signs are LaTeX's own.
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    latex.filters["raw"] = Raw
    latex.globals["count"] = text.count
    keys = page.headline.keys
    tables = -(-len(keys) // TEX_COLUMNS)
    width = -(-len(keys) // max(tables, 1))
    notes = _Notes()
    return latex.get_template("summary.tex.j2").render(
        page=page,
        parts=[range(at, min(at + width, len(keys))) for at in range(0, len(keys), max(width, 1))],
        notes=notes,
        arrows=text.ARROWS,
        first=FIRST_REASONS,
    )


class _Notes:
    """Footnotes of a table: a letter for each distinct reason, in order of first use."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    def mark(self, cell: Cell) -> Raw:
        """The marks of a cell: why it has no value or no interval, and what failed."""
        reasons = [note for note in (cell.note, self._coverage(cell)) if note]
        marks = [self.letters.setdefault(r, _letter(len(self.letters))) for r in reasons]
        return Raw(f"$^{{{','.join(marks)}}}$" if marks else "")

    @staticmethod
    def _coverage(cell: Cell) -> str:
        return f"coverage {cell.coverage}, {cell.failed}" if cell.failed else ""


def _letter(index: int) -> str:
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)


def _prose(sentence: str) -> Markup:
    """Our own sentences, with `code` in backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text.visible(sentence)))))


def _environment(finalize: Callable[[Any], Any], *, autoescape: bool, **syntax: str) -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **syntax,  # type: ignore[arg-type]
    )
