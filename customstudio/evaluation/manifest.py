"""Manifests: a table that says what each video of a folder should show."""

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from customstudio.errors import UserError, did_you_mean, raise_all, some
from customstudio.evaluation.items import Collection, Item, ItemSubject
from customstudio.evaluation.records import SuiteUse
from customstudio.records import digest
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir, find_references, images_in
from customstudio.suites.schema import Reference, Suite

MANIFESTS = ("manifest.csv", "manifest.jsonl")
COLUMNS = ("path", "prompt", "subjects", "references", "seed", "method", "categories")
"""What is read; other columns are left alone. Lists are separated by `;`."""
NO_SEED = "noseed"
SHOWN = 10
"""Mistakes that are shown one by one."""
TOKENS = re.compile(r"<[^<>\s]+>\s*")
"""Learnable tokens such as `<new1>`: text metrics use the plain prompt."""


def read_manifest(
    path: Path, *, suite: Suite | None, references: Path | None, method: str | None
) -> Collection:
    """The collection that a `manifest.csv` or `manifest.jsonl` describes.

    A row has a `path` relative to the manifest, a `prompt`, and `subjects` (ids), `references`
    (folders of images under the references root, or paths relative to the manifest) or both.
    One reference set for several subjects is scored as one: there is no telling them apart.
    Categories come from the `categories` column, else from the suite's table of subjects.

    Raises:
        UserError: missing columns, wrong types, paths outside the folder, duplicate jobs, no
            such references: all at once.
    """
    rows = _read_rows(path)
    reader = _Reader(path.parent, suite or load_suite("customstudio"), references, method)
    items, problems = [], []
    for number, row in enumerate(rows, start=1):
        try:
            items.append(reader.item(row, f"{path}, row {number}"))
        except UserError as error:
            problems.append(error)
    problems += _duplicates(items, path)
    if len(problems) > SHOWN:
        rest = f"{len(problems) - SHOWN} more mistakes in the manifest"
        problems = [*problems[:SHOWN], UserError(rest, where=str(path), fix="mend these first")]
    raise_all(problems)
    items.sort(key=lambda item: (item.method, item.job))
    return Collection(path.parent, tuple(items), _use(items), notes=_unknown_categories(items))


def _unknown_categories(items: Sequence[Item]) -> tuple[str, ...]:
    known = {s.category for s in load_suite("customstudio").subjects.values()}
    given = {s.category for item in items for s in item.subjects if s.category is not None}
    return tuple(
        f"category {name!r} is none of the suite's: metrics for one category do not apply to it"
        for name in sorted(given - known)
    )


def _use(items: Sequence[Item]) -> SuiteUse:
    rows = sorted({(i.job, i.prompt, *(s.id for s in i.subjects)) for i in items})
    return SuiteUse(
        name="manifest",
        version="own",
        label="own videos and prompts",
        prompt_set="own",
        digest=digest([list(row) for row in rows]),
        jobs=len(rows),
    )


def _duplicates(items: Sequence[Item], path: Path) -> list[UserError]:
    seen: dict[tuple[str, str], Item] = {}
    problems = []
    for item in items:
        other = seen.setdefault((item.method, item.job), item)
        if other is not item:
            problems.append(
                UserError(
                    f"duplicate job {item.job} of method {item.method!r}",
                    where=f"{path}: {other.path} and {item.path}",
                    fix="give the rows different seeds, or remove one",
                )
            )
    return problems


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _csv_rows(text) if path.suffix == ".csv" else _json_rows(text)
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError, ValueError) as error:
        raise UserError(
            f"the manifest cannot be read: {error}",
            where=str(path),
            fix="save it as UTF-8 CSV with a header, or as one JSON object a line",
        ) from error
    if not rows:
        raise UserError("the manifest has no rows", where=str(path), fix="one row a video")
    columns = {name for row in rows for name in row}
    for needed in ("path", "prompt"):
        if needed not in columns:
            raise UserError(
                f"the manifest has no column {needed!r}",
                where=f"{path}: columns {some(sorted(columns), 12)}",
                fix=f"add it; {did_you_mean(needed, sorted(columns))}",
            )
    if not columns & {"subjects", "references"}:
        raise UserError(
            "the manifest has neither a column 'subjects' nor 'references'",
            where=f"{path}: columns {some(sorted(columns), 12)}",
            fix="add one: ids or folders of reference images, separated by ';'",
        )
    return rows


