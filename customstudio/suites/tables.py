"""The tables of a suite: CSV files with a fixed header, every mistake named by file and row."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from customstudio.errors import UserError, did_you_mean
from customstudio.suites.prompts import placeholders
from customstudio.suites.schema import Pair, Prompt, Subject

SUBJECT_COLUMNS = tuple(Subject.model_fields)
PAIR_COLUMNS = ("subjects", "type", "same_noun", "evidence")
PROMPT_COLUMNS = ("prompt_set", "id", "template_set", "text", "source", "problems")
TEMPLATE_SET = "template_set:"
"""Prefix of the columns of pairs.csv that say which templates a pair takes, one a prompt set."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read_csv(
    path: Path, required: Sequence[str], optional: Sequence[str] | None = ()
) -> list[dict[str, str]]:
    """The rows of a CSV file, cells stripped; `optional=None` allows any further column.

    Raises:
        UserError: no such file, not UTF-8, a missing, unknown or repeated column, a ragged row.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)), restkey="", strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        rows = list(reader)
    except csv.Error as error:
        raise UserError(
            f"not a CSV table: {error}", where=f"{path}, line {reader.line_num}", fix="mend the row"
        ) from error
    _check_header(path, header, required, optional)
    for number, row in enumerate(rows, start=2):
        if "" in row or None in row.values():
            raise UserError(
                f"a row without exactly {len(header)} cells",
                where=f"{path}, row {number}",
                fix="put cells that hold a comma in double quotes",
            )
    return [{name: cell.strip() for name, cell in row.items()} for row in rows]


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte order mark.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot read: {reason}", where=str(path), fix="check the path") from error
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=str(path), fix="save it as UTF-8") from error


def check_id(name: str, where: str) -> str:
    """The name itself, if it can be part of a job's path.

    Raises:
        UserError: it holds a slash, a plus sign, a space or another character with a meaning.
    """
    if not _ID.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be an id",
            where=where,
            fix="use letters, digits, '.', '_' and '-' (ids become paths of videos)",
        )
    return name


def check_template(text: str, subjects: int, where: str) -> None:
    """Check that a template names each subject of its pairs and no other.

    Raises:
        UserError: it names none, skips one, or names one that a pair does not have.
    """
    expected = tuple(range(1, subjects + 1))
    if placeholders(text) != expected:
        names = ", ".join(f"<c{index}>" for index in expected)
        raise UserError(
            f"the prompt {text!r} does not name its {subjects} subject(s)",
            where=where,
            fix=f"write {names} where the subjects' nouns belong, as in 'a <c1> on a beach'",
        )


def subjects_from(rows: Iterable[dict[str, str]]) -> dict[str, Subject]:
    """Rows of subjects.csv as records; an empty `n_images` is unknown."""
    subjects = {}
    for row in rows:
        count = row["n_images"]
        subjects[row["id"]] = Subject.model_validate(
            {**row, "n_images": int(count) if count else None}
        )
    return subjects


def pairs_from(rows: Iterable[dict[str, str]], prompt_set: str) -> dict[str, Pair]:
    """Rows of pairs.csv as records, with the templates of one prompt set."""
    pairs = {}
    for row in rows:
        pairs[row["subjects"]] = Pair(
            id=row["subjects"],
            subjects=tuple(row["subjects"].split("+")),
            type=row["type"],
            template_set=row[TEMPLATE_SET + prompt_set],
            same_noun=row["same_noun"] == "yes",
            evidence=row["evidence"],
        )
    return pairs


def prompts_from(rows: Iterable[dict[str, str]], prompt_set: str) -> dict[str, Prompt]:
    """Rows of prompts.csv as records, those of one prompt set."""
    return {
        row["id"]: Prompt(
            id=row["id"],
            text=row["text"],
            template_set=row["template_set"],
            source=row["source"],
            problems=tuple(row["problems"].split(" | ")) if row["problems"] else (),
        )
        for row in rows
        if row["prompt_set"] == prompt_set
    }


def _check_header(
    path: Path, header: list[str], required: Sequence[str], optional: Sequence[str] | None
) -> None:
    known = [*required, *(optional or ())]
    for name in required:
        if name not in header:
            # Here the hint runs the other way: which of the file's columns was meant.
            raise UserError(
                f"the column {name!r} is missing",
                where=f"{path}, header: {', '.join(header) or 'empty'}",
                fix=f"add it (columns: {', '.join(known)})",
            )
    for position, name in enumerate(header):
        if name in header[:position]:
            raise UserError(f"the column {name!r} is there twice", where=str(path), fix="drop one")
        if optional is not None and name not in known:
            raise UserError(
                f"unknown column {name!r}", where=str(path), fix=did_you_mean(name, known)
            )
