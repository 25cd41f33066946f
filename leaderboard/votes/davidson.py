"""Bradley-Terry strengths with ties after Davidson, fitted to counts of votes.

Bradley and Terry, "Rank analysis of incomplete block designs: I", Biometrika 39 (1952), 324-345:
method i is preferred to j with odds exp(s_i) : exp(s_j).
Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison
experiments", JASA 65 (1970), 317-328: i, j and a tie have the odds

    exp(s_i) : exp(s_j) : nu * sqrt(exp(s_i) * exp(s_j)).

With d = s_i - s_j and t = log(nu) these are exp(d/2) : exp(-d/2) : exp(t), so the log-likelihood is
concave in (s, t). A weak ridge, a normal prior of standard deviation 5 on every s and on t, keeps
the maximum finite where a method won or lost every vote (Ford, "Solution of a ranking problem from
binary comparisons", Amer. Math. Monthly 64 (1957), 28-33, says when it would not be).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from customstudio.metrics.spec import Array

RIDGE = 1 / 5.0**2
POINTS = 400 / np.log(10)
"""Points of a strength of 1: 400 points are odds of ten to one, as in chess. Only a scale."""
_STEPS, _GRADIENT = 200, 1e-9
_FAR = 300.0
"""Half differences beyond it are out of the reach of numbers, and of the ridge."""


@dataclass(frozen=True)
class Fit:
    """The maximum of the penalised likelihood; leading dimensions are separate fits."""

    strength: Float[Array, "*fits methods"]
    """Log strengths; their mean is zero among methods that votes connect."""
    log_tie: Float[Array, "*fits"]
    """Davidson's log(nu)."""


def fit(
    wins: Float[Array, "*fits methods methods"],
    ties: Float[Array, "*fits methods methods"],
    start: Fit | None = None,
) -> Fit:
    """Fit many tables of counts at once by Newton's method with step halving.

    Args:
        wins: how often the method of the row was preferred to that of the column.
        ties: how often neither was, symmetric.
        start: one fit near all of the others: saves steps, changes nothing.

    Raises:
        ArithmeticError: it did not converge.

    >>> fit(np.array([[0.0, 30.0], [10.0, 0.0]]), np.zeros((2, 2))).strength.round(2)
    array([ 0.55, -0.55])
    """
    size = wins.shape[-1]
    flat_wins, flat_ties = wins.reshape(-1, size, size), ties.reshape(-1, size, size)
    at = np.zeros((len(flat_wins), size + 1))
    if start is not None:
        at += np.append(start.strength, start.log_tie)
    value = _objective(at, flat_wins, flat_ties)
    for _ in range(_STEPS):
        gradient, hessian = _derivatives(at, flat_wins, flat_ties)
        if np.abs(gradient).max(initial=0.0) < _GRADIENT * flat_wins.sum((1, 2)).max(initial=1.0):
            break
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        at, value = _climb(at, value, step, flat_wins, flat_ties)
    else:
        raise ArithmeticError("the fit of the strengths did not converge")
    shape = wins.shape[:-2]
    return Fit(at[:, :-1].reshape(*shape, size), at[:, -1].reshape(shape))


def chances(
    difference: Float[Array, "*shape"], log_tie: Float[Array, "*shape"] | float
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Chances that the first is preferred, the second is, neither is; by difference of strengths.

    >>> [round(float(p), 3) for p in chances(np.log(np.array(3.0)), -np.inf)]
    [0.75, 0.25, 0.0]
    """
    first = np.exp(np.clip(difference / 2, -_FAR, _FAR))
    second, tie = 1 / first, np.exp(log_tie)
    total = first + second + tie
    return first / total, second / total, tie / total


def connected(
    votes: Float[Array, "*tables methods methods"], *, strong: bool = False
) -> Bool[Array, "*tables methods methods"]:
    """Which methods votes connect, directly or in a chain: only their strengths compare.

    With `strong`, `votes` are wins (a tie is a win for both), and those are connected that have
    each beaten the other, directly or in a chain: without the ridge too, their strengths would lie
    a finite way apart.
    """
    reach = (votes > 0) | np.eye(votes.shape[-1], dtype=bool)
    if not strong:
        reach |= np.swapaxes(reach, -1, -2)
    for _ in range(votes.shape[-1].bit_length()):
        steps = reach.astype(np.float32)
        reach = steps @ steps > 0
    return np.asarray(reach & np.swapaxes(reach, -1, -2))


def _objective(
    at: Float[Array, "fits free"], wins: Float[Array, "f m m"], ties: Float[Array, "f m m"]
) -> Float[Array, "fits"]:
    strength, log_tie = at[:, :-1], at[:, -1]
    half = np.clip((strength[:, :, None] - strength[:, None, :]) / 2, -_FAR, _FAR)
    first = np.exp(half)
    total = np.log(first + 1 / first + np.exp(log_tie)[:, None, None])
    votes = wins + np.swapaxes(wins, 1, 2) + ties
    likelihood = (wins * half - votes * total / 2).sum((1, 2)) + log_tie * ties.sum((1, 2)) / 2
    return np.asarray(likelihood - RIDGE / 2 * (at**2).sum(1))


def _derivatives(
    at: Float[Array, "fits free"], wins: Float[Array, "f m m"], ties: Float[Array, "f m m"]
) -> tuple[Float[Array, "fits free"], Float[Array, "fits free free"]]:
    """Gradient, and the Hessian with its sign turned, which is positive definite."""
    strength, log_tie = at[:, :-1], at[:, -1]
    lost, size = np.swapaxes(wins, 1, 2), wins.shape[-1]
    votes = wins + lost + ties
    better, worse, tied = chances(
        strength[:, :, None] - strength[:, None, :], log_tie[:, None, None]
    )
    lead = (better - worse) / 2
    gradient, hessian = np.zeros_like(at), np.zeros((len(at), size + 1, size + 1))
    gradient[:, :-1] = ((wins - lost) / 2 - votes * lead).sum(2)
    gradient[:, -1] = (ties - votes * tied).sum((1, 2)) / 2
    spread = votes * ((better + worse) / 4 - lead**2)
    hessian[:, :-1, :-1] = -spread
    hessian[:, range(size), range(size)] += spread.sum(2)
    hessian[:, -1, :-1] = hessian[:, :-1, -1] = -(votes * lead * tied).sum(2)
    hessian[:, -1, -1] = (votes * tied * (1 - tied)).sum((1, 2)) / 2
    hessian[:, range(size + 1), range(size + 1)] += RIDGE
    return gradient - RIDGE * at, hessian


def _climb(
    at: Float[Array, "fits free"],
    value: Float[Array, "fits"],
    step: Float[Array, "fits free"],
    wins: Float[Array, "f m m"],
    ties: Float[Array, "f m m"],
) -> tuple[Float[Array, "fits free"], Float[Array, "fits"]]:
    """One step of every fit, halved wherever it would go down."""
    size = np.ones(len(at))
    for _ in range(40):
        there = at + size[:, None] * step
        reached = _objective(there, wins, ties)
        down = reached < value - 1e-12 * np.abs(value)
        if not down.any():
            return there, reached
        size[down] /= 2
    return np.where(down[:, None], at, there), np.where(down, value, reached)


def hessian(
    at: Fit, wins: Float[Array, "methods methods"], ties: Float[Array, "methods methods"]
) -> Float[Array, "free free"]:
    """The curvature at one fit, strengths first, then the tie parameter; positive definite."""
    place = np.append(at.strength, at.log_tie)[None]
    return np.asarray(_derivatives(place, wins[None], ties[None])[1][0])
