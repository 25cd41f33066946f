"""Where commands print: results to stdout, everything else to stderr."""

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
