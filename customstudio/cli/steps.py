"""A progress bar over steps with time left; plain lines where stderr is no terminal."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from customstudio.cli.console import err


class StepBar:
    """The bar of `customstudio generate`."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def start(self, total: int) -> None:
        """Show the bar, unless nobody is there to see it."""
        if not err.is_terminal:
            return
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=err)
        self._bar.start()
        self._task = self._bar.add_task("steps", total=total)

    def advance(self, steps: int) -> None:
        """Move the bar on."""
        if self._bar:
            self._bar.advance(self._task, steps)

    def note(self, text: str) -> None:
        """A line above the bar."""
        err.print(text, markup=False)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar:
            self._bar.stop()
            self._bar = None
