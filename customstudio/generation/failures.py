"""A pair that could not be made: recorded in words, while the rest goes on."""

import traceback
from pathlib import Path

import torch

from customstudio.errors import UserError
from customstudio.files import write_text
from customstudio.generation.records import Failure


def record_failure(
    folder: Path, pair: str, error: UserError, cause: Exception | None = None
) -> Failure:
    """Write why a pair failed into its folder.

    Args:
        error: what people are told.
        cause: an error that is not the user's; its traceback is kept.
    """
    trace = "".join(traceback.format_exception(cause)) if cause else ""
    failure = Failure(
        pair=pair, reason=error.what, where=error.where, fix=error.fix, traceback=trace
    )
    write_text(folder / "failure.json", failure.model_dump_json(indent=2) + "\n")
    return failure


def explained(error: Exception) -> UserError:
    """An error in words; out of memory says what to lower."""
    if isinstance(error, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
        return UserError(
            "out of GPU memory",
            where=str(error).split(". ")[0],
            fix="lower --batch (videos at once) or --set batch=1 (pictures a training step), or "
            "use --bf16",
        )
    what = f"{type(error).__name__}: {error}"
    return UserError(what, where="see the traceback in failure.json", fix="run the command again")
