"""Which reference images may be shown: those whose licence allows it."""

from pathlib import Path

from customstudio.records import Record
from customstudio.suites.references import data_dir, find_references, is_shipped
from customstudio.suites.schema import Subject, Suite

SHOWN_LICENCES = ("Apache-2.0", "CC BY 4.0", "CC0")
"""Licences that allow showing an image with its source named; what is unclear is not here."""
MOST_IMAGES = 4


class References(Record):
    """A subject's reference images as far as they may be shown."""

    subject: str
    noun: str
    images: tuple[Path, ...]
    credit: str
    """Source and licence of what is shown."""
    hidden: str
    """Why none is shown; empty where some are."""


def may_show(subject: Subject) -> bool:
    """Whether the licence of a subject's images is one that allows showing them.

    >>> cat = {"id": "c", "class_noun": "cat", "prompt_noun": "cat", "category": "pet"}
    >>> may_show(Subject(**cat, licence="CC BY 4.0 (dataset LICENSE.md)"))
    True
    >>> may_show(Subject(**cat, licence="code Apache-2.0; images with NO stated licence"))
    False
    """
    return any(
        subject.licence == name or subject.licence.startswith(f"{name} (")
        for name in SHOWN_LICENCES
    )


def references(suite: Suite, subject: Subject) -> References:
    """A subject's images where they are on this machine and may be shown; or why not."""
    hidden = ""
    images: tuple[Path, ...] = ()
    if not may_show(subject):
        hidden = f"not shown: {subject.licence or 'no licence is stated'}"
    else:
        root = data_dir(suite.name) / "refs"
        found = find_references([subject.id], root)[subject.id] if root.is_dir() else ()
        images = tuple(reference.path for reference in found[:MOST_IMAGES])
        hidden = "" if images else "not on this machine"
    source = "rendered by CustomStudio" if is_shipped(suite.name) else subject.source_dataset
    return References(
        subject=subject.id,
        noun=subject.prompt_noun,
        images=images,
        credit=f"{source}; {subject.licence}" if images else "",
        hidden=hidden,
    )
