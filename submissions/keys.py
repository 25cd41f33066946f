"""The owner's key: Ed25519, made on first use, for nobody else to read."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from customstudio.errors import UserError

_PATH = "CUSTOMSTUDIO_KEY"


class Key:
    """A private key; `public` is the owner's name in submissions and events."""

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """The signature of a message, in hex."""
        return self._private.sign(message).hex()


def verify(public: str, signature: str, message: bytes) -> bool:
    """Whether the owner of a public key signed a message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_path() -> Path:
    """`$CUSTOMSTUDIO_KEY`, or `customstudio/owner.key` among the user's data."""
    from platformdirs import user_data_dir

    named = os.environ.get(_PATH)
    return Path(named) if named else Path(user_data_dir("customstudio")) / "owner.key"


def owner_key(path: Path | None = None) -> Key:
    """The owner's key; made when there is none yet.

    Raises:
        UserError: others may read it, it is damaged, or it cannot be written.
    """
    path = path or key_path()
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _make(path)
        return _read(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _read(path: Path) -> Key:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    state = os.fstat(handle)
    is_file = stat.S_ISREG(state.st_mode)
    text = os.read(handle, 200) if is_file else b""
    os.close(handle)
    if is_file and state.st_mode & 0o077:
        raise UserError("others may read the owner's key", where=str(path), fix=f"chmod 600 {path}")
    try:
        seed = bytes.fromhex(text.decode("ascii").strip())
        if len(seed) != 32:
            raise ValueError
    except ValueError as error:
        raise UserError(
            "the owner's key is damaged",
            where=str(path),
            fix="bring it back from a backup: a new key is another owner",
        ) from error
    return Key(seed)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32).hex().encode() + b"\n")
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):  # whoever is first makes the key: it is never replaced
            os.link(staged, path)
    finally:
        staged.unlink()


def _unusable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot use the owner's key: {error.strerror}",
        where=str(path),
        fix=f"name a file that you may write with {_PATH}",
    )
