"""The networks behind the features: one file each."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from customstudio.errors import UserError

if TYPE_CHECKING:
    from customstudio.weights.store import Located

ROLES = ("clip", "dino", "faces", "flow", "detector", "aesthetic")
PRECISIONS = ("float32", "tf32", "amp")


def load(
    role: str,
    located: "Located",
    *,
    device: str,
    precision: str = "float32",
    options: Mapping[str, bool] | None = None,
) -> Any:
    """A network, ready to use: numpy in, float32 numpy out, no state that another one sees.

    Args:
        role: `clip`, `dino`, `faces`, `flow`, `detector` or `aesthetic`.
        located: its files, found and hashed by the store.
        device: `cpu`, `cuda` or `cuda:N`.
        precision: `float32`, `tf32` (CUDA only) or `amp` (float16 on CUDA, bfloat16 on CPU).
        options: the protocol's switches, for example `flow.keep_padding`.

    Raises:
        UserError: the files do not fit the role or the architecture, or are not safe to load.
    """
    if role not in ROLES or precision not in PRECISIONS:
        raise ValueError(f"unknown role {role!r} or precision {precision!r}")
    if located.network.kind != role:
        raise UserError(
            f"{located.network.id} is a {located.network.kind} network, not {role}",
            where="the protocol's networks",
            fix=f"name a network of kind {role}: customstudio weights list",
        )
    if precision == "tf32" and not device.startswith("cuda"):
        raise UserError(
            "TF32 exists on CUDA devices only", where=f"--device {device}", fix="leave --tf32 out"
        )
    module = import_module(f"{__name__}.{role}")
    return module.load(located, device=device, precision=precision, options=options or {})
