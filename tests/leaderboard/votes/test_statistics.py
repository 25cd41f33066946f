"""Strengths, intervals, ranks, agreement: against other ways of computing them, and known truth."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

from customstudio.leaderboard.votes.agreement import agreement, alpha
from customstudio.leaderboard.votes.ballots import ANSWERS, Ballot, collect, count
from customstudio.leaderboard.votes.davidson import POINTS, RIDGE, connected, fit
from customstudio.leaderboard.votes.deletions import fewest_deletions
from customstudio.leaderboard.votes.raters import rater_fits
from customstudio.leaderboard.votes.results import Results, summarise
from tests.leaderboard.votes.simulation import coverage, votes

TRUTH = np.array([0.9, 0.3, 0.0, -0.4, -0.8])


def by_minimise(ballots: list[Ballot], methods: list[str]) -> NDArray[np.float64]:
    """The same model as a sum over single votes, in Davidson's own letters, by another method."""

    def loss(at: NDArray[np.float64]) -> float:
        worth, nu = dict(zip(methods, np.exp(at[:-1]), strict=True)), np.exp(at[-1])
        total = RIDGE / 2 * float((at**2).sum())
        for ballot in ballots:
            one, two = worth[ballot.first], worth[ballot.second]
            tie = nu * np.sqrt(one * two)
            odds = {"first": one, "second": two, "tie": tie}.get(ballot.answer)
            if odds is not None:
                total -= float(np.log(odds / (one + two + tie)))
        return total

    found = minimize(loss, np.zeros(len(methods) + 1), method="L-BFGS-B", options={"ftol": 1e-15})
    return np.asarray(found.x)


def ballot(first: str, second: str, answer: str, **facts: Any) -> Ballot:
    return Ballot(**{
        "rater": "r", "pair": "p", "job": "p/t/0", "first": first, "second": second,
        "answer": answer, **facts,
    })  # fmt: skip


