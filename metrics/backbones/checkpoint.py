"""Checkpoints, read without running what they hold, and loaded only where every key fits."""

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from customstudio.errors import UserError, some

_REPLACE = "remove it and run `customstudio weights fetch` again"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a checkpoint that holds nothing but tensors.

    Raises:
        UserError: damaged, a TorchScript archive, or a pickle that asks for more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        if _is_torchscript(path):
            raise UserError(
                "a TorchScript archive holds code; only plain tensors are loaded",
                where=str(path),
                fix="use the safetensors file that `customstudio weights list` names",
            )
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            "this checkpoint holds more than tensors and was not loaded",
            where=str(path),
            fix="it could run code: do not use it; fetch the file the manifest names",
        ) from error
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"a damaged checkpoint: {reason}", where=str(path), fix=_REPLACE) from error
    return _only_tensors(state, path)


def load_strictly(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Give a module the tensors of a checkpoint, as float32, if all keys and shapes agree.

    Raises:
        UserError: missing or unexpected keys, other shapes; they are named.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    # Frozen batch norms have no such counter; a checkpoint of trained ones may hold it.
    state = {
        name: value
        for name, value in state.items()
        if name in wanted or not name.endswith("num_batches_tracked")
    }
    missing = sorted(wanted.keys() - state.keys())
    unexpected = sorted(state.keys() - wanted.keys())
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {shape}"
        for name, shape in wanted.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    groups = {"missing keys": missing, "unexpected keys": unexpected, "other shapes": shapes}
    wrong = [f"{title}: {some(names)}" for title, names in groups.items() if names]
    if wrong:
        raise UserError(
            f"the checkpoint is of another architecture; {'; '.join(wrong)}",
            where=str(path),
            fix=_REPLACE,
        )
    tensors = {n: v.float() if v.is_floating_point() else v for n, v in state.items()}
    module.load_state_dict(tensors, strict=True, assign=True)


def ready(module: nn.Module, device: str) -> nn.Module:
    """The module on its device, for inference only."""
    return module.requires_grad_(False).eval().to(device)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _only_tensors(state: object, path: Path) -> dict[str, Tensor]:
    if isinstance(state, dict) and all(isinstance(value, Tensor) for value in state.values()):
        return {str(name): value for name, value in state.items()}
    raise UserError(
        "this checkpoint is not a table of tensors by name", where=str(path), fix=_REPLACE
    )
