"""Errors: three lines each, all of them where there are several, and whole across processes."""

import copy

import pytest

from customstudio.errors import Problems, UserError, raise_all, some


def test_several_are_all_shown() -> None:
    problems = [UserError(f"wrong {n}", where=f"here {n}", fix="mend it") for n in (1, 2)]
    with pytest.raises(Problems) as caught:
        raise_all(problems)
    assert str(caught.value).count("\n") == 5
    with pytest.raises(UserError, match="wrong 1"):
        raise_all(problems[:1])
    raise_all([])


def test_errors_survive_the_way_from_a_worker_process() -> None:
    error = UserError("a", where="b", fix="c")
    for given in (error, Problems([error, error])):
        again = copy.deepcopy(given)  # the way pickle takes, by __reduce__
        assert str(again) == str(given)
        assert type(again) is type(given)


def test_short_lists_are_whole() -> None:
    assert some(["a", "b"]) == "a, b"
