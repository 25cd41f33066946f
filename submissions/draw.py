"""Which videos of a submission a maintainer looks at: drawn after it is fixed, by nobody's choice.

The seed is the maintainer's signature of the submission's id. Ed25519 gives one signature for a key
and a message: the submitter cannot know it before the submission is fixed, the maintainer cannot
draw again until it suits, and everybody can check both from the event.
"""

import hashlib
import re
from collections.abc import Sequence

from customstudio.submissions.events import Event
from customstudio.submissions.keys import Key, verify

_CONTEXT = b"customstudio draw 1\n"
_TOLD = re.compile(r"^(\d+) of (\d+) videos\b.*\bDraw ([0-9a-f]{128})\.$")


def seed_of(key: Key, submission: str) -> str:
    """The seed of a maintainer's draw, in hex: a signature."""
    return key.sign(_CONTEXT + submission.encode())


def drawn(jobs: Sequence[str], count: int, seed: str) -> tuple[str, ...]:
    """The jobs with the smallest hashes of seed and job, sorted.

    >>> drawn(["a/1/0", "b/1/0", "c/1/0"], 2, "00")
    ('a/1/0', 'b/1/0')
    """
    start = bytes.fromhex(seed)
    order = sorted(jobs, key=lambda job: hashlib.sha256(start + job.encode()).digest())
    return tuple(sorted(order[:count]))


def told(count: int, jobs: int, result: str, seed: str) -> str:
    """What an event says of a draw."""
    return f"{count} of {jobs} videos {result}. Draw {seed}."


def drawn_by(event: Event, jobs: Sequence[str]) -> tuple[str, ...] | None:
    """The jobs that an event's maintainer drew; None where it tells of no draw, or of a false one.

    Args:
        event: one that counts; its signature is not checked here.
        jobs: all jobs of the suite.
    """
    match = _TOLD.match(event.about or "")
    if match is None or int(match[2]) != len(jobs):
        return None
    if not verify(event.by, match[3], _CONTEXT + event.submission.encode()):
        return None
    return drawn(jobs, int(match[1]), match[3])
