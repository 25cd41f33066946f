"""Options: changes by name, names of variants, and what is refused."""

from typing import Literal

import pytest

from customstudio.baselines.option_sets import SamplingOptions
from customstudio.baselines.options import Options, override, variant
from customstudio.errors import UserError


class Example(Options):
    alpha: float = 0.2
    eta: float = -1e-8
    steps: int = 500
    remove: bool = True
    levels: tuple[int, ...] = (3,)
    train: Literal["kv", "qv"] = "kv"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ([], "m"),
        (["alpha=0.01"], "m[alpha=0.01]"),
        (["alpha=0.2"], "m"),
        (["eta=-1e-3", "levels=2+3"], "m[eta=-0.001,levels=2+3]"),
        (["train=qv", "remove=false"], "m[remove=false,train=qv]"),
    ],
)
def test_a_variant_is_named_by_what_differs(changes: list[str], name: str) -> None:
    assert variant("m", override(Example(), changes)) == name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["alpa=1"], "did you mean 'alpha'"),
        (["alpha"], "name=value"),
        (["alpha=x"], "alpha: "),
        (["alpha=nan"], "alpha: "),
        (["steps=1.5"], "steps: "),
        (["train=kq"], "'kv' or 'qv'"),
        (["alpha=1", "alpha=2"], "given twice"),
    ],
)
def test_what_does_not_fit_is_refused(changes: list[str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        override(Example(), changes)
    assert says in str(caught.value)
    assert "--set" in caught.value.where


def test_a_text_is_taken_as_it_is() -> None:
    assert override(SamplingOptions(), ["negative_prompt=2024"]).negative_prompt == "2024"
    assert override(SamplingOptions(), ["negative_prompt=a+b"]).negative_prompt == "a+b"
    some = SamplingOptions(negative_prompt="blurred")
    assert override(some, ['negative_prompt=""']).negative_prompt == ""
    assert override(some, ['negative_prompt="a" cat']).negative_prompt == '"a" cat'
