"""Downloads: CSV that no spreadsheet takes for formulas, JSON, Parquet, LaTeX."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from customstudio.evaluation.records import KeyInfo
from customstudio.leaderboard.boards import Board, Part
from customstudio.leaderboard.table import Ranked, Row, Section
from customstudio.report.text import ARROWS, Raw, latex, visible
from customstudio.submissions.entries import Listed

SITE_VERSION = 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
Flat = Mapping[str, str | float | int | bool | None]


def safe_cell(value: Any) -> Any:
    """A cell that a spreadsheet shows and does not run; numbers stay numbers.

    >>> safe_cell("=1+1"), safe_cell("CustomVideo"), safe_cell(-0.5)
    ("'=1+1", 'CustomVideo', -0.5)
    """
    if not isinstance(value, str):
        return value
    plain = visible(value)
    return f"'{plain}" if plain.startswith(_FORMULA) or value.startswith(_FORMULA) else plain


def to_csv(rows: Sequence[Flat]) -> str:
    """Rows of one shape as CSV with a header; null is an empty cell."""
    text = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in names])
    for row in rows:
        writer.writerow(["" if row[n] is None else safe_cell(row[n]) for n in names])
    return text.getvalue()


def frame_csv(frame: pd.DataFrame) -> str:
    """A table as CSV; null and NaN are empty cells."""
    plain = frame.astype(object).where(frame.notna(), None)
    return to_csv([{str(k): v for k, v in row.items()} for row in plain.to_dict("records")])


def to_json(document: Any) -> str:
    """Any of our documents as JSON, without NaN, in a fixed order of keys."""
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"


def to_parquet(rows: Sequence[Flat]) -> bytes:
    """The same rows as Parquet."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), buffer, compression="zstd")
    return buffer.getvalue()


def flat_rows(sections: Sequence[Section], keys: Sequence[KeyInfo]) -> list[Flat]:
    """A board as rows: what the card says, then value, interval and rank of each column."""
    return [_flat(section.part, row, keys) for section in sections for row in section.rows]


def _flat(part: Part, row: Row, keys: Sequence[KeyInfo]) -> Flat:
    entry, card = row.listed.entry, row.listed.entry.card
    flat: dict[str, str | float | int | bool | None] = {
        "section": part,
        "method": card.name,
        "tier": row.listed.state.tier,
        "tuning": card.tuning,
        "base_model": card.base_model,
        "open_weights": card.open_weights,
        "year": card.year,
        "coverage": row.coverage,
        "submission": entry.id,
    }
    for key, cell in zip(keys, row.cells, strict=True):
        estimate = cell.estimate
        name = key.key
        flat |= {name: estimate.mean, f"{name} low": estimate.low, f"{name} high": estimate.high}
        flat[f"{name} rank"] = cell.rank or None
    return flat


def board_document(ranked: Ranked, sections: Sequence[Section]) -> dict[str, Any]:
    """A board for machines."""
    board: Board = ranked.standing.board
    return {
        "schema_version": SITE_VERSION,
        "board": {**board.model_dump(mode="json"), "embedded": board.embedded},
        "columns": [key.model_dump(mode="json") for key in ranked.columns],
        "ranks": "places that no overlap of 95% intervals rules out, among the whole section",
        "submissions": [
            {"section": section.part, **_document(row)}
            for section in sections
            for row in section.rows
        ],
    }


def _document(row: Row) -> dict[str, Any]:
    ranks = {cell.key.key: cell.rank for cell in row.cells if cell.rank}
    return {**entry_document(row.listed), "ranks": ranks}


def entry_document(listed: Listed) -> dict[str, Any]:
    """A submission for machines: its entry and its state."""
    return {**listed.entry.model_dump(mode="json"), "state": listed.state.model_dump(mode="json")}


def to_latex(sections: Sequence[Section], keys: Sequence[KeyInfo], caption: str) -> str:
    """A board as a LaTeX table (booktabs); best is bold, second underlined, as in papers."""
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(keys)}}}",
        r"\toprule",
        " & ".join(
            ["Method", *(f"{latex(k.title)} {latex(ARROWS[k.better])}".strip() for k in keys)]
        )
        + r" \\",
    ]
    for section in sections:
        if section.rows:
            lines.append(r"\midrule")
            heading = latex(f"{section.part} ({section.found} of {section.total})")
            lines.append(rf"\multicolumn{{{len(keys) + 1}}}{{l}}{{\emph{{{heading}}}}} \\")
        lines += [
            " & ".join([latex(row.listed.entry.card.name), *map(_latex_cell, row.cells)]) + r" \\"
            for row in section.rows
        ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_cell(cell: Any) -> str:
    text: Raw | str = latex(cell.value) if cell.value else "--"
    if cell.mark == "best":
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if cell.mark == "second" else text
