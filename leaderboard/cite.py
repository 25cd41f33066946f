"""How to cite: a method's paper as its card tells it, and the submission itself."""

import re
import unicodedata

from customstudio.report.text import latex
from customstudio.submissions.entries import Entry
from customstudio.submissions.schema import MethodCard


def bibtex(entry: Entry) -> str:
    """BibTeX of the method's paper (or code), and of this submission by its id."""
    card = entry.card
    fields = {
        "title": card.title or card.name,
        "author": " and ".join(card.authors),
        "year": str(card.year),
    }
    arxiv = re.match(r"https://arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})", card.paper or "")
    if arxiv:
        fields |= {"eprint": arxiv[1], "archiveprefix": "arXiv"}
    links = {"url": card.paper or card.code}
    return _entry("misc", cite_key(card), fields, links) + "\n" + submission_bibtex(entry)


def submission_bibtex(entry: Entry) -> str:
    """BibTeX of the submission: what was measured, and by which id it can be found."""
    suite = f"{entry.suite.name} {entry.suite.version}"
    fields = {
        "title": f"{entry.card.name} on {suite}: a submission to a CustomStudio leaderboard",
        "author": " and ".join(entry.card.authors),
        "year": entry.evaluated[:4],
        "note": f"protocol {entry.protocol}, section {entry.section}, submission {entry.id}",
    }
    return _entry("misc", f"{cite_key(entry.card)}_{entry.id[:8]}", fields, {})


def cite_key(card: MethodCard) -> str:
    """A key of plain letters and digits.

    >>> card = MethodCard(name="Toy Method (v2)", tuning="none", base_model="b", licence="MIT",
    ...     open_weights=True, year=2026, authors=("Zoë Müller",))
    >>> cite_key(card)
    'muller2026toymethodv2'
    """
    last = card.authors[0].split()[-1]
    plain = unicodedata.normalize("NFKD", f"{last}{card.year}{card.name}").lower()
    return re.sub(r"[^a-z0-9]", "", plain) or "method"


def _entry(kind: str, key: str, fields: dict[str, str], links: dict[str, str | None]) -> str:
    lines = [f"  {name} = {{{latex(text)}}}," for name, text in fields.items()]
    # A link has been through the allow-list of cards; LaTeX's own signs in it still end nothing.
    lines += [f"  {name} = {{{_url(text)}}}," for name, text in links.items() if text]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _url(text: str) -> str:
    return re.sub(r"([%#&])", r"\\\1", text)
