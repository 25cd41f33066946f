"""Where commands print: results to stdout, everything else to stderr."""

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def plain_table(*columns: str) -> Table:
    """A table without rules: what it shows can be read, and cut out, as plain text."""
    return Table(*columns, box=None, header_style="bold", pad_edge=False)
