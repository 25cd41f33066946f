"""How many votes carry the first place: the fewest deletions found that give it to another.

No interval sees rigged votes; this number says how few of them would do. Votes are deleted in the
order of their influence on the gap between the first method and a challenger, and every deletion is
checked by fitting anew, so the number is reached, and at most a little above the least one.
The idea: Broderick, Giordano and Meager, arXiv:2011.14999; for rankings from preferences: Huang,
Shen, Wei and Broderick, arXiv:2508.11847.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from customstudio.leaderboard.votes.davidson import Fit, chances, connected, fit, hessian
from customstudio.metrics.spec import Array
from customstudio.records import Record

_CHALLENGERS = 5
_PART = 0.25
"""Of the deletions that influence predicts, this part is made before it is worked out anew."""


class Flip(Record):
    """Deleting `votes` of `of` votes puts `challenger` before `top`."""

    top: str
    challenger: str
    votes: int
    of: int


@dataclass
class _Table:
    """Votes of one group of methods, with ties above the diagonal only."""

    wins: Float[Array, "m m"]
    ties: Float[Array, "m m"]

    def fit(self, start: Fit | None = None) -> Fit:
        return fit(self.wins, self.ties + self.ties.T, start)


def fewest_deletions(
    methods: tuple[str, ...], wins: Float[Array, "m m"], ties: Float[Array, "m m"]
) -> Flip | None:
    """The fewest deletions found that change the first place of the largest group of methods.

    None where there is nothing to flip: fewer than two methods, or deletions do not suffice.
    """
    together = connected(wins + ties)
    mine = np.flatnonzero(together[together.sum(1).argmax()])
    if len(mine) < 2:
        return None
    place = np.ix_(mine, mine)
    wins, ties = wins[place], np.triu(ties[place], 1)
    whole = _Table(wins, ties).fit()
    order = np.argsort(-whole.strength, kind="stable")
    best: tuple[int, int] | None = None
    for challenger in order[1 : 1 + _CHALLENGERS]:
        most = best[0] if best else int(wins.sum() + ties.sum())
        needed = _deletions(_Table(wins.copy(), ties.copy()), whole, order[0], challenger, most)
        if needed is not None and (best is None or needed < best[0]):
            best = (needed, int(challenger))
    if best is None:
        return None
    names = [methods[at] for at in mine]
    total = int(wins.sum() + ties.sum())
    return Flip(top=names[order[0]], challenger=names[best[1]], votes=best[0], of=total)


def _deletions(table: _Table, at: Fit, top: int, challenger: int, most: int) -> int | None:
    deleted = 0
    while (gap := float(at.strength[top] - at.strength[challenger])) > 0:
        won, tied = _influence(table, at, top, challenger)
        best = won if won.max() >= tied.max() else tied
        cell = np.unravel_index(int(best.argmax()), best.shape)
        if deleted >= most or best[cell] <= 0:
            return None
        votes = table.wins if best is won else table.ties
        part = int(_PART * gap / best[cell])
        taken = int(min(max(1, part), votes[cell]))
        votes[cell] -= taken
        deleted += taken
        at = table.fit(at)
    return deleted


def _influence(
    table: _Table, at: Fit, top: int, challenger: int
) -> tuple[Float[Array, "m m"], Float[Array, "m m"]]:
    """By how much deleting one win (row over column), or one tie, closes the gap; -inf if none."""
    size = len(at.strength)
    towards = np.zeros(size + 1)
    towards[top], towards[challenger] = 1.0, -1.0
    pull = np.linalg.solve(hessian(at, table.wins, table.ties + table.ties.T), towards)
    apart = pull[:size, None] - pull[None, :size]
    better, worse, tied = chances(at.strength[:, None] - at.strength[None, :], at.log_tie)
    lead = (better - worse) / 2
    won = apart * (0.5 - lead) - pull[size] * tied
    drew = -apart * lead + pull[size] * (1 - tied)
    return np.where(table.wins > 0, won, -np.inf), np.where(table.ties > 0, drew, -np.inf)
