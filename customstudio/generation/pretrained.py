"""Networks of transformers' classes, read from a folder of weights, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from customstudio.baselines.bases.reading import reason
from customstudio.errors import UserError


@contextmanager
def reading(folder: Path, what: str, network: str) -> Iterator[None]:
    """What readers raise of a file that is damaged, or another's, becomes the user's error.

    Args:
        folder: the network's files.
        what: it is, in words.
        network: its id in the weights' manifest.

    Raises:
        UserError: in place of theirs.
    """
    try:
        yield
    except Exception as error:
        why = reason(error)
        if why is None:
            raise
        raise UserError(
            f"the {what} cannot be loaded: {why}",
            where=str(folder),
            fix=f"remove the folder and run `customstudio weights fetch {network}`",
        ) from error


def read_network(kind: Any, folder: Path) -> Any:
    """A network from `config.json` and `model.safetensors`, in float32; nothing is fetched.

    Raises:
        ValueError: the file does not fit the architecture that the folder states, key for key.
        OSError: a file is missing or cannot be read.
    """
    model, report = kind.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32,
        output_loading_info=True,
    )  # fmt: skip
    wrong = [name for names in report.values() for name in names or ()]
    if wrong:
        raise ValueError(f"{len(wrong)} keys do not fit, as {wrong[0]}")
    return model.eval()
