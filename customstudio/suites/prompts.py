"""Templates become prompts: nouns filled in, `a` or `an` put right, everything else verbatim.

Table 5 of CustomVideo (arXiv:2401.09962) writes its templates with `<newK> noun`; a text metric
gets the same words without the learnable token.
"""

import re
from collections.abc import Iterator, Sequence

from customstudio.suites.articles import article
from customstudio.suites.schema import Job, Suite

PLACEHOLDER = re.compile(r"<c([1-9])>")
_SLOT = re.compile(r"(?:\b(?P<article>[Aa]n?)(?P<space>\s+))?<c(?P<index>[1-9])>")


def placeholders(template: str) -> tuple[int, ...]:
    """The subjects that a template names, counted from one, without repeats, in order.

    >>> placeholders("a <c2> and a <c1> beside a <c2>")
    (1, 2)
    """
    return tuple(sorted({int(index) for index in PLACEHOLDER.findall(template)}))


def fill(template: str, nouns: Sequence[str]) -> str:
    """The plain prompt: `<cK>` becomes the K-th noun and an article before it fits.

    Only `a` and `an` change: where the template has no article, there is none.

    Raises:
        ValueError: the template names more subjects than there are nouns.

    >>> fill("a <c1> playing with <c2>", ["anime girl", "pair of sunglasses"])
    'an anime girl playing with pair of sunglasses'
    >>> fill("A <c1> wearing a new <c2>", ["orange cat", "hat"])
    'An orange cat wearing a new hat'
    """
    return _fill(template, nouns)


def fill_with_tokens(template: str, nouns: Sequence[str]) -> str:
    """The prompt with a learnable token before each noun; the article before a token is `a`.

    Raises:
        ValueError: the template names more subjects than there are nouns.

    >>> fill_with_tokens("a <c2> and a <c1>", ["anime girl", "dog"])
    'a <new2> dog and a <new1> anime girl'
    """
    return _fill(template, [f"<new{index}> {noun}" for index, noun in enumerate(nouns, start=1)])


def make_jobs(suite: Suite) -> Iterator[Job]:
    """Every pair with each of its prompts and each seed, in the order of the tables."""
    for pair in suite.pairs.values():
        nouns = [suite.subjects[subject].prompt_noun for subject in pair.subjects]
        for prompt in suite.prompts.values():
            if prompt.template_set != pair.template_set:
                continue
            plain, tokens = fill(prompt.text, nouns), fill_with_tokens(prompt.text, nouns)
            for seed in suite.seeds:
                yield Job(
                    pair=pair.id,
                    prompt_id=prompt.id,
                    seed=seed,
                    prompt=plain,
                    prompt_with_tokens=tokens,
                    subjects=pair.subjects,
                )


def _fill(template: str, phrases: Sequence[str]) -> str:
    beyond = [index for index in placeholders(template) if index > len(phrases)]
    if beyond:
        raise ValueError(f"{template!r} names <c{beyond[0]}>, but there are {len(phrases)} nouns")

    def slot(match: re.Match[str]) -> str:
        phrase = phrases[int(match["index"]) - 1]
        if match["article"] is None:
            return phrase
        fitting = article(phrase)
        if match["article"][0] == "A":
            fitting = fitting.capitalize()
        return f"{fitting}{match['space']}{phrase}"

    return _SLOT.sub(slot, template)
