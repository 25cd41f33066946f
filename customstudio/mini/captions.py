"""What can be said of a picture of the world: true captions, near misses, and the vocabulary."""

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

from customstudio.mini.look import NOUNS
from customstudio.mini.places import PLACES
from customstudio.mini.shapes import Array
from customstudio.mini.world import ACTIONS, LIGHTS
from customstudio.suites.articles import article

CLASSES, LIGHT_NAMES = tuple(NOUNS), tuple(LIGHTS)
_PREFIXES = ("", "", "", "a video of ", "a photo of ", "a picture of ", "an image of ")
_MORE = "two three the in on at is are of with and video photo picture image person something day"


@dataclass(frozen=True)
class Words:
    """A caption's claims, as places in the tables; None: it claims nothing of that kind."""

    classes: tuple[int, ...] = ()
    action: int | None = None
    place: int | None = None
    light: int | None = None
    """Daylight is never said."""

    def text(self, prefix: str = "") -> str:
        """The caption.

        >>> Words((0, 1), action=0, place=3).text("a video of ")
        'a video of a cat and a dog walking in the snow'
        """
        names = [f"{article(CLASSES[c])} {CLASSES[c]}" for c in self.classes]
        who = names[:1] if len(names) < 2 else [f"{', '.join(names[:-1])} and {names[-1]}"]
        parts = [] if self.action is None else [ACTIONS[self.action]]
        parts += [] if self.place is None else [PLACES[self.place]]
        parts += [LIGHT_NAMES[self.light]] if self.light else []
        return prefix + " ".join(who + parts)


def match(pictures: list[Words], texts: list[Words]) -> Bool[Array, "pictures texts"]:
    """Whether all that a text claims is true of a picture."""

    def true(picture: Words, text: Words) -> bool:
        return (
            set(text.classes) <= set(picture.classes)
            and text.action in (None, picture.action)
            and text.place in (None, picture.place)
            and text.light in (None, picture.light)
        )

    return np.array([[true(picture, text) for text in texts] for picture in pictures])


def variant(picture: Words, rng: np.random.Generator) -> Words:
    """A true caption: all of it, most often, or a part; subjects in any order."""
    order = tuple(int(c) for c in rng.permutation(picture.classes))
    whole = replace(picture, classes=order, light=picture.light or None)
    if rng.uniform() < 0.55:
        return whole
    keep = rng.uniform(size=4) < (0.8, 0.6, 0.6, 0.6)
    if not keep[:3].any():
        keep[0] = True
    return Words(
        order[: int(rng.integers(1, len(order) + 1))] if keep[0] else (),
        whole.action if keep[1] else None,
        whole.place if keep[2] else None,
        whole.light if keep[3] else None,
    )


def near_misses(picture: Words, text: Words, rng: np.random.Generator) -> list[Words]:
    """The caption with one claim made false: a class, the action, the place or the light."""
    found = []
    if text.classes:
        others = [c for c in range(len(CLASSES)) if c not in picture.classes]
        classes = list(text.classes)
        classes[rng.integers(len(classes))] = int(rng.choice(others))
        found.append(replace(text, classes=tuple(classes)))
    if text.action is not None:
        found.append(replace(text, action=_other(text.action, len(ACTIONS), rng)))
    if text.place is not None:
        found.append(replace(text, place=_other(text.place, len(PLACES), rng)))
    if rng.uniform() < 0.4 and picture.light is not None:
        wrong = [light for light in (1, 2) if light != picture.light]
        found.append(replace(text, light=int(rng.choice(wrong))))
    return found


def prefixed(words: Words, rng: np.random.Generator) -> str:
    """Its text, often behind words like `a photo of`."""
    return words.text(str(rng.choice(_PREFIXES)) if words.classes else "")


def merges(more: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Byte pairs, in order, that make one token of each word of the world's grammar.

    Args:
        more: sentences whose words become tokens, too.

    Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", ACL 2016,
    arXiv:1508.07909, algorithm 1; equal counts in alphabetical order.
    """
    sentences = [*CLASSES, *ACTIONS, *PLACES, *LIGHT_NAMES, *_PREFIXES, _MORE, *more]
    words = sorted(set(" ".join(sentences).split()))
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    found: list[tuple[str, str]] = []
    while any(len(word) > 1 for word in spelled):
        pairs = Counter(pair for word in spelled for pair in pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        spelled = [_merged(word, best) for word in spelled]
    return found


def merges_file() -> bytes:
    """The merges as open_clip's tokenizer reads them: gzip, a line of comment, a pair a line."""
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges())]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def claims(classes: Int[Array, "3"], action: int, place: int, light: int) -> Words:
    """All that is true of a picture."""
    return Words(tuple(int(c) for c in classes if c >= 0), action, place, light)


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    for part in word:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return result


def _other(value: int, count: int, rng: np.random.Generator) -> int:
    return int((value + rng.integers(1, count)) % count)
