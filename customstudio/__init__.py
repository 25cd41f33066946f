"""CustomStudio: benchmark for customized (subject-driven) text-to-video generation.

>>> import customstudio
>>> len(customstudio.load_suite("customstudio").jobs)
2720
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customstudio.evaluation.api import evaluate
    from customstudio.evaluation.bundle import Run, load_run
    from customstudio.suites.load import load_suite

__all__ = ["Run", "evaluate", "load_run", "load_suite"]

_WHERE = {
    "evaluate": "customstudio.evaluation.api",
    "Run": "customstudio.evaluation.bundle",
    "load_run": "customstudio.evaluation.bundle",
    "load_suite": "customstudio.suites.load",
}


def __getattr__(name: str) -> Any:
    # On first use: `customstudio --help` must not wait for pandas, let alone torch.
    if name not in _WHERE:
        raise AttributeError(f"module 'customstudio' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
