"""The tables of a user's own suite: which subjects appear together, and in which prompts."""

from pathlib import Path

from customstudio.errors import UserError, some
from customstudio.suites.prompts import placeholders
from customstudio.suites.schema import Pair, Prompt, Subject
from customstudio.suites.tables import check_id, check_template, read_csv, read_text


def read_pairs(table: Path, subjects: dict[str, Subject]) -> dict[str, Pair]:
    """The pairs that a table names, or each subject by itself where there is no table.

    Raises:
        UserError: a pair repeats, repeats a subject, or names one without images.
    """
    rows = [{"subjects": name} for name in subjects]
    if table.exists():
        rows = read_csv(table, ("subjects",), ("type", "template_set"))
    pairs: dict[str, Pair] = {}
    for number, row in enumerate(rows, start=2):
        members = tuple(row["subjects"].split("+"))
        unknown = [name for name in members if name not in subjects]
        if unknown or len(set(members)) != len(members) or row["subjects"] in pairs:
            raise UserError(
                f"{row['subjects']!r} is there twice, repeats a subject or has one without images",
                where=f"{table}, row {number}",
                fix=f"subjects with images: {some(list(subjects), 12)}",
            )
        nouns = [subjects[name].prompt_noun for name in members]
        categories = ", ".join(subjects[name].category for name in members)
        pairs[row["subjects"]] = Pair(
            id=row["subjects"],
            subjects=members,
            type=row.get("type") or f"[{categories}]",
            template_set=row.get("template_set") or str(len(members)),
            same_noun=len(set(nouns)) < len(nouns),
            evidence="pairs.csv" if table.exists() else "each subject by itself",
        )
    return pairs


def read_prompts(path: Path) -> dict[str, Prompt]:
    """The templates of a text file or of a CSV table.

    Raises:
        UserError: a missing column, a repeated id, a template without its subjects, or none at all.
    """
    if path.suffix.lower() == ".csv":
        rows = read_csv(path, ("text",), ("id", "template_set", "source"))
    else:
        lines = (line.strip() for line in read_text(path).splitlines())
        rows = [{"text": line} for line in lines if line and not line.startswith("#")]
    prompts: dict[str, Prompt] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{path}, prompt {number}"
        check_template(row["text"], max(placeholders(row["text"]), default=1), where)
        name = check_id(row.get("id") or f"p{number:03d}", where)
        if name in prompts:
            raise UserError(f"the id {name!r} is there twice", where=where, fix="rename one")
        size = str(len(placeholders(row["text"])))
        prompts[name] = Prompt(
            id=name,
            text=row["text"],
            template_set=row.get("template_set") or size,
            source=row.get("source") or path.name,
        )
    if not prompts:
        raise UserError("no prompts", where=str(path), fix="write one template a line")
    return prompts


def check_fit(pairs: dict[str, Pair], prompts: dict[str, Prompt], path: Path) -> None:
    """Check that each prompt has a pair that takes it and names all of that pair's subjects.

    Raises:
        UserError: a prompt without a pair, or one of another size than its pair.
    """
    for prompt in prompts.values():
        takers = [pair for pair in pairs.values() if pair.template_set == prompt.template_set]
        if not takers:
            count = len(placeholders(prompt.text))
            raise UserError(
                f"no pair takes the prompt {prompt.id!r} ({count} subject(s))",
                where=str(path),
                fix="list the subjects that appear together in pairs.csv, in the references",
            )
        for pair in takers:
            check_template(prompt.text, len(pair.subjects), f"{path}, {prompt.id}, pair {pair.id}")