def counted(ballots: list[Ballot]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    counts = count(collect(ballots), "rater")
    return counts.wins.sum(0), counts.ties.sum(0)


@pytest.mark.parametrize(("seed", "nu", "bad"), [(1, 0.5, 0.1), (2, 0.0, 0.0), (3, 3.0, 0.3)])
def test_fit_is_the_maximum_that_scipy_finds(seed: int, nu: float, bad: float) -> None:
    ballots = votes(TRUTH, raters=6, each=30, nu=nu, bad=bad, seed=seed)
    found = fit(*counted(ballots))
    expected = by_minimise(ballots, [f"m{i}" for i in range(5)])
    np.testing.assert_allclose(found.strength, expected[:-1], atol=2e-4)
    np.testing.assert_allclose(found.log_tie, expected[-1], atol=2e-3)


def test_two_methods_by_hand() -> None:
    """Without the ridge: odds 30 to 10, and ties 20 = nu * sqrt(30 * 10)."""
    wins, ties = np.array([[0, 3e6], [1e6, 0]]), np.array([[0, 2e6], [2e6, 0]])
    found = fit(wins, ties)
    assert found.strength[0] - found.strength[1] == pytest.approx(np.log(3), abs=1e-5)
    assert np.exp(found.log_tie) == pytest.approx(2 / np.sqrt(3), abs=1e-5)


def test_many_fits_at_once_are_the_single_ones() -> None:
    tables = [counted(votes(TRUTH, raters=5, each=20, seed=seed)) for seed in range(6)]
    wins, ties = (np.stack(part) for part in zip(*tables, strict=True))
    together = fit(wins.reshape(2, 3, 5, 5), ties.reshape(2, 3, 5, 5), fit(wins[0], ties[0]))
    for at, table in enumerate(tables):
        alone = fit(*table)
        np.testing.assert_allclose(together.strength.reshape(6, 5)[at], alone.strength, atol=1e-7)


def test_extremes_stay_finite() -> None:
    wins = np.zeros((3, 3))
    assert not fit(wins, wins).strength.any()
    wins[0, 1] = 1e6
    found = fit(wins, np.zeros((3, 3)))
    assert np.isfinite(found.strength).all()
    assert found.strength[2] == 0
    only_ties = np.full((2, 2), 50.0) - 50 * np.eye(2)
    assert np.isfinite(fit(np.zeros((2, 2)), only_ties).log_tie)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_order_names_and_sides_change_nothing(data: st.DataObject) -> None:
    made = st.builds(
        lambda pair, answer, rater, job: ballot(
            f"m{pair[0]}", f"m{pair[1]}", answer, rater=f"r{rater}", job=f"p{job}/t/0",
            pair=f"p{job}",
        ),
        st.sampled_from(list(combinations(range(4), 2))), st.sampled_from(ANSWERS),
        st.integers(0, 6), st.integers(0, 5),
    )  # fmt: skip
    ballots = data.draw(st.lists(made, max_size=40))
    turned = {"first": "second", "second": "first"}
    others = [
        b.model_copy(
            update={
                "first": b.second, "second": b.first, "answer": turned.get(b.answer, b.answer)
            }
        )
        for b in data.draw(st.permutations(ballots))
    ]  # fmt: skip
    one, two = (summarise(these, ["m0", "m1", "m2", "m3"]) for these in (ballots, others))
    assert [s.method for s in one.standings] == [s.method for s in two.standings]
    for a, b in zip(one.standings, two.standings, strict=True):
        assert (a.votes, a.group, a.rank, a.failed) == (b.votes, b.group, b.rank, b.failed)
        if a.points is None or b.points is None:
            assert a.points == b.points
        else:
            assert a.points == pytest.approx(b.points, abs=1e-5)
    assert one.votes_each == two.votes_each
    assert one.agreement == two.agreement


def test_strengths_compare_within_connected_groups_only() -> None:
    ballots = [ballot("a", "b", "first")] * 5 + [ballot("c", "d", "tie")] * 3
    ballots += [ballot("c", "e", "second")] * 2 + [ballot("f", "a", "both_bad")]
    results = summarise(ballots)
    groups: dict[int, set[str]] = {}
    for standing in results.standings:
        groups.setdefault(standing.group, set()).add(standing.method)
    assert sorted(map(sorted, groups.values())) == [["a", "b"], ["c", "d", "e"], ["f"]]
    for names in groups.values():
        points = [s.points for s in results.standings if s.method in names and s.points is not None]
        assert sum(points) == pytest.approx(0, abs=1e-6)
    by_name = {s.method: s for s in results.standings}
    assert by_name["f"].points is None
    assert by_name["f"].failed == 1
    assert by_name["a"].failed == pytest.approx(1 / 6)
    assert by_name["a"].rests_on_ridge
    assert by_name["c"].rests_on_ridge  # e won all against it
    assert connected(np.array([[0.0, 1], [0, 0]])).all()
    assert not connected(np.array([[0.0, 1], [0, 0]]), strong=True)[0, 1]


def test_both_bad_is_no_tie() -> None:
    ballots = votes(TRUTH, raters=8, each=30, seed=5)
    more = ballots + [
        b.model_copy(update={"answer": "both_bad"}) for b in ballots if "m0" in (b.first, b.second)
    ]
    plain, failed = summarise(ballots), summarise(more)
    for a, b in zip(plain.standings, failed.standings, strict=True):
        assert a.points == pytest.approx(b.points)
    rates = {s.method: s.failed for s in failed.standings}
    assert rates["m0"] == pytest.approx(0.5)
    assert rates["m1"] == pytest.approx(1 / 5, abs=0.02)


def test_connections_go_through_chains() -> None:
    chain = np.diag(np.ones(6), 1)
    assert connected(chain).all()
    assert (connected(chain, strong=True) == np.eye(7, dtype=bool)).all()
    chain[6, 0] = 1
    assert connected(chain, strong=True).all()
    both = np.stack([chain, np.zeros((7, 7))])
    assert connected(both).sum((1, 2)).tolist() == [49, 7]


def test_known_truth_is_found() -> None:
    results = summarise(votes(TRUTH, raters=30, each=60, taste=0.2, seed=7))
    assert [s.method for s in results.standings] == ["m0", "m1", "m2", "m3", "m4"]
    for standing, true in zip(results.standings, TRUTH * POINTS, strict=True):
        assert standing.by_raters is not None
        assert standing.by_pairs is not None
        assert standing.points == pytest.approx(true, abs=80)
        assert standing.rank is not None
    assert results.standings[0].rank == (1, 1)
    assert results.standings[-1].rank == (5, 5)
    averages = [s.average_rank.mean for s in results.standings if s.average_rank]
    assert averages == sorted(averages)
    assert len(averages) == 5
    assert np.mean(averages) == pytest.approx(3)
    assert results.win_rates[0][4] is not None
    assert results.win_rates[0][4] > 0.7
    assert results.win_rates[0][4] + (results.win_rates[4][0] or 0) == pytest.approx(1)


def test_intervals_over_raters_hold_the_truth() -> None:
    """95% intervals in 40 small worlds of 25 raters with tastes: 200 methods' points."""
    share, width = coverage(40, raters=25, each=40, taste=0.3)
    assert 0.88 <= share <= 0.99
    assert 40 < width < 140


def test_votes_of_one_rater_count_together() -> None:
    """Copies of each rater's votes say nothing new: intervals over raters stay as they are."""
    ballots = votes(TRUTH, raters=10, each=20, taste=0.5, seed=11)
    once, thrice = summarise(ballots), summarise(ballots * 3)
    for a, b in zip(once.standings, thrice.standings, strict=True):
        assert a.by_raters is not None
        assert b.by_raters is not None
        assert b.by_raters.high - b.by_raters.low == pytest.approx(
            a.by_raters.high - a.by_raters.low, rel=0.15
        )


def test_few_raters_have_no_interval() -> None:
    results = summarise(votes(TRUTH, raters=4, each=30, seed=1))
    assert all(s.by_raters is None and s.rank is None for s in results.standings)
    assert all(s.by_pairs is not None for s in results.standings)


def test_a_rater_who_holds_the_graph_together_leaves_no_interval() -> None:
    ballots = [ballot("a", "b", "first", rater=f"r{i}") for i in range(8)]
    ballots += [ballot("b", "c", "tie", rater="r0")]
    results = summarise(ballots)
    assert all(s.by_raters is None for s in results.standings)


def test_krippendorff_example() -> None:
    """Krippendorff (2011), section C: four observers, twelve units, nominal alpha 0.743."""
    rows = ("1233214 12...", "1233224125.3", ".3332342251.", "12332441251.")
    columns = [[v for v in unit if v.isdigit()] for unit in zip(*map(_padded, rows), strict=True)]
    assert alpha(columns) == pytest.approx(0.743, abs=5e-4)


def _padded(row: str) -> str:
    return row.replace(" ", "").ljust(12, ".")


def test_agreement_by_hand() -> None:
    ballots = [
        ballot("a", "b", "first", rater="r1"),
        ballot("b", "a", "second", rater="r2"),  # the same answer, named the other way round
        ballot("a", "b", "tie", rater="r3"),
        ballot("a", "c", "both_bad", rater="r1"),
        ballot("c", "a", "both_bad", rater="r2"),
        ballot("b", "c", "first", rater="r1"),
    ]
    found = agreement(collect(ballots))
    assert found.comparisons == 2
    assert found.share == pytest.approx((1 / 3 + 1) / 2)
    assert agreement(collect([])).alpha is None


def brute_force(wins: NDArray[np.float64], ties: NDArray[np.float64], most: int) -> int | None:
    """The least number of deleted votes, by trying all ways to delete."""
    top = int(fit(wins, ties).strength.argmax())
    size = len(wins)
    cells = [(i, j, 0) for i in range(size) for j in range(size) if i != j and wins[i, j]]
    cells += [(i, j, 1) for i, j in combinations(range(size), 2) if ties[i, j]]

    def search(table: tuple[Any, Any], at: int, left: int) -> bool:
        if left == 0 or at == len(cells):
            return int(fit(*table).strength.argmax()) != top
        i, j, kind = cells[at]
        for taken in range(min(left, int(table[kind][i, j])) + 1):
            w, t = table[0].copy(), table[1].copy()
            if kind:
                t[i, j] -= taken
                t[j, i] -= taken
            else:
                w[i, j] -= taken
            if search((w, t), at + 1, left - taken):
                return True
        return False

    return next((n for n in range(1, most + 1) if search((wins, ties), 0, n)), None)


@pytest.mark.parametrize("seed", range(4))
def test_deletions_against_all_ways_to_delete(seed: int) -> None:
    wins, ties = counted(votes(np.array([0.3, 0.0, -0.3]), raters=3, each=8, seed=seed))
    flip = fewest_deletions(("m0", "m1", "m2"), wins, ties)
    assert flip is not None
    least = brute_force(wins, ties, flip.votes)
    assert least is not None
    assert least <= flip.votes <= least + 1


def test_deletions_of_a_large_lead() -> None:
    wins = np.array([[0.0, 60.0], [40.0, 0.0]])
    flip = fewest_deletions(("a", "b"), wins, np.zeros((2, 2)))
    assert flip is not None
    assert (flip.top, flip.challenger, flip.votes, flip.of) == ("a", "b", 20, 100)
    assert fewest_deletions(("a",), np.zeros((1, 1)), np.zeros((1, 1))) is None


def test_a_rater_who_votes_against_everybody_stands_out() -> None:
    ballots = votes(TRUTH * 1.5, raters=12, each=40, seed=3)
    turned = {"first": "second", "second": "first"}
    ballots = [
        b.model_copy(update={"answer": turned.get(b.answer, b.answer)}) if b.rater == "r004" else b
        for b in ballots
    ]
    found = {f.rater: f for f in rater_fits(collect(ballots))}
    assert [name for name, f in found.items() if f.outlier] == ["r004"]
    z = [f.z for name, f in found.items() if name != "r004" and f.z is not None]
    assert abs(np.mean(z)) < 3 / np.sqrt(len(z)) + 0.5
    assert found["r004"].p is not None
    assert found["r004"].p == pytest.approx(min(1, 12 * norm.cdf(found["r004"].z or 0)))


def test_no_votes_at_all() -> None:
    results = summarise([], ["a", "b"])
    assert isinstance(results, Results)
    assert results.votes == 0
    assert [s.points for s in results.standings] == [None, None]
    assert results.flip is None
    assert results.tie_chance is None
