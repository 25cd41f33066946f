"""The method's card: what it is, in the submitter's own words."""

import tomllib
from pathlib import Path

from customstudio.errors import UserError


def read_card(path: Path) -> dict[str, str]:
    """Read a TOML file of texts, for example `paper = "arXiv:2401.09962"`.

    Raises:
        UserError: it cannot be read, or holds anything but texts.
    """
    try:
        card = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"the card cannot be read: {error}", where=str(path), fix='lines like: paper = "..."'
        ) from error
    for key, value in card.items():
        if not isinstance(value, str):
            raise UserError(
                f"{key} is not a text", where=str(path), fix=f'put it in quotes: {key} = "{value}"'
            )
    return card
