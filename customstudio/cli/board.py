"""`customstudio board`: the leaderboard and what its maintainers do."""

import typer

from customstudio.cli.board_checks import verify, videos
from customstudio.cli.board_site import build, serve

app = typer.Typer(help="Leaderboard: serve it, and check what is on it.", no_args_is_help=True)


@app.callback()
def board() -> None:
    """Leaderboard: serve it, and check what is on it."""


app.command()(serve)
app.command()(build)
app.command()(verify)
app.command()(videos)
