"""The English indefinite article: `a` or `an`, by the sound that the next word starts with."""

import re

# Vowel letters that sound like "you" or "w"; `uni` only where it is not the prefix un-.
_CONSONANT_SOUND = re.compile(
    r"(uni(?![nmd])|uk[eu]|u[bt]i|ura|ute|ufo|us[aeiu]|eu|ewe|one(sie)?\b|once|oui)", re.IGNORECASE
)
_SILENT_H = re.compile(r"(hour|honest|hono|heir)", re.IGNORECASE)
# Spelled letter by letter, a name of a letter that starts with a vowel: an LED, a UFO.
_SPELLED = re.compile(r"[A-Z]{2,}\b|[A-Z](?=[-\d])")
_VOWEL_NAMES = "AEFHILMNORSX"
_VOWEL_NUMBERS = re.compile(r"(8|11(?!\d)|18(?!\d))")


def article(phrase: str) -> str:
    """`a` or `an` for a noun phrase without an article.

    By rule, with the usual exceptions; an acronym is taken to be spelled out.

    >>> [article(noun) for noun in ("cat", "anime girl", "unicorn", "umbrella", "hourglass")]
    ['a', 'an', 'a', 'an', 'an']
    >>> [article(noun) for noun in ("LED lamp", "UFO", "8-bit toy", "one-eyed monster")]
    ['an', 'a', 'an', 'a']
    """
    word = phrase.lstrip("\"'([ ")
    if _SPELLED.match(word):
        return "an" if word[0] in _VOWEL_NAMES else "a"
    if _VOWEL_NUMBERS.match(word) or _SILENT_H.match(word):
        return "an"
    if _CONSONANT_SOUND.match(word):
        return "a"
    return "an" if word[:1].lower() in set("aeiou") else "a"
