"""Articles and nouns in prompts, worked out by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customstudio.suites.articles import article
from customstudio.suites.prompts import fill, fill_with_tokens, placeholders


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("cat", "a"),
        ("anime girl", "an"),
        ("pair of sunglasses", "a"),
        ("orange cat", "an"),
        ("unicorn", "a"),
        ("uniform", "a"),
        ("umbrella", "an"),
        ("uninvited guest", "an"),
        ("utensil", "a"),
        ("used car", "a"),
        ("usher", "an"),
        ("ukulele", "a"),
        ("European castle", "a"),
        ("one-eyed monster", "a"),
        ("onion", "an"),
        ("hourglass", "an"),
        ("honorary doctor", "an"),
        ("house", "a"),
        ("LED lamp", "an"),
        ("SUV", "an"),
        ("UFO", "a"),
        ("X-ray machine", "an"),
        ("8-bit toy", "an"),
        ("18th-century vase", "an"),
        ("3D printer", "a"),
        ("Eiffel tower", "an"),
    ],
)
def test_article_by_sound(phrase: str, expected: str) -> None:
    assert article(phrase) == expected


@pytest.mark.parametrize(
    ("template", "nouns", "plain", "tokens"),
    [
        (  # the example that CustomVideo prints for Table 5
            "a <c1> and a <c2> walking in the Times Square",
            ["cat", "dog"],
            "a cat and a dog walking in the Times Square",
            "a <new1> cat and a <new2> dog walking in the Times Square",
        ),
        (  # no article in the template: none in the prompt
            "a <c1> playing with <c2>",
            ["anime girl", "pair of sunglasses"],
            "an anime girl playing with pair of sunglasses",
            "a <new1> anime girl playing with <new2> pair of sunglasses",
        ),
        (  # the article belongs to another word
            "a <c2> playing with a robot toy <c1>",
            ["anime man", "umbrella"],
            "an umbrella playing with a robot toy anime man",
            "a <new2> umbrella playing with a robot toy <new1> anime man",
        ),
        (
            "a plush toy replica of a <c1> and a <c2> sitting beside it",
            ["anime girl", "dog"],
            "a plush toy replica of an anime girl and a dog sitting beside it",
            "a plush toy replica of a <new1> anime girl and a <new2> dog sitting beside it",
        ),
        (
            "a <c1> standing at a graffiti wall, showcasing a new <c2>, "
            "with a <c3> in the background",
            ["dog", "pair of sunglasses", "pyramid"],
            "a dog standing at a graffiti wall, showcasing a new pair of sunglasses, "
            "with a pyramid in the background",
            "a <new1> dog standing at a graffiti wall, showcasing a new <new2> pair of sunglasses, "
            "with a <new3> pyramid in the background",
        ),
        ("A <c1> waves", ["orange cat"], "An orange cat waves", "A <new1> orange cat waves"),
        ("an <c1> waves", ["cat"], "a cat waves", "a <new1> cat waves"),
        ("extra <c1>", ["cat"], "extra cat", "extra <new1> cat"),
        ("a <c1>, a <c1>", ["owl"], "an owl, an owl", "a <new1> owl, a <new1> owl"),
    ],
)
def test_filled_by_hand(template: str, nouns: list[str], plain: str, tokens: str) -> None:
    assert fill(template, nouns) == plain
    assert fill_with_tokens(template, nouns) == tokens


def test_too_few_nouns() -> None:
    with pytest.raises(ValueError, match="<c3>"):
        fill("a <c1> and a <c3>", ["cat", "dog"])


WORDS = st.text("abcdefghinou ", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=4))
def test_only_articles_change(nouns: list[str], between: list[str]) -> None:
    parts = [f"{text} a <c{1 + at % len(nouns)}>" for at, text in enumerate(between)]
    template = " ".join(parts)
    verbatim = template
    for index, noun in enumerate(nouns, start=1):
        verbatim = verbatim.replace(f"<c{index}>", noun)
    plain = fill(template, nouns)

    def neutral(text: str) -> str:
        return re.sub(r"\ban\b", "a", text)

    assert neutral(plain) == neutral(verbatim)
    assert re.sub(r"<new\d> ", "", fill_with_tokens(template, nouns)) == verbatim
    assert not placeholders(plain)


@given(WORDS)
def test_one_article_before_each_noun(noun: str) -> None:
    assert fill("a <c1>", [noun]) == fill("an <c1>", [noun]) == f"{article(noun)} {noun}"
