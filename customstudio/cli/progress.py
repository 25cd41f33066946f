"""A progress bar with rate and time left; nothing where stderr is no terminal."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from customstudio.cli.console import err


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f} videos/s" if task.speed else "")


class RichProgress:
    """The bar of `customstudio evaluate`."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def start(self, total: int, done: int) -> None:
        """Show the bar, unless nobody is there to see it."""
        if not err.is_terminal:
            return
        self._bar = Progress(
            TextColumn("scoring"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
        )
        self._bar.start()
        self._task = self._bar.add_task("videos", total=total, completed=done)

    def advance(self, videos: int) -> None:
        """Move the bar on."""
        if self._bar:
            self._bar.advance(self._task, videos)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar:
            self._bar.stop()
