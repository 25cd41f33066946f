"""`customstudio`: the entry point; a user's mistake is three lines and exit status 2."""

import errno
import sys
from typing import Annotated

import typer

from customstudio.cli import (
    anchors,
    baselines,
    board,
    data,
    demo,
    evaluate,
    generate,
    methods,
    metrics,
    mini,
    runs,
    study,
    submissions,
    submit,
    suites,
    weights,
)
from customstudio.errors import UserError

MACHINES = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG,
     errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
)  # fmt: skip
"""What a path or a disk can be at fault for, and we not."""

app = typer.Typer(
    name="customstudio",
    help="Benchmark suite for customized (subject-driven) text-to-video generation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
suites.app.command()(anchors.anchors)
app.add_typer(suites.app, name="suites")
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.add_typer(metrics.app, name="metrics")
app.add_typer(mini.app, name="mini")
app.add_typer(methods.app, name="methods")
app.command()(generate.generate)
app.add_typer(baselines.app, name="baselines")
app.command()(evaluate.evaluate)
app.command()(runs.merge)
app.command()(runs.rescore)
app.command()(runs.compare)
app.command()(runs.report)
app.command()(submit.submit)
app.add_typer(submissions.app, name="submissions")
app.add_typer(board.app, name="board")
app.add_typer(study.app, name="study")
app.command()(demo.demo)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Benchmark suite for customized (subject-driven) text-to-video generation."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"customstudio {installed('customstudio')}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the exit status is 0, 2 for a user's mistake, 130 for Ctrl-C."""
    try:
        app()
    except UserError as error:
        # Plain text: a path may hold what Rich would take for markup.
        print(error, file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.filename is None or error.errno not in MACHINES:
            raise
        what = f"cannot be read or written: {error.strerror}"
        fix = "check the path, and that you may read and write there"
        print(UserError(what, where=str(error.filename), fix=fix), file=sys.stderr)
        sys.exit(2)
