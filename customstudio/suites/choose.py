"""Which suite a command means: one by name, an exported folder, or the user's own."""

from pathlib import Path

from customstudio.errors import UserError
from customstudio.suites.load import load_suite
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
        return load_suite(name, prompt_set=prompt_set, references=references)
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
    raise UserError(
        f"suite {suite.name} has no jobs ({suite.label})",
        where=f"unpublished: {missing}",
        fix="where subjects are yours to give, pass --references DIR; else use another suite",
    )
