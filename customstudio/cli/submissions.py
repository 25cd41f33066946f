"""`customstudio submissions`: see what a store holds, check it, withdraw."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli.options import Json, To
from customstudio.cli.submit import print_verdict, server_of

if TYPE_CHECKING:
    from customstudio.submissions.store import Store

app = typer.Typer(help="Submissions in a store: list, show, check, withdraw.", no_args_is_help=True)
StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Folder of the store.", show_default="$CUSTOMSTUDIO_STORE"),
]
IdArg = Annotated[str, typer.Argument(help="A submission's id, or the beginning of it.")]


@app.command("list")
def list_submissions(store: StoreOption = None, json_out: Json = False) -> None:
    """All submissions of a store, withdrawn ones too."""
    from rich.text import Text

    from customstudio.cli.console import console, plain_table

    opened = open_store(store)
    listed = opened.submissions()
    _warn(opened)
    if json_out:
        import json

        document = [one.model_dump(mode="json") for one in listed]
        typer.echo(json.dumps(document, indent=1))
        return
    table = plain_table("id", "method", "suite", "protocol", "section", "status")
    for one in listed:
        entry = one.entry
        suite = f"{entry.suite.name} {entry.suite.version}"
        cells = (entry.id[:12], entry.card.name, suite, entry.protocol, entry.section,
                 _status(one.state.model_dump()))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


@app.command()
def show(submission: IdArg, store: StoreOption = None, json_out: Json = False) -> None:
    """One submission: card, results as recomputed by the store, events."""
    opened = open_store(store)
    one = opened.entry(submission)
    events = opened.events(one.entry.id)
    if json_out:
        import json

        document = one.model_dump(mode="json")
        document["events"] = [event.model_dump(mode="json") for event in events]
        typer.echo(json.dumps(document, indent=1))
        return
    entry = one.entry
    card = entry.card
    typer.echo(f"{card.name} ({', '.join(card.authors)}, {card.year})")
    typer.echo(f"id: {entry.id}\nowner: {entry.owner}")
    typer.echo(f"suite: {entry.suite.name} {entry.suite.version}, {entry.suite.prompt_set}")
    typer.echo(f"protocol: {entry.protocol}; section: {entry.section}; {entry.bytes:,} bytes")
    typer.echo(f"status: {_status(one.state.model_dump())}")
    for text in (*entry.unofficial_because, *entry.flags):
        typer.echo(f"note: {text}")
    for key, value in entry.overall.items():
        if value.mean is not None and value.low is not None:
            typer.echo(f"  {key}: {value.mean:.4f} ({value.low:.4f} to {value.high:.4f})")
        elif value.mean is not None:
            typer.echo(f"  {key}: {value.mean:.4f}")
    for event in events:
        about = f": {event.about}" if event.about else ""
        typer.echo(f"{event.at} {event.kind} by {event.by[:12]}{about}")


@app.command("check")
def check_submission(
    submission: Annotated[str, typer.Argument(help="A .zip, a folder, or an id in the store.")],
    store: StoreOption = None,
) -> None:
    """Check a submission's hashes and run the gate on it."""
    from customstudio.errors import raise_all
    from customstudio.submissions.archive import read_archive
    from customstudio.submissions.contents import read_folder
    from customstudio.submissions.gate import check as gate
    from customstudio.submissions.recovery import EVENTS

    path = Path(submission)
    if os.path.isdir(path):  # False too for what no path can be
        contents = read_folder(path, beside=(EVENTS,))
    elif os.path.exists(path):
        contents = read_archive(path)
    else:
        contents = open_store(store).contents(submission)
    verdict = gate(contents).verdict
    raise_all([finding.error() for finding in verdict.findings])
    print_verdict(verdict, contents)


@app.command()
def withdraw(
    submission: IdArg,
    store: To = None,
    about: Annotated[str | None, typer.Option(help="Why, in a sentence.")] = None,
) -> None:
    """Take a submission of yours off the boards; a tombstone stays."""
    from pydantic import ValidationError

    from customstudio.errors import UserError
    from customstudio.submissions.keys import owner_key

    opened = server_of(store) or open_store(store)
    entry = opened.entry(submission).entry
    try:
        new = opened.withdraw(entry.id, owner_key(), about)
    except ValidationError as error:
        raise UserError(
            error.errors()[0]["msg"], where="--about", fix="say it in plain words"
        ) from error
    typer.echo(f"{'withdrawn' if new else 'withdrawn already'}: {entry.id}")


def open_store(named: str | None) -> "Store":
    """The store in a folder; None: the default one."""
    from customstudio.client import is_address
    from customstudio.errors import UserError
    from customstudio.submissions.store import Store, default_store

    if named and is_address(named):
        raise UserError(
            "this needs a store's folder, not a server",
            where=f"--store {named[:200]!a}",
            fix="look at the board in a browser, or download the submission from there",
        )
    return Store(Path(named) if named else default_store())


def _warn(store: "Store") -> None:
    for alarm in store.alarms:
        typer.echo(f"warning: {alarm}", err=True)


def _status(state: dict[str, object]) -> str:
    if state["withdrawn"]:
        return "withdrawn"
    marks = [name for name in ("disputed", "flagged", "stale") if state[name]]
    if state["superseded_by"]:
        marks.append(f"superseded by {str(state['superseded_by'])[:12]}")
    return ", ".join([str(state["tier"]), *marks])
