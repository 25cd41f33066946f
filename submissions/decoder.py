"""Reads a stranger's Parquet in a process of its own: a crash or a bomb there is a finding here.

Not a precaution alone: pyarrow 26 ends its process ("Definition level histogram size mismatch")
where a footer that was changed by one byte is asked for the size of a column.
"""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import IO, Literal

import pyarrow as pa

from customstudio.submissions.findings import shown
from customstudio.submissions.parquet import HEADER, TABLE_BYTES

WALL_SECONDS = 60.0
"""Long, as a busy machine may be slow: the worker's own limit is in seconds of computing."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""All that the worker gets of the environment: no tokens."""


class Refused(Exception):
    """The table cannot be read; the text says why."""


class Decoder:
    """A worker that is started on first use, used again, and replaced when it dies.

    Threads may share one; its process ends with the `with` block.
    """

    def __init__(self, wall_seconds: float = WALL_SECONDS) -> None:
        self.wall_seconds = wall_seconds
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the worker now, so that it loads its libraries meanwhile."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._stop()

    def read(
        self, table: Literal["scores", "videos"], data: bytes, fewest: int, most: int
    ) -> pa.Table:
        """A table with between `fewest` and `most` rows.

        Raises:
            Refused: it cannot be read within the limits.
        """
        request = json.dumps({"table": table, "fewest": fewest, "most": most}).encode()
        with self._lock:
            try:
                return self._ask(HEADER.pack(len(request), len(data)) + request + data)
            except Refused:
                raise
            except (OSError, EOFError, ValueError, pa.ArrowException) as error:
                self._stop()
                raise Refused("reading it took too much memory or time, or failed") from error
            except BaseException:
                self._stop()
                raise

    def _ask(self, message: bytes) -> pa.Table:
        stdin, stdout = self._running()
        deadline = time.monotonic() + self.wall_seconds
        _send(stdin, message, deadline)
        status, size = HEADER.unpack(_receive(stdout, HEADER.size, deadline))
        if size > 2 * TABLE_BYTES:
            raise ValueError("the answer is too long")
        answer = _receive(stdout, size, deadline)
        if status:
            raise Refused(shown(answer.decode("utf-8", "replace"), 200))
        return pa.ipc.open_stream(answer).read_all()

    def _running(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._worker is None or self._worker.poll() is not None:
            self._stop()
            keep = {name: os.environ[name] for name in _KEPT if name in os.environ}
            self._worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "customstudio.submissions.parquet"],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**keep, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
            )
            assert self._worker.stdin is not None
            os.set_blocking(self._worker.stdin.fileno(), False)
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        return self._worker.stdin, self._worker.stdout

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet written is lost with the worker
                    pipe.close()


def _send(stdin: IO[bytes], message: bytes, deadline: float) -> None:
    left = memoryview(message)
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        while left:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("the worker does not read")
            left = left[os.write(stdin.fileno(), left[: 2**16]) :]


def _receive(stdout: IO[bytes], size: int, deadline: float) -> bytes:
    parts, missing = [], size
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while missing:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("no answer in time")
            part = os.read(stdout.fileno(), min(missing, 2**20))
            if not part:
                raise EOFError("the worker died")
            parts.append(part)
            missing -= len(part)
    return b"".join(parts)
