"""Which texts a submission may hold: allow-lists, so that none can act as markup or as another.

Names are ASCII. Prose is Latin letters, digits and a little punctuation: no Markdown, no HTML, no
links, no characters that cannot be seen or that turn the direction of the line, and no letters of
other scripts that look like Latin ones (authors' names are written as papers print them).
"""

import re
import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,63}")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()/,:-]{0,119}")
_REASON = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,:;'()+/%-]{0,199}")
_LINK = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(/[\w.~/%?=&#+,:-]*)?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_PROSE_SIGNS = frozenset(" .,:;'()+-/&%!?–—×±’")
_ACTIVE = re.compile(
    r"www\.|://|\b(?:javascript|vbscript|data|file|mailto):(?! )|:[\w+/-]+:|__|^\d+[.)] |  | $",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"hf_[A-Za-z0-9]{16,}|gh[opsu]_[A-Za-z0-9]{16,}|github_pat_|sk-[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{12,}"
    r"|xox[bp]-|BEGIN [A-Z ]*PRIVATE|(?:^|[^A-Za-z0-9])/(?:home|Users|root)/",
)
PACKAGES = (
    "av",
    "insightface",
    "numpy",
    "onnxruntime",
    "open_clip_torch",
    "opencv-python",
    "pandas",
    "pillow",
    "pyarrow",
    "ray",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)
"""Packages whose versions `env.json` may tell."""


def name(text: str) -> str:
    """A display name: what rankings show."""
    return _checked(text, _NAME, "use ASCII letters, digits, spaces and ._+()-, at most 64")


def slug(text: str) -> str:
    """An id of ours: a metric's, a subject's, a suite's."""
    return _checked(text, _SLUG, "use ASCII letters, digits and ._+-, at most 64")


def identifier(text: str) -> str:
    """A name that others gave: a base model, a device, a platform, a licence."""
    return _checked(text, _IDENTIFIER, "use ASCII letters, digits, spaces and ._+()/,:-, up to 120")


def reason(text: str) -> str:
    """Why a row has no value, in the engine's words."""
    return _checked(text, _REASON, "use the engine's own words: ASCII letters and .,:;'()+/%-")


def link(text: str) -> str:
    """An https address with a host and without credentials, port or punycode."""
    if len(text) > 200 or not _LINK.fullmatch(text) or "xn--" in text or not text.isascii():
        raise ValueError("not an https:// link of plain ASCII, without port or credentials")
    return _without_secrets(text)


def sha256(text: str) -> str:
    """64 hexadecimal digits in lower case."""
    if not _SHA256.fullmatch(text):
        raise ValueError("not 64 hexadecimal digits in lower case")
    return text


def package(text: str) -> str:
    """A package whose version matters."""
    if text not in PACKAGES:
        raise ValueError("not a package whose version is recorded")
    return text


def moment(text: str) -> str:
    """A time in UTC, to the second."""
    if not _TIME.fullmatch(text):
        raise ValueError("not a time like 2026-01-31T12:00:00+00:00")
    datetime.fromisoformat(text)
    return text


def prose(text: str) -> str:
    """A sentence or two for readers.

    >>> prose("Müller's method: 2 × faster")
    "Müller's method: 2 × faster"
    >>> prose("see [here](javascript:alert(1))")
    Traceback (most recent call last):
    ValueError: '[' is not allowed: only Latin letters, digits, spaces and .,:;'()+-/&%!?
    """
    if not text or len(text) > 500:
        raise ValueError("between 1 and 500 characters are allowed")
    if not (_is_latin(text[0]) or text[0] in "0123456789("):
        raise ValueError("it begins with neither a Latin letter nor a digit")
    for sign in text:
        if not (_is_latin(sign) or sign in "0123456789" or sign in _PROSE_SIGNS):
            allowed = "only Latin letters, digits, spaces and .,:;'()+-/&%!?"
            raise ValueError(f"{sign!a} is not allowed: {allowed}")
    if unicodedata.normalize("NFKC", text) != text:
        raise ValueError("letters in a form that looks like others: write it in plain letters")
    return _without_active(text)


def skeleton(text: str) -> str:
    """What a name looks like at a glance; two owners never share one.

    After Unicode's UTS 39, section 4, for the ASCII letters that names are made of.

    >>> skeleton("Cust0m-VIDEO") == skeleton("custom video")
    True
    """
    plain = re.sub(r"[ ._()-]", "", text.lower())
    for looks, like in (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s")):
        plain = plain.replace(looks, like)
    return plain


def _checked(text: str, pattern: re.Pattern[str], rule: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(rule)
    return _without_active(text)


def _without_active(text: str) -> str:
    if _ACTIVE.search(text):
        raise ValueError("a link, an emoji code, a list mark or spaces that do not show")
    return _without_secrets(text)


def _without_secrets(text: str) -> str:
    if _SECRETS.search(text):
        raise ValueError("it looks like a token, a key or somebody's home folder")
    return text


def _is_latin(sign: str) -> bool:
    return unicodedata.name(sign, "").startswith("LATIN ")


Name = Annotated[str, AfterValidator(name)]
Slug = Annotated[str, AfterValidator(slug)]
Identifier = Annotated[str, AfterValidator(identifier)]
Link = Annotated[str, AfterValidator(link)]
Sha256 = Annotated[str, AfterValidator(sha256)]
Moment = Annotated[str, AfterValidator(moment)]
Package = Annotated[str, AfterValidator(package)]
Prose = Annotated[str, AfterValidator(prose)]
