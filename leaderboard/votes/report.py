"""A study's report: one HTML page that loads nothing, Markdown, text, and the votes as CSV."""

import base64
import csv
import hashlib
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from customstudio.files import write_text
from customstudio.leaderboard.votes.outcome import Outcome
from customstudio.leaderboard.votes.study import Folder
from customstudio.leaderboard.votes.words import COLUMNS, facts, sheets
from customstudio.report import render
from customstudio.report.text import finalize_html, finalize_markdown, visible

TEMPLATES = Path(__file__).with_name("templates")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOW = (
    "Points are 400 log10 of Bradley-Terry odds with ties after Davidson (1970); their mean is "
    "zero. Both bad is no tie: it is left out of the points and shown as a rate. Intervals "
    "resample whole raters, or whole pairs of subjects. Ranks are those that paired differences "
    "over raters allow. The average rank is the mean of the ranks in each rater's own votes."
)


def write_report(folder: Folder, found: Outcome, target: Path) -> None:
    """Write report.html, report.md, results.json and votes.csv."""
    write_text(target / "report.html", as_html(found))
    write_text(target / "report.md", as_markdown(found))
    write_text(target / "results.json", found.model_dump_json(indent=1))
    write_text(target / "votes.csv", as_csv(folder))


def as_html(found: Outcome) -> str:
    """The page."""
    style = (render.TEMPLATES / "style.css.j2").read_text()
    style += (TEMPLATES / "study.css.j2").read_text()
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize_html,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made.get_template("study.html.j2").render(
        found=found,
        facts=facts(found),
        sheets=sheets(found),
        columns=COLUMNS,
        how=HOW,
        style=Markup(style),
        style_sha256=allowed,
    )


def as_markdown(found: Outcome) -> str:
    """The tables as GitHub-flavoured Markdown."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,
        undefined=StrictUndefined,
        finalize=finalize_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return made.get_template("study.md.j2").render(
        found=found, facts=facts(found), sheets=sheets(found), columns=COLUMNS, how=HOW
    )


def as_text(found: Outcome) -> str:
    """The tables for a terminal."""
    lines = [visible(found.title), *facts(found)]
    for sheet in sheets(found):
        lines += ["", sheet.title]
        for group in sheet.groups:
            rows = [COLUMNS, *(tuple(map(visible, line.cells)) for line in group)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            lines += ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
                      for r in rows]  # fmt: skip
        lines += [f"  {note}" for note in sheet.notes]
    return "\n".join(lines)


def as_csv(folder: Folder) -> str:
    """All votes under pseudonyms; a text that a spreadsheet could take for a formula is quoted."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    votes = folder.votes.all(folder.study.id)
    kinds = {folder.ticket(slot): slot.kind for slot in folder.study.slots}
    writer.writerow(("at", "rater", "job", "left", "right", "question", "answer", "kind"))
    for v in votes:
        row = (v.at, v.rater, v.job, v.left, v.right, v.question, v.answer, kinds.get(v.ticket, ""))
        writer.writerow(["'" + cell if cell.startswith(_FORMULA) else cell for cell in row])
    return table.getvalue()
