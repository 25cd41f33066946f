"""Who may send from the page: the owner's key signs, and no page ever asks for it.

A board that a person serves on the own machine has the owner's key beside it, and signs with it.
Any other board is sent to by `customstudio submit`, which signs where the key is.
"""

import ipaddress
import os

from customstudio.errors import UserError
from customstudio.submissions.contents import Contents
from customstudio.submissions.entries import Entry
from customstudio.submissions.keys import Key, key_path, owner_key
from customstudio.submissions.store import Store

LOCAL = "CUSTOMSTUDIO_BOARD_HOST"
"""The address that the board listens on, as `board serve` was told."""


def may_send(owner: str) -> tuple[bool, str]:
    """Whether this page can send a submission of this owner; and if not, what to do."""
    command = "customstudio submit RUN --card card.toml --to STORE"
    if not _is_local(os.environ.get(LOCAL, "")):
        return (
            False,
            f"This board is open to others, so it holds no owner's key. Send with: {command}",
        )
    key = _own_key()
    if key is None or key.public != owner:
        return (
            False,
            f"It is signed by its owner's key, which is not on this machine. Send with: {command}",
        )
    return True, ""


def send(store: Store, contents: Contents) -> Entry:
    """Publish with the key of this machine.

    Raises:
        UserError: as of `Store.publish`.
    """
    return store.publish(contents, owner_key()).entry


def _own_key() -> Key | None:
    if not key_path().exists():
        return None
    try:
        return owner_key()
    except UserError:
        return None


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
