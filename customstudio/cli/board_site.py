"""`customstudio board serve` and `board build`: the leaderboard as an app, and as static pages."""

from pathlib import Path
from typing import Annotated

import typer

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="Folder of the store.", show_default="$CUSTOMSTUDIO_STORE"),
]


def serve(
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
) -> None:
    """Serve the leaderboard of a store until it is stopped."""
    from customstudio.leaderboard.serve import serve as run
    from customstudio.submissions.store import default_store

    typer.echo(f"leaderboard: http://{'localhost' if host == '127.0.0.1' else host}:{port}")
    run(store or default_store(), host=host, port=port)


def build(
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("site"),
    store: StoreOption = None,
    address: Annotated[
        str, typer.Option(help="Where the pages will be, for the feed: https://...")
    ] = "",
    videos: Annotated[
        bool, typer.Option("--videos/--no-videos", help="Copy the videos' previews into the site.")
    ] = True,
) -> None:
    """Write the leaderboard of a store as static pages, for any web host."""
    from customstudio.leaderboard.site.build import build as write
    from customstudio.submissions.store import Store, default_store

    built = write(Store(store or default_store()), out, address=address, videos=videos)
    typer.echo(f"wrote {built.files:,} files: {out / 'index.html'}")
    typer.echo(built.videos)
