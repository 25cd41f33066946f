"""An Atom feed of what happened: RFC 4287."""

from itertools import islice
from xml.etree import ElementTree

from customstudio.report.text import visible
from customstudio.submissions.entries import Listed
from customstudio.submissions.events import Event
from customstudio.submissions.store import Store

MOST = 50
_ATOM = "http://www.w3.org/2005/Atom"


def atom(store: Store, listed: list[Listed], address: str) -> str:
    """The newest events of all submissions; without an address, links are left out.

    Ids are `urn:sha256:` of what was signed: they are the same wherever the pages lie.
    """
    ElementTree.register_namespace("", _ATOM)
    happened = [
        (event, one)
        for one in listed
        for event in store.events(one.entry.id)
        if event.kind != "received"
    ]
    happened.sort(key=lambda pair: pair[0].at, reverse=True)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    base = address.rstrip("/")
    _add(feed, "title", "CustomStudio leaderboard")
    _add(feed, "id", base or "urn:customstudio:leaderboard")
    _add(feed, "updated", _time(happened[0][0].at if happened else "1970-01-01T00:00:00+00:00"))
    author = ElementTree.SubElement(feed, f"{{{_ATOM}}}author")
    _add(author, "name", "CustomStudio")
    if base.startswith("https://"):
        _link(feed, f"{base}/feed.xml", "self")
    for event, one in islice(happened, MOST):
        _entry(feed, event, one, base)
    return ElementTree.tostring(feed, encoding="unicode", xml_declaration=True) + "\n"


def _entry(feed: ElementTree.Element, event: Event, one: Listed, base: str) -> None:
    entry = ElementTree.SubElement(feed, f"{{{_ATOM}}}entry")
    _add(entry, "title", f"{one.entry.card.name}: {event.kind}")
    _add(entry, "id", f"urn:sha256:{event.id}")
    _add(entry, "updated", _time(event.at))
    suite = f"{one.entry.suite.name} {one.entry.suite.version}, {one.entry.protocol}"
    _add(entry, "summary", f"{suite}. {event.about or ''}".strip())
    if base.startswith("https://"):
        _link(entry, f"{base}/methods/{one.entry.short}.html", "alternate")


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}").text = visible(text)


def _link(parent: ElementTree.Element, href: str, rel: str) -> None:
    ElementTree.SubElement(parent, f"{{{_ATOM}}}link", {"href": href, "rel": rel})


def _time(at: str) -> str:
    return at.replace("+00:00", "Z")
