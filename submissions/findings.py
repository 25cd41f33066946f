"""What is wrong with a submission: each finding says what, where and what to do."""

from collections.abc import Sequence

from customstudio.errors import UserError
from customstudio.records import Record

MOST = 100
"""Findings that one check lists; more of them would help nobody."""


class Finding(Record):
    """One thing that keeps a submission out."""

    place: str
    """File, and field or row in it."""
    what: str
    fix: str

    def error(self) -> UserError:
        """The same as an error of three lines."""
        return UserError(self.what, where=self.place, fix=self.fix)


def shown(value: object, limit: int = 60) -> str:
    """A stranger's text as it may be printed: ASCII, on one line, not too long.

    >>> shown("pet\\u202ecat")
    "'pet\\\\u202ecat'"
    >>> shown("x" * 100, limit=5)
    "'xxxxx'..."
    """
    text = str(value) if not isinstance(value, str) else value
    return ascii(text[:limit]) + ("..." if len(text) > limit else "")


def first_of(names: Sequence[object], limit: int = 3) -> str:
    """The first of many strangers' texts, and how many more there are.

    >>> first_of(["a", "b", "c", "d"], limit=2)
    "'a', 'b' and 2 more"
    """
    listed = ", ".join(shown(name) for name in names[:limit])
    return listed + (f" and {len(names) - limit:,} more" if len(names) > limit else "")


def shortened(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings without repeats, and no more than can be read."""
    unique = tuple(dict.fromkeys(findings))
    if len(unique) <= MOST:
        return unique
    rest = Finding(
        place="the submission",
        what=f"{len(unique) - MOST:,} more findings are not listed",
        fix="mend those above and check again",
    )
    return (*unique[:MOST], rest)
