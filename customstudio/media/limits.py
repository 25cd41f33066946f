"""What a media file may cost at most, and the one error that says why it was refused."""

import time
from dataclasses import dataclass
from types import TracebackType


class MediaError(Exception):
    """A file cannot be used; the message is the reason, in words fit for a table of results."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file may ask for; whatever asks for more is refused with a reason."""

    pixels: int = 1 << 26
    """Width times height of a frame or an image (67 million, two 8K frames)."""
    frames: int = 20_000
    """Frames of a video."""
    seconds: float = 3600.0
    """Playing time of a video, in seconds."""
    bytes: int = 2 << 30
    """Size of the file, or of each file of a folder of frames, in bytes."""
    decode_seconds: float = 120.0
    """Wall time inside the reader, in seconds; what the caller does between frames is free."""


DEFAULT_LIMITS = Limits()


class Clock:
    """Counts the wall time spent inside `with clock:` against a budget in seconds.

    >>> clock = Clock(60.0)
    >>> with clock:
    ...     clock.check()
    """

    def __init__(self, budget: float) -> None:
        self.budget, self._spent = budget, 0.0
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._since is not None:
            self._spent += time.monotonic() - self._since
        self._since = None

    def check(self) -> None:
        """Do nothing while there is time left.

        Raises:
            MediaError: the budget is spent.
        """
        running = 0.0 if self._since is None else time.monotonic() - self._since
        if self._spent + running > self.budget:
            raise MediaError(f"decoding took longer than {self.budget:g} s")
