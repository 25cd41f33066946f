"""The leaderboard as one ASGI process: Streamlit's pages, our routes, and strict headers."""

import base64
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customstudio.errors import UserError
from customstudio.leaderboard.sending import LOCAL

HERE = Path(__file__).parent


def options(host: str, port: int) -> dict[str, Any]:
    """Streamlit's options from our `.streamlit/config.toml`, with this host and port."""
    with (HERE / ".streamlit" / "config.toml").open("rb") as file:
        declared = dict(_flat(tomllib.load(file)))
    return {**declared, "server.address": host, "server.port": port}


def _flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def content_policy() -> str:
    """The content security policy: nothing from elsewhere, no inline script but Streamlit's own."""
    import streamlit

    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {allowed}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


class Headers:
    """Adds what every answer carries."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.headers = [
            (b"content-security-policy", content_policy().encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"SAMEORIGIN"),
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on, with our headers where the answer has none of its own."""

        async def answering(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [pair for pair in self.headers if pair[0] not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self.app(scope, receive, answering if scope["type"] == "http" else send)


def make_app() -> Any:
    """The ASGI application; the store is `$CUSTOMSTUDIO_STORE`."""
    from starlette.middleware import Middleware
    from streamlit.web.server.starlette.starlette_app import App

    from customstudio.leaderboard.routes import routes

    return App(HERE / "app.py", routes=routes(), middleware=[Middleware(Headers)])


def serve(store: Path, *, host: str = "127.0.0.1", port: int = 8501) -> None:
    """Serve the leaderboard until it is stopped.

    Args:
        store: folder of the store.
        host: where to listen; a leaderboard for others belongs behind a proxy with TLS.
        port: a free port.

    Raises:
        UserError: Streamlit is not installed, or the store cannot be opened.
    """
    os.environ["CUSTOMSTUDIO_STORE"] = str(store)
    os.environ[LOCAL] = host
    from customstudio.submissions.store import Store

    Store(store)  # its errors belong on the terminal
    try:
        app = make_app()
    except ImportError as error:
        raise UserError(
            "the leaderboard's packages are not installed",
            where=str(error.name),
            fix="pip install 'customstudio[board]'",
        ) from error
    app.run(config=options(host, port))
