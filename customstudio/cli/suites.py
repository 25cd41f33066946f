"""`customstudio suites`: what there is to make, and whether the tables are sound."""

from pathlib import Path
from typing import Annotated

import typer

from customstudio.cli.options import Json, Prompts, PromptSet, References, Seeds

app = typer.Typer(help="The suites: list, show, jobs, check, export.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite's name, `custom`, or an exported folder.")
]


@app.command(name="list")
def list_() -> None:
    """List the suites that come with the package."""
    from customstudio.cli import suite_tables
    from customstudio.cli.console import console
    from customstudio.suites.load import SUITES, load_suite

    console.print(suite_tables.overview([load_suite(name) for name in SUITES]))
    console.print("custom: your own folder (--references DIR --prompts FILE)")


@app.command()
def show(
    suite: Name,
    prompt_set: PromptSet = None,
    references: References = None,
    prompts: Prompts = None,
    seeds: Seeds = 1,
    subjects: Annotated[bool, typer.Option("--subjects", help="Every subject.")] = False,
    pairs: Annotated[bool, typer.Option("--pairs", help="Every pair.")] = False,
    templates: Annotated[bool, typer.Option("--templates", help="Every prompt template.")] = False,
) -> None:
    """Show a suite: counts, types, sources, and what its source has not published."""
    from customstudio.cli import suite_tables
    from customstudio.cli.console import console
    from customstudio.suites.choose import choose
    from customstudio.suites.load import SUITES, load_declaration

    chosen = choose(suite, prompt_set, references, prompts, seeds)
    declaration = load_declaration(suite) if suite in SUITES else None
    tables = (
        (subjects, suite_tables.subjects),
        (pairs, suite_tables.pairs),
        (templates, suite_tables.templates),
    )
    console.print(suite_tables.heading(chosen))
    if not (subjects or pairs or templates):
        console.print(suite_tables.summary(chosen, declaration))
    for wanted, table in tables:
        if wanted:
            suite_tables.listing().print(table(chosen))


@app.command()
def jobs(
    suite: Name,
    prompt_set: PromptSet = None,
    references: References = None,
    prompts: Prompts = None,
    seeds: Seeds = 1,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="A CSV table.")] = False,
) -> None:
    """Print every video to make: its id (and path), prompt with tokens, plain prompt."""
    from customstudio.cli import suite_tables
    from customstudio.cli.console import err
    from customstudio.errors import UserError
    from customstudio.suites.choose import choose, require_jobs

    if json and csv:
        raise UserError("--json and --csv at once", where="suites jobs", fix="choose one")
    chosen = choose(suite, prompt_set, references, prompts, seeds)
    require_jobs(chosen)
    err.print(suite_tables.heading(chosen))
    if json:
        typer.echo(suite_tables.jobs_json(chosen))
    elif csv:
        typer.echo(suite_tables.jobs_csv(chosen), nl=False)
    else:
        rows = ((job.id, job.prompt_with_tokens, job.prompt) for job in chosen.jobs)
        typer.echo("\n".join("\t".join(row) for row in rows))


@app.command()
def check(
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="All by default; or an exported folder.")
    ] = None,
    references: References = None,
) -> None:
    """Check counts, types, provenance, digests and templates, and that the images are there."""
    from customstudio.cli import suite_tables
    from customstudio.cli.console import console
    from customstudio.errors import raise_all
    from customstudio.suites.check import check_suite
    from customstudio.suites.load import SUITES, load_declaration, load_suite
    from customstudio.suites.references import find_references, unreadable

    problems = []
    for name in [suite] if suite else SUITES:
        # An exported folder has no declaration: reading it holds its tables to their digest.
        declaration = None if "/" in name else load_declaration(name)
        for prompt_set in declaration.prompt_sets if declaration else [None]:
            chosen = load_suite(name, prompt_set=prompt_set)
            problems += check_suite(chosen, declaration) if declaration else []
            console.print(suite_tables.checked(chosen))
        found = find_references(chosen, references)
        problems += unreadable(found)
        console.print(suite_tables.presence(chosen, found))
    raise_all(problems)
    console.print("the tables are sound")


@app.command()
def export(
    suite: Name,
    to: Annotated[Path, typer.Option(help="A new folder.")],
    prompt_set: PromptSet = None,
    references: References = None,
    prompts: Prompts = None,
    seeds: Seeds = 1,
) -> None:
    """Write a suite and its reference images as a Hugging Face dataset (Parquet)."""
    from customstudio.cli import suite_tables
    from customstudio.cli.console import console
    from customstudio.suites.choose import choose
    from customstudio.suites.hub import export as write

    chosen = choose(suite, prompt_set, references, prompts, seeds)
    write(chosen, to, references)
    console.print(suite_tables.heading(chosen))
    console.print(f"written to {to}; read it with datasets.load_dataset or load_exported")
    console.print("before you upload it: README.md there lists the licences of the images")
