"""Text that others wrote, made safe to show in HTML, Markdown and LaTeX; and numbers as text.

Names of methods, prompts, paths and reasons are untrusted. Each of the three kinds of output has
one `finalize` function, which jinja2 applies to every expression: a template cannot forget it.
"""

import math
import re
import unicodedata
from typing import Any

from markupsafe import Markup

from customstudio.metrics.spec import NOT_APPLICABLE

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
DIRECTIONS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "neither direction is better",
}


class Raw(str):
    """Text in the output's own language, written by us: passed through unescaped."""


def visible(text: str) -> str:
    """One line of text in which nothing hides: control and format characters become their codes.

    Bidirectional overrides and zero-width characters can make one name look like another.

    >>> visible("a\\u202eb" + chr(10) + "c")
    'a[U+202E]b c'
    """
    flat = re.sub(r"\s*[\t\n\r]\s*", " ", text)
    return "".join(_shown(character) for character in flat)


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return f"[U+{ord(character):04X}]" if hidden else character


def number(value: float) -> str:
    """A score as text: four decimals, fewer for large values; the sign is a true minus.

    >>> number(-0.28314), number(123.456), number(-0.00001)
    ('−0.2831', '123.5', '0.0000')
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a score")
    text = f"{abs(value):.{4 if abs(value) < 100 else 1}f}"
    return f"−{text}" if value < 0 and float(text) else text


def percent(share: float) -> str:
    """A share as text; all and nothing are only said of exactly all and nothing.

    >>> percent(1.0), percent(0.99996), percent(0.5), percent(0.00001)
    ('100%', '99.9%', '50%', '0.1%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}".replace(".0%", "%")


def count(value: int, noun: str) -> str:
    """A number of things, with its noun.

    >>> count(1, "video"), count(2720, "video")
    ('1 video', '2,720 videos')
    """
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def in_words(reason: str) -> str:
    """A reason of the tables, as people say it.

    >>> in_words("not_applicable: not a person")
    'does not apply: not a person'
    """
    if reason.startswith(NOT_APPLICABLE):
        rest = reason.removeprefix(NOT_APPLICABLE).lstrip(": ")
        return f"does not apply: {rest}" if rest else "does not apply"
    return reason or "no reason recorded"


def finalize_html(value: Any) -> Any:
    """What jinja2 escapes next: visible text, or a coordinate; never None, NaN or a bare object."""
    if isinstance(value, Markup) or type(value) is int:
        return value
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value + 0.0:.1f}".removesuffix(".0")
    raise TypeError(f"a template shows {value!r}")


def finalize_markdown(value: Any) -> Any:
    """Text with everything escaped that Markdown could take for its own."""
    if isinstance(value, Raw) or type(value) is int:
        return value
    if isinstance(value, str):
        plain = re.sub(r"([\\`*_\[\]<>|&~$#@!])", r"\\\1", visible(value))
        return re.sub(r"(?i)(https?|ftp|www)([:.])", r"\1\\\2", plain)
    raise TypeError(f"a template shows {value!r}")


def code(text: str) -> Raw:
    """A Markdown code span: the one place where no link, mention or tag comes to life.

    >>> code("a`b|c")
    '``a`b|c``'
    """
    shown = visible(text).strip() or "(empty)"
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return Raw(f"{fence}{pad}{shown}{pad}{fence}")


def code_cell(text: str) -> Raw:
    """A code span in a table, which is cut into cells at bars before code is looked for.

    >>> code_cell("a|b")
    '`a\\\\|b`'
    """
    return Raw(code(text).replace("|", "\\|"))


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}", "–": "--", "—": "---",
    "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}", "×": r"$\times$", "−": "$-$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "\u00a0": "~",
    "·": r"$\cdot$", "±": r"$\pm$",
}  # fmt: skip
# Brackets and stars are wrapped because `\\` at the end of a table's row would take them.
_WITHOUT_GLYPH = "ÐðÞþ÷"


def latex(text: str) -> Raw:
    """Text that LaTeX prints as it is; what its standard fonts lack is shown by its code.

    >>> latex("50%_{a}"), latex("é 猫")
    ('50\\\\%\\\\_\\\\{a\\\\}', 'é {[}U+732B{]}')
    """
    return Raw("".join(map(_latex_character, unicodedata.normalize("NFC", visible(text)))))


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    known = character.isascii() or ("À" <= character <= "ÿ" and character not in _WITHOUT_GLYPH)
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def finalize_latex(value: Any) -> Any:
    """Text with everything escaped that LaTeX could take for its own."""
    if isinstance(value, Raw) or type(value) is int:
        return value
    if isinstance(value, str):
        return latex(value)
    raise TypeError(f"a template shows {value!r}")
