"""`customstudio submit`: make a submission, check it as every store does, and send it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli import options

if TYPE_CHECKING:
    from customstudio.client import Server
    from customstudio.submissions.contents import Contents
    from customstudio.submissions.keys import Key
    from customstudio.submissions.schema import Verdict
    from customstudio.submissions.store import Store


def submit(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    card: Annotated[Path, typer.Option(help="The method's card (TOML).")],
    check: Annotated[bool, typer.Option("--check", help="Only check; send nothing.")] = False,
    to: options.To = None,
    method: Annotated[
        str | None, typer.Option(help="Which method, where the run has several.")
    ] = None,
    supersedes: Annotated[
        str | None, typer.Option(help="Id of your submission that this one takes the place of.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Also write the submission as a .zip file.")
    ] = None,
) -> None:
    """Make a submission from a run, check it as every store does, and send it.

    The same run, card and key make the same submission: sending it twice does nothing twice.
    """
    from customstudio.errors import raise_all
    from customstudio.submissions import build
    from customstudio.submissions.gate import check as gate
    from customstudio.submissions.keys import owner_key

    method_card = build.read_card(card)
    key = owner_key()
    if supersedes:
        supersedes = target_of(to).entry(supersedes).entry.id
    contents = build.build(run, method_card, owner=key.public, method=method, supersedes=supersedes)
    if check or save:
        verdict = gate(contents).verdict
        raise_all([finding.error() for finding in verdict.findings])
        print_verdict(verdict, contents)
    if save:
        from customstudio.files import write_bytes
        from customstudio.submissions.archive import pack

        write_bytes(save, pack(contents))
        typer.echo(f"saved: {save}")
    if not check:
        publish(target_of(to), contents, key)


def server_of(named: str | None) -> "Server | None":
    """The server that is named, or that `$CUSTOMSTUDIO_STORE` names; None for a folder."""
    from customstudio.client import Server, is_address
    from customstudio.submissions.place import STORE

    address = named or os.environ.get(STORE, "")
    return Server(address) if is_address(address) else None


def target_of(named: str | None) -> "Server | Store":
    """The server or the store that is named; None: the default one."""
    from customstudio.submissions.store import Store, default_store

    return server_of(named) or Store(Path(named) if named else default_store())


def publish(target: "Server | Store", contents: "Contents", key: "Key") -> None:
    """Send a submission, and say what became of it."""
    from customstudio.submissions.store import Store

    published = target.publish(contents, key)
    entry = published.entry
    where = target.root if isinstance(target, Store) else target.address
    typer.echo(f"{'published' if published.new else 'there already'}: {entry.id}")
    typer.echo(f"section: {entry.section}; tier: self-reported; store: {where}")
    for reason in entry.unofficial_because:
        typer.echo(f"unofficial: {reason}")
    for flag in entry.flags:
        typer.echo(f"for a maintainer to look at: {flag}")


def print_verdict(verdict: "Verdict", contents: "Contents") -> None:
    """Say what the gate found of a submission that passed."""
    typer.echo(f"passed: {verdict.id} ({contents.bytes:,} bytes)")
    typer.echo(f"section: {verdict.section}")
    for reason in verdict.unofficial_because:
        typer.echo(f"unofficial: {reason}")
    for flag in verdict.flags:
        typer.echo(f"for a maintainer to look at: {flag}")
