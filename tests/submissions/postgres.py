"""A throw-away PostgreSQL: its own cluster in a temporary folder, on a Unix socket only."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

USER = "tests"
_SETTINGS = "-c listen_addresses= -c max_connections=120 -c fsync=off -c logging_collector=off"
_ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: one of these runs it then."""


def programs() -> Path | None:
    """Where `initdb` and `pg_ctl` are, or None: Debian keeps them off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return homes[-1].parent if homes else None


class Cluster:
    """A server, running or not; its folder alone says where it is."""

    def __init__(self, folder: Path, bin: Path = Path(), account: str | None = None) -> None:
        self.folder, self.bin, self.account = folder, bin, account

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the account that owns the cluster."""
        subprocess.run(
            [str(self.bin / program), *arguments],
            check=True,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder)},
            stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            user=self.account,
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"{_SETTINGS} -c unix_socket_directories={self.folder}"
        self.run(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "60", "-o", options, "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; at once, as a crash does, unless told otherwise."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")

    def address(self, name: str) -> str:
        """The address of a database of the cluster."""
        return f"postgresql://{USER}@/{name}?host={quote(str(self.folder), safe='')}"

    def new(self) -> str:
        """The address of a new, empty database."""
        import psycopg

        name = f"db{uuid.uuid4().hex}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)


@contextmanager
def running() -> Iterator[Cluster | None]:
    """A server for as long as the block runs; None where PostgreSQL is not installed."""
    bin = programs()
    if bin is None:
        yield None
        return
    account = next(filter(_is_account, _ACCOUNTS), None) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cs-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        if account is not None:
            shutil.chown(folder, account)
        cluster = Cluster(folder, bin, account)
        data = str(folder / "data")
        cluster.run("initdb", "-D", data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_account(name: str) -> bool:
    import pwd

    return any(entry.pw_name == name for entry in pwd.getpwall())
