"""Other attention processors in a network, for as long as something lasts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

Processor = Callable[..., Tensor]


@contextmanager
def processing(modules: Mapping[Any, Processor]) -> Iterator[None]:
    """Give attention modules other processors; put the old ones back at the end.

    Gradients of recomputed activations need them too: it must last until after the backward pass.
    """
    before: dict[Any, Processor] = {module: module.processor for module in modules}
    for module, processor in modules.items():
        module.set_processor(processor)
    try:
        yield
    finally:
        for module, processor in before.items():
            module.set_processor(processor)