def _csv_rows(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = list(reader.fieldnames or ())
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise ValueError(f"the column {min(twice)!r} appears twice")
    rows: list[dict[str, Any]] = []
    for row in reader:
        if None in row:
            raise ValueError(f"line {reader.line_num} has more cells than the header")
        if None in row.values():
            raise ValueError(f"line {reader.line_num} has fewer cells than the header")
        rows.append({key: value for key, value in row.items() if value not in (None, "")})
    return rows


def _json_rows(text: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is not an object")
    return [{k: v for k, v in row.items() if v not in (None, "")} for row in rows]


class _Reader:
    """Turns rows into items; keeps what all rows share."""

    def __init__(
        self, folder: Path, suite: Suite, references: Path | None, method: str | None
    ) -> None:
        self.folder, self.suite, self.method = folder.resolve(), suite, method
        self.references = references or _usual_references(folder, suite)
        self._sets: dict[str, tuple[Reference, ...]] = {}
        self._known: dict[str, ItemSubject] = {}

    def item(self, row: Mapping[str, Any], where: str) -> Item:
        prompt = TOKENS.sub("", _text(row, "prompt", where))
        subjects = self._subjects_of(row, where)
        for subject in subjects:
            if self._known.setdefault(subject.id, subject) != subject:
                raise UserError(
                    f"the subject {subject.id!r} has other references or another category "
                    "than in a row before",
                    where=where,
                    fix="give two individuals two ids",
                )
        pair = "+".join(subject.id for subject in subjects)
        seed = row.get("seed")
        if seed is not None and not re.fullmatch(r"-?[0-9]+", str(seed)):
            raise UserError(
                f"seed {seed!r} is not a whole number", where=where, fix="for example 0"
            )
        categories = [subject.category or "unknown" for subject in subjects]
        wanted = _text(row, "path", where)
        path = self._inside(wanted, where)
        return Item(
            method=self.method or _text(row, "method", where, default=self.folder.name),
            pair=pair,
            prompt_id="p" + hashlib.sha256(prompt.encode()).hexdigest()[:8],
            seed=NO_SEED if seed is None else str(seed),
            prompt=prompt,
            subjects=subjects,
            type=f"[{', '.join(categories)}]",
            path=path if path.exists() else None,
            wanted=wanted,
        )

    def _inside(self, text: str, where: str) -> Path:
        try:
            path = (self.folder / text).resolve()
            path.exists()  # a name that is too long shows here
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"the path {text!r} cannot be followed: {error}",
                where=where,
                fix="a plain file beside the manifest is needed, not a loop of links",
            ) from error
        if not path.is_relative_to(self.folder):
            raise UserError(
                f"the path {text!r} leads outside the manifest's folder",
                where=where,
                fix="copy the file into the folder and give a relative path",
            )
        return path

    def _subjects_of(self, row: Mapping[str, Any], where: str) -> tuple[ItemSubject, ...]:
        ids, sets = _list(row, "subjects", where), _list(row, "references", where)
        categories: Sequence[str | None] = _list(row, "categories", where)
        if not ids and not sets:
            raise UserError("neither subjects nor references", where=where, fix="give one of them")
        if len(sets) == 1 and len(ids) > 1:
            ids = sets  # one set of images for several subjects: scored as one
        folders = not sets  # subjects alone name folders; references may be paths
        sets, ids = sets or ids, ids or [Path(name).stem for name in sets]
        for name in ids:
            if "/" in name or name in (".", ".."):
                raise UserError(f"{name!r} cannot be an id", where=where, fix="a plain name")
        if len(sets) != len(ids):
            raise UserError(
                f"{len(ids)} subjects but {len(sets)} references",
                where=where,
                fix="one reference set for each subject, separated by ';' (or one for all)",
            )
        if len(set(ids)) != len(ids):
            raise UserError(
                f"the subject {max(ids, key=ids.count)!r} appears twice in one video",
                where=where,
                fix="give two individuals two ids, for example bear1;bear2",
            )
        if categories and len(categories) != len(ids):
            raise UserError(
                f"{len(ids)} subjects but {len(categories)} categories",
                where=where,
                fix="one category for each subject, separated by ';'",
            )
        known = [self.suite.subjects[i].category if i in self.suite.subjects else None for i in ids]
        return tuple(
            ItemSubject(i, category, self._images(name, where, folder=folders))
            for i, name, category in zip(ids, sets, categories or known, strict=True)
        )

    def _images(self, name: str, where: str, *, folder: bool) -> tuple[Reference, ...]:
        if name not in self._sets:
            self._sets[name] = self._read_set(name, where, folder=folder)
        return self._sets[name]

    def _read_set(self, name: str, where: str, *, folder: bool) -> tuple[Reference, ...]:
        inside = self._inside(name, where)
        if "/" in name or (not folder and inside.is_file()) or name in (".", ".."):
            return images_in(inside)
        return find_references([name], self.references)[name]


def _usual_references(folder: Path, suite: Suite) -> Path:
    beside = folder / "references"
    return beside if beside.is_dir() else data_dir(suite.name) / "refs"


def _text(row: Mapping[str, Any], column: str, where: str, default: str | None = None) -> str:
    value = row.get(column, default)
    if not isinstance(value, str) or not value.strip():
        raise UserError(
            f"{column} is {'missing' if value is None else f'not a text: {value!r}'}",
            where=where,
            fix=f"give {column} as a text",
        )
    return _printable(value, column, where)


def _list(row: Mapping[str, Any], column: str, where: str) -> list[str]:
    value = row.get(column, [])
    if isinstance(value, str):
        value = [part.strip() for part in value.split(";") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise UserError(
            f"{column} is not a list of texts: {value!r}",
            where=where,
            fix="separate the parts by ';' (in JSON: a list of strings)",
        )
    return [_printable(part, column, where) for part in value]


def _printable(text: str, column: str, where: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise UserError(
            f"{column} holds a control character: {text[:80]!r}", where=where, fix="remove it"
        )
    return text
