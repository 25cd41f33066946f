"""Errors that are the user's to mend: three lines, exit status 2, no traceback."""

from collections.abc import Sequence


class UserError(Exception):
    """Something in the input is wrong; says what, where and what to do.

    >>> print(UserError("no such folder", where="videos/", fix="check the path"))
    error: no such folder
      where: videos/
      fix:   check the path
    """

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return f"error: {self.what}\n  where: {self.where}\n  fix:   {self.fix}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(kind: type[UserError], what: str, where: str, fix: str) -> UserError:
    return kind(what, where=where, fix=fix)


def some(names: Sequence[str], limit: int = 3) -> str:
    """The first names of a long list, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown, rest = list(names[:limit]), len(names) - limit
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A hint for a mistyped name, or the known ones where nothing is close.

    >>> did_you_mean("clip_y", ["clip_t", "dino_i"])
    "did you mean 'clip_t'?"
    """
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {some(known, 12)}"


class Problems(UserError):
    """Several mistakes found at once: all are listed, not only the first."""

    def __init__(self, problems: Sequence[UserError]) -> None:
        first = problems[0]
        super().__init__(first.what, where=first.where, fix=first.fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (Problems, (self.problems,))


def raise_all(problems: Sequence[UserError]) -> None:
    """Raise what was found, if anything was.

    Raises:
        UserError: the only problem, or `Problems` with all of them.
    """
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Problems(problems)
