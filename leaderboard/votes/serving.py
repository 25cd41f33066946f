"""Serves a study to its raters: one process, strict headers, nothing from elsewhere."""

import os
from pathlib import Path

from customstudio.errors import UserError
from customstudio.leaderboard.votes.study import Folder

APP = Path(__file__).with_name("app.py")
STUDY_VARIABLE = "CUSTOMSTUDIO_STUDY"


def serve(root: Path, *, host: str = "127.0.0.1", port: int = 8502) -> None:
    """Serve a study until it is stopped.

    Args:
        root: the study's folder.
        host: where to listen; a study for others belongs behind a proxy with TLS.

    Raises:
        UserError: no study there, or Streamlit is not installed.
    """
    folder = Folder(root)
    folder.votes.version()  # makes the database, or says why it cannot
    os.environ[STUDY_VARIABLE] = str(folder.root.resolve())
    try:
        from starlette.middleware import Middleware
        from streamlit.web.server.starlette.starlette_app import App

        from customstudio.leaderboard.serve import Headers, options
    except ImportError as error:
        raise UserError(
            "the leaderboard's packages are not installed",
            where=str(error.name),
            fix="pip install 'customstudio[board]'",
        ) from error
    App(APP, middleware=[Middleware(Headers)]).run(config=options(host, port))
