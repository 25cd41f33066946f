"""`customstudio weights`: the networks' files."""

from pathlib import Path
from typing import Annotated

import typer

from customstudio.cli.options import WeightsDir

app = typer.Typer(help="The networks: list, fetch, verify.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Networks.", show_default="all")]


@app.command("list")
def list_networks() -> None:
    """Every network: its source, licence, size, published digest, and the metrics that use it."""
    from customstudio.cli.console import console
    from customstudio.weights.networks import manifest

    for network in manifest().values():
        console.print(f"[bold]{network.id}[/]  {network.title}", markup=True)
        console.print(f"  licence  {network.licence}", markup=False)
        if network.used_by:
            console.print(f"  used by  {', '.join(network.used_by)}", markup=False)
        for file in network.files:
            published = file.published or ("random" if network.toy else "unrecorded")
            console.print(
                f"  file     {file.name}  {file.size}  SHA-256 {published}  "
                + ("comes with the package" if network.embedded else file.origin),
                markup=False,
            )


@app.command()
def fetch(ids: Ids = None, weights_dir: WeightsDir = None) -> None:
    """Fetch what is missing; licence and size are shown before anything moves."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    from customstudio.cli.console import console, err
    from customstudio.weights.fetch import fetch as fetch_files
    from customstudio.weights.store import Store

    store = Store(weights_dir)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        bar = bars.add_task("", total=None)
        done = fetch_files(
            store,
            ids or [],
            announce=lambda line: console.print(line, markup=False),
            progress=lambda have, total: bars.update(bar, completed=have, total=total),
        )
    console.print(f"{len(done)} file(s) fetched into {store.directory}", markup=False)


@app.command()
def verify(ids: Ids = None, weights_dir: WeightsDir = None) -> None:
    """Hash every file that is there and say what it is; exit 1 if one is not the expected file."""
    from customstudio.cli.console import console
    from customstudio.weights.store import Store
    from customstudio.weights.verify import verify as check

    store = Store(weights_dir)
    console.print(f"weights in {store.directory}", markup=False)
    bad = False
    for row in check(store, ids or []):
        bad |= row.wrong
        console.print(
            f"{row.state:<11} {row.network}/{row.file}  {row.sha256 or '-'}  {row.note}",
            markup=False,
        )
    if bad:
        raise typer.Exit(1)


@app.command()
def random(
    to: Annotated[Path, typer.Option(help="Folder that gets them; use it as --weights-dir.")],
    ids: Ids = None,
    toy: Annotated[bool, typer.Option("--toy", help="The tiny twins, not the full sizes.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the values.")] = 0,
) -> None:
    """Write checkpoints of seeded random values: to try things out, never to score with."""
    from customstudio.cli.console import console
    from customstudio.weights.random_weights import write

    for path in write(to, ids or [], toy=toy, seed=seed):
        console.print(str(path), markup=False)
