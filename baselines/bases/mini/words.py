"""The mini base models' language: captions of the world's pictures, and the tokenizer.

More can be said here than mini-CLIP was told: an individual's colour and pattern, a white
background, a size. So words can lead to a look, as a learnable token must; no individual has a
name.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from customstudio.baselines.prior import LIGHTS as PRIOR_LIGHTS
from customstudio.baselines.prior import PLACES as PRIOR_PLACES
from customstudio.mini.captions import CLASSES, LIGHT_NAMES, merges
from customstudio.mini.look import Look
from customstudio.mini.places import PLACES
from customstudio.mini.world import ACTIONS
from customstudio.suites.articles import article

HUES = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
"""By hue, from 0 on, an eighth of the circle each, around its middle."""
PATTERNS = {"stripes": "striped", "bands": "banded", "spots": "spotted", "checks": "checked"}
WHITE = "on a white background"
SIZES = ("very small", "close up")
LENGTH = 40
"""Tokens of a prompt."""
_KNOWN = {*(place.split()[-1] for place in PLACES), "city", "mountain", "flowers"}
ELSEWHERE = tuple(place for place in PRIOR_PLACES if not _KNOWN & {*place.split()})
"""Places of class prompts that the world does not have."""
_ELSEWHEN = tuple(light for light in PRIOR_LIGHTS if light not in LIGHT_NAMES)
_PREFIXES = ("", "", "", "a video of ", "a photo of ")


def _held_out() -> tuple[tuple[int, int, int], ...]:
    rng = np.random.default_rng(61)
    numbers = rng.choice(len(CLASSES) * len(ACTIONS) * len(PLACES), 100, replace=False)
    shape = (len(CLASSES), len(ACTIONS), len(PLACES))
    return tuple(zip(*(part.tolist() for part in np.unravel_index(numbers, shape)), strict=True))


HELD_OUT = _held_out()
"""Class, action and place that no training picture has together."""


def sentence(prompt: tuple[int, int, int]) -> str:
    """A prompt of one subject.

    >>> sentence((0, 0, 3))
    'a cat walking in the snow'
    """
    noun, action, place = CLASSES[prompt[0]], ACTIONS[prompt[1]], PLACES[prompt[2]]
    return f"{article(noun)} {noun} {action} {place}"


def held_out(classes: Sequence[int], action: int, place: int) -> bool:
    """Whether a picture is of a held-out prompt, so that nothing may be trained on it."""
    return any((noun, action, place) in HELD_OUT for noun in classes)


@dataclass(frozen=True)
class Claims:
    """What is true of a picture."""

    classes: tuple[int, ...]
    colours: tuple[str, ...]
    """Colour and pattern of each subject, in words."""
    action: int
    place: int | None
    """None: the subjects on white."""
    light: int = 0
    size: str = ""
    """One of `SIZES`, or nothing."""


def colours(look: Look) -> str:
    """A look in words.

    >>> from customstudio.mini.look import Identity
    >>> colours(Identity("cat", 3).look)
    'red checked'
    """
    hue, saturation, _ = colorsys.rgb_to_hsv(*(c / 255 for c in look.main))
    name = "gray" if saturation < 0.25 else HUES[int(hue * 8 + 0.5) % 8]
    return f"{name} {PATTERNS[look.pattern]}" if look.pattern in PATTERNS else name


def caption(claims: Claims, rng: np.random.Generator) -> str:
    """A true caption, often of a part; one in ten says nothing, for guidance."""
    if rng.random() < 0.1:
        return ""
    told = rng.random() < 0.6
    names = []
    for index in rng.permutation(len(claims.classes)):
        noun = CLASSES[claims.classes[index]]
        name = f"{claims.colours[index]} {noun}" if told else noun
        names.append(f"{article(name)} {name}")
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    prefix = f"{claims.size} " if claims.size else str(rng.choice(_PREFIXES))
    parts = [prefix + who]
    if claims.place is None:
        return " ".join([*parts, WHITE] if rng.random() < 0.5 else parts)
    if rng.random() < 0.85:
        parts.append(ACTIONS[claims.action])
    chance = rng.random()
    if chance < 0.85:
        parts.append(PLACES[claims.place])
    elif chance < 0.95:  # words that no picture bears out: they must do no harm
        parts += [str(rng.choice(ELSEWHERE)), str(rng.choice(_ELSEWHEN))]
        return " ".join(parts)
    if claims.light:
        parts.append(LIGHT_NAMES[claims.light])
    return " ".join(parts)


def tokenizer() -> Any:
    """One token a word of this language; any other text in bytes."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    pairs = merges([*HUES, "gray", *PATTERNS.values(), WHITE, *SIZES, *PRIOR_PLACES, *PRIOR_LIGHTS])
    letters = sorted(ByteLevel.alphabet())
    symbols = [*letters, *(f"{letter}</w>" for letter in letters)]
    symbols += ["".join(pair) for pair in pairs]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))},
        merges=pairs,
        model_max_length=LENGTH,
    )
