"""Load a suite by name, or one that was exported, by its folder."""

from pathlib import Path

from customstudio.errors import UserError, did_you_mean
from customstudio.suites.declaration import DATA, Declaration, read_declaration
from customstudio.suites.schema import Pair, Prompt, Subject, Suite
from customstudio.suites.tables import (
    PAIR_COLUMNS,
    PROMPT_COLUMNS,
    SUBJECT_COLUMNS,
    TEMPLATE_SET,
    pairs_from,
    prompts_from,
    read_csv,
    subjects_from,
)

SUITES: tuple[str, ...] = (
    "customstudio",
    "multistudio",
    "customcrafter",
    "vcd",
    "videomaker-human",
    "videomaker-object",
    "mini",
    "mini-dev",
)
"""The suites that come with the package; `custom` is any folder of yours (`load_custom`)."""
EMBEDDED: tuple[str, ...] = ("mini", "mini-dev")
"""Those that CustomStudio renders itself: never official."""


def load_suite(
    name: str, *, prompt_set: str | None = None, references: Path | None = None
) -> Suite:
    """A suite with one of its prompt sets (its default one unless another is named).

    A name that is a folder, such as `exported/`, is a suite written by `suites export`. Where a
    suite leaves its subjects to the user (`videomaker-human`), the folders under `references` are
    the subjects; without it, such a suite has no jobs.

    Raises:
        UserError: no such suite or prompt set, or `references` holds no folders of images.
    """
    if "/" in name or name in {".", ".."}:
        from customstudio.suites.hub import read_suite

        return read_suite(Path(name), prompt_set=prompt_set)
    declaration = load_declaration(name)
    suite = suite_in(DATA / name, declaration, prompt_set)
    if references is not None and declaration.subjects_from_references is not None:
        from customstudio.suites.custom import with_subjects

        return with_subjects(suite, declaration.subjects_from_references, references)
    return suite


def load_declaration(name: str) -> Declaration:
    """What a suite's `suite.toml` declares: sources, expected counts, notes.

    Raises:
        UserError: no such suite.
    """
    if name not in SUITES:
        fix = did_you_mean(name, SUITES)
        if name == "custom":
            fix = "give your own with --references DIR --prompts FILE (in Python: load_custom)"
        elif Path(name).is_dir():
            fix = f"an exported suite is named by its folder: ./{name}"
        raise UserError(f"unknown suite {name!r}", where="the name of the suite", fix=fix)
    return read_declaration(DATA / name)


def suite_in(folder: Path, declaration: Declaration, prompt_set: str | None) -> Suite:
    """The suite whose tables are in a folder."""
    chosen = choose_prompt_set(declaration.name, prompt_set, declaration)
    subjects, pairs, prompts = _tables(folder, declaration, chosen)
    return Suite(
        name=declaration.name,
        version=declaration.version,
        title=declaration.title,
        label=declaration.label,
        source=declaration.source,
        prompt_set=chosen,
        prompt_sets=declaration.prompt_sets,
        seeds=declaration.seeds,
        video=declaration.video,
        subjects=subjects,
        pairs=pairs,
        prompts=prompts,
        unpublished=declaration.unpublished,
    )


def choose_prompt_set(name: str, wanted: str | None, declaration: Declaration) -> str:
    """The prompt set that was asked for, or the default one.

    Raises:
        UserError: the suite has no such prompt set.
    """
    if wanted is None:
        return declaration.prompt_set
    if wanted not in declaration.prompt_sets:
        raise UserError(
            f"unknown prompt set {wanted!r}",
            where=f"suite {name}",
            fix=did_you_mean(wanted, declaration.prompt_sets),
        )
    return wanted


def _tables(
    folder: Path, declaration: Declaration, prompt_set: str
) -> tuple[dict[str, Subject], dict[str, Pair], dict[str, Prompt]]:
    pair_rows = read_csv(folder / "pairs.csv", PAIR_COLUMNS, optional=None)
    if pair_rows and TEMPLATE_SET + prompt_set not in pair_rows[0]:
        raise UserError(
            f"the column {TEMPLATE_SET + prompt_set!r} is missing",
            where=str(folder / "pairs.csv"),
            fix="add it: it says which templates each pair takes",
        )
    return (
        subjects_from(read_csv(folder / "subjects.csv", SUBJECT_COLUMNS)),
        pairs_from(pair_rows, prompt_set),
        prompts_from(read_csv(folder / "prompts.csv", PROMPT_COLUMNS), prompt_set),
    )
