"""`customstudio methods`: what can generate, and where each setting comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec

app = typer.Typer(help="The methods that can generate.", no_args_is_help=True)


@app.command("list")
def list_methods() -> None:
    """Every method, those of plug-ins too, and every base model."""
    from customstudio.baselines import catalog
    from customstudio.cli.console import console, err, plain_table

    table, origins = plain_table("method", "kind", "base", "trains"), {}
    problems = list(catalog.clashes().values())
    for name in catalog.names():
        try:
            card, origins[name] = catalog.card(name), catalog.origin(name)
        except UserError as error:
            problems.append(error)
            continue
        table.add_row(name, card.kind, card.base, card.trains)
    console.print(table)
    console.print()
    bases = plain_table("base", "repository", "revision", "licence")
    for name in catalog.BASES:
        base = catalog.base(name)
        bases.add_row(name, base.repository, base.revision or "newest", base.licence)
    console.print(bases)
    for name, origin in origins.items():
        if origin:
            console.print(f"plug-in {name}: {origin.package} {origin.version}", markup=False)
    for problem in problems:
        err.print(str(problem), markup=False)


@app.command()
def show(method: str) -> None:
    """One method: its card, and every option with its default and where that comes from."""
    from customstudio.baselines import catalog
    from customstudio.cli.console import console

    card, defaults = catalog.card(method), catalog.defaults(method).model_dump()
    lines = [
        f"{card.id}: {card.title} ({card.kind})",
        f"  paper: {card.paper}",
        f"  base: {card.base}" + (f" (works on {', '.join(card.only_on)})" if card.only_on else ""),
        *([f"        {_published(catalog.base(card.base))}"] if card.base != "none" else []),
        f"  trains: {card.trains}",
        f"  code: {card.code_licence}",
        f"  weights: {card.weights_licence}",
    ]
    if origin := catalog.origin(method):
        lines.append(f"  package: {origin.package} {origin.version}")
    if card.differs:
        lines.append(f"  differs: {card.differs}")
    lines.append("  options (--set NAME=VALUE):")
    lines += [f"    {name} = {_text(defaults[name])}   {card.settings[name]}" for name in defaults]
    if card.open_points:
        lines.append("  what the paper leaves open:")
    for point in card.open_points:
        option = f" [{point.option}]" if point.option else ""
        lines += [f"    {point.question}", f"      {point.choice}{option}"]
    console.print("\n".join(lines), markup=False)
    warn_of_clash(method)


def _published(base: "BaseSpec") -> str:
    """Where a base model is from."""
    return f"{base.repository} at {base.revision or 'the newest revision'}; {base.licence}"


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the method: lower-case letters, digits, _.")],
    to: Annotated[Path, typer.Option(help="Where the package's folder goes.")] = Path(),
) -> None:
    """Write a package for a method of your own: a method file, a test, an entry point."""
    from customstudio.cli.console import console
    from customstudio.generation.skeleton import write_skeleton

    folder = write_skeleton(name, to)
    lines = [
        f"wrote {folder}: customstudio_{name}.py (the method and its card), tests, pyproject.toml",
        "next:",
        f"  pip install --editable {folder}",
        f"  pytest {folder}",
        f"  customstudio methods show {name}",
    ]
    console.print("\n".join(lines), markup=False)


def warn_of_clash(method: str) -> None:
    """Say that a plug-in of a built-in method's name is not what is used."""
    from customstudio.baselines import catalog
    from customstudio.cli.console import err

    if method in catalog.METHODS and method in (clashes := catalog.clashes()):
        err.print(str(clashes[method]), markup=False)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else repr(value)
