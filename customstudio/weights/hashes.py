"""SHA-256 of big files, remembered, so that a warm start reads no gigabytes."""

import json
import os
from pathlib import Path

from customstudio.errors import UserError
from customstudio.files import cache_folder, sha256_file, write_text


class Hashes:
    """Digests by path, valid for as long as the file's inode, size and times stay.

    They are kept in the user's own cache and not beside the weights: a folder of weights that
    somebody hands on must not bring its own opinion of its digests along.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or cache_folder() / "sha256.json"
        self._known = self._read()

    def sha256(self, path: Path) -> str:
        """SHA-256 of a file's bytes, in hex; computed only if the file changed."""
        key, mark = str(path.resolve()), _mark(path)
        known = self._known.get(key)
        if known and known[:-1] == mark:
            return str(known[-1])
        digest = sha256_file(path)
        if _mark(path) == mark:
            self._known[key] = [*mark, digest]
            self._write()
        return digest

    def _read(self) -> dict[str, list[int | str]]:
        try:
            known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self) -> None:
        present = {key: row for key, row in self._known.items() if os.path.exists(key)}
        try:
            write_text(self._path, json.dumps(present, indent=1))
        except UserError:  # an unwritable cache only costs time
            return


def _mark(path: Path) -> list[int | str]:
    facts = path.stat()
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]
