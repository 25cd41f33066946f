"""A real server on localhost, in a thread."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

import uvicorn

from customstudio.submissions.limits import Limits
from customstudio.submissions.server import application
from customstudio.submissions.store import Store


@contextmanager
def serving(store: Store, limits: Limits | None = None) -> Iterator[str]:
    """The address of a server that holds this store."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application(store, limits), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def asked(
    address: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    """The answer to one request."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()
