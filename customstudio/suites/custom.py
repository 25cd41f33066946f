"""A suite of one's own: a folder of reference images and a file of prompts."""

import re
from collections.abc import Sequence
from pathlib import Path

from customstudio.errors import UserError, some
from customstudio.suites.custom_tables import check_fit, read_pairs, read_prompts
from customstudio.suites.declaration import FromReferences
from customstudio.suites.images import image_files
from customstudio.suites.schema import Pair, Subject, Suite, VideoSpec
from customstudio.suites.tables import check_id, read_csv

UNSPECIFIED = "unspecified"
"""The category of a subject whose category nobody named."""


def load_custom(
    references: Path,
    prompts: Path,
    *,
    seeds: Sequence[int] = (0,),
    video: VideoSpec | None = None,
) -> Suite:
    """A suite from `references/<subject>/<NN>.jpg` and a prompts file.

    Prompts are a text file with a template a line, or a CSV table with the column `text` (and, if
    wanted, `id`, `template_set`, `source`). `<c1>` to `<c9>` stand for the subjects. In the folder
    of references, `subjects.csv` may name nouns and categories (`id`, and `class_noun`,
    `prompt_noun`, `category`) and `pairs.csv` the subjects that appear together (`subjects`,
    joined by `+`, and `type`, `template_set`); without it each subject appears alone. A pair takes
    the prompts that name as many subjects as it has, unless template sets say otherwise.

    Raises:
        UserError: no folders with images, a missing column, an id or a template that cannot be,
            or a prompt that no pair takes.
    """
    subjects = _subjects(references)
    pairs = read_pairs(references / "pairs.csv", subjects)
    templates = read_prompts(prompts)
    check_fit(pairs, templates, prompts)
    return Suite(
        name="custom",
        version="local",
        title="Custom suite",
        label="custom suite",
        source="a user's own references and prompts",
        prompt_set="custom",
        prompt_sets=("custom",),
        seeds=tuple(seeds),
        video=video,
        subjects=subjects,
        pairs=pairs,
        prompts=templates,
    )


def with_subjects(suite: Suite, rule: FromReferences, references: Path) -> Suite:
    """The same suite with one subject, and one pair, for each of the user's folders.

    Raises:
        UserError: there are no folders with images.
    """
    names = _folders(references)
    evidence = "a folder of the user's own"
    subjects = {
        name: Subject(
            id=name,
            class_noun=rule.class_noun,
            prompt_noun=rule.prompt_noun,
            category=rule.category,
            evidence=evidence,
        )
        for name in names
    }
    pairs = {
        name: Pair(
            id=name,
            subjects=(name,),
            type=rule.type,
            template_set=rule.template_set,
            evidence=evidence,
        )
        for name in names
    }
    # Not model_copy: it would copy a digest and jobs that were computed before.
    return Suite.model_validate({**suite.model_dump(), "subjects": subjects, "pairs": pairs})


def noun_of(folder: str) -> str:
    """The noun that a folder's name suggests: words, without a number at the end.

    >>> noun_of("red_backpack"), noun_of("cat2"), noun_of("007")
    ('red backpack', 'cat', '007')
    """
    words = re.sub(r"[_\-.]+", " ", folder)
    return re.sub(r"\s*\d+$", "", words).strip() or folder


def _folders(references: Path) -> tuple[str, ...]:
    if not references.is_dir():
        raise UserError(
            "no such folder of reference images", where=str(references), fix="check the path"
        )
    names = tuple(sorted(p.name for p in references.iterdir() if p.is_dir() and image_files(p)))
    if not names:
        raise UserError(
            "no folders with images",
            where=str(references),
            fix="put each subject's images into a folder of its own, as in my_cat/00.jpg",
        )
    return tuple(check_id(name, where=f"{references}/{name}") for name in names)


def _subjects(references: Path) -> dict[str, Subject]:
    table = references / "subjects.csv"
    rows: dict[str, dict[str, str]] = {}
    if table.exists():
        optional = ("class_noun", "prompt_noun", "category", "licence")
        rows = {row["id"]: row for row in read_csv(table, ("id",), optional)}
    folders = _folders(references)
    strangers = [name for name in rows if name not in folders]
    if strangers:
        raise UserError(
            f"{len(strangers)} subject(s) without a folder of images: {some(strangers)}",
            where=str(table),
            fix="add the folders, or take the rows out",
        )
    return {name: _subject(name, rows.get(name, {})) for name in folders}


def _subject(name: str, row: dict[str, str]) -> Subject:
    noun = row.get("prompt_noun") or row.get("class_noun") or noun_of(name)
    return Subject(
        id=name,
        class_noun=row.get("class_noun") or noun,
        prompt_noun=noun,
        category=row.get("category") or UNSPECIFIED,
        source_path=name,
        licence=row.get("licence", ""),
        evidence="subjects.csv" if row else "named after its folder",
    )
