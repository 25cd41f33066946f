"""A server of files on this machine, with byte ranges, and networks to fetch from it."""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from customstudio.weights.networks import Network, WeightFile


@dataclass
class FileServer:
    """What it serves, what was asked of it, and where to cut an answer off."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cut_after: int | None = None
    address: str = ""

    def network(self, name: str = "net.bin", **facts: object) -> Network:
        """A network of one file that this server has."""
        file = WeightFile.model_validate(
            {"name": name, "url": f"{self.address}/{name}", "megabytes": 0.1, **facts}
        )
        return Network(
            id="net",
            title="a network",
            kind="flow",
            architecture="x",
            files=(file,),
            licence="MIT",
            source="test",
        )


@pytest.fixture
def server() -> Iterator[FileServer]:
    """The server, on a free port of 127.0.0.1."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.files.get(self.path.lstrip("/"))
            state.asked.append((self.path, self.headers.get("Range")))
            if body is None:
                return self.send_error(404)
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(wanted[1]) if wanted and self.headers.get("If-Range") == tag else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body[start : state.cut_after])
            return None

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield state
        http.shutdown()
        thread.join()
