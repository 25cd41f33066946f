"""Which suite a command means: one by name, an exported folder, or the user's own."""

from pathlib import Path

from customstudio.errors import UserError
from customstudio.suites.load import SUITES, load_declaration, load_suite
from customstudio.suites.schema import Suite


def choose(
    name: str,
    prompt_set: str | None = None,
    references: Path | None = None,
    prompts: Path | None = None,
    seeds: int = 1,
) -> Suite:
    """The suite that the options of a command name.

    Args:
        seeds: number of seeds, from 0, of suite `custom`; others have their own.

    Raises:
        UserError: an unknown suite or prompt set, or `custom` without references and prompts.
    """
    if name != "custom":
        if prompts is not None:
            raise UserError(
                f"suite {name} has its own prompts",
                where="--prompts",
                fix="leave it out, or use suite `custom`",
            )
        if seeds != 1:
            raise UserError(
                f"suite {name} has its own seeds",
                where="--seeds",
                fix="leave it out, or use suite `custom`",
            )
        return load_suite(name, prompt_set=prompt_set, references=references)
    if prompt_set is not None:
        raise UserError(
            "suite custom has no prompt sets", where="--prompt-set", fix="give --prompts FILE"
        )
    if references is None or prompts is None:
        raise UserError(
            "suite custom needs a folder of references and a file of prompts",
            where="suite custom",
            fix="give --references DIR --prompts FILE",
        )
    from customstudio.suites.custom import load_custom

    return load_custom(references, prompts, seeds=range(seeds))


def require_jobs(suite: Suite) -> None:
    """Check that there is something to make.

    Raises:
        UserError: the suite has no jobs; says what is not published.
    """
    if suite.jobs:
        return
    missing = "; ".join(suite.unpublished) or "no pair takes any of its prompts"
    yours = suite.name in SUITES and load_declaration(suite.name).subjects_from_references
    fix = "give your own subjects: --references DIR"
    if not yours:
        fix = "use suite custom with your own subjects and prompts: --references DIR --prompts FILE"
    raise UserError(
        f"suite {suite.name} has no jobs ({suite.label})",
        where=f"unpublished: {missing}",
        fix=fix,
    )
