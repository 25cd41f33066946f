"""Which device, resolved when the first network is about to be loaded, and how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

from customstudio.errors import UserError


def resolve(device: str) -> str:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> a device that is there.

    Raises:
        UserError: no such device.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    try:
        index = torch.device(device).index or 0
        known = torch.device(device).type == "cuda"
    except RuntimeError:
        index, known = 0, False
    if not known or index >= torch.cuda.device_count():
        raise UserError(
            f"there is no device {device!r}",
            where=f"--device; this machine has cpu and {torch.cuda.device_count()} CUDA devices",
            fix="cpu, cuda or cuda:N",
        )
    return device


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """So many CPU threads of torch for as long as this lasts, then as many as before.

    The last bits of a sum depend on how it is divided: whoever goes on in this process, to make
    videos say, must find what was set there.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
