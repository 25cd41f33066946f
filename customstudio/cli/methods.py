"""`customstudio methods`: what can generate, and where each setting comes from."""

import typer

app = typer.Typer(help="The methods that can generate.", no_args_is_help=True)


@app.command("list")
def list_methods() -> None:
    """Every method and base model."""
    from customstudio.baselines import catalog
    from customstudio.cli.console import console, plain_table

    table = plain_table("method", "kind", "base", "trains")
    for name in catalog.METHODS:
        card = catalog.card(name)
        table.add_row(name, card.kind, card.base, card.trains)
    console.print(table)
    console.print()
    bases = plain_table("base", "repository", "revision", "licence")
    for name in catalog.BASES:
        base = catalog.base(name)
        bases.add_row(name, base.repository, base.revision or "newest", base.licence)
    console.print(bases)


@app.command()
def show(method: str) -> None:
    """One method: its card, and every option with its default and where that comes from."""
    from customstudio.baselines import catalog
    from customstudio.cli.console import console

    card, defaults = catalog.card(method), catalog.defaults(method).model_dump()
    lines = [
        f"{card.id}: {card.title} ({card.kind})",
        f"  paper: {card.paper}",
        f"  base: {card.base}",
        f"  trains: {card.trains}",
        f"  code: {card.code_licence}",
        f"  weights: {card.weights_licence}",
    ]
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


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else repr(value)
