"""What client and server say to each other."""

import base64
import binascii

from customstudio.records import Record
from customstudio.submissions.entries import Entry
from customstudio.submissions.events import Event
from customstudio.submissions.findings import Finding
from customstudio.submissions.recovery import EVENTS_BYTES, events_bytes, read_events

API = "/api/v1"
SIGNED = "CustomStudio-Events"
"""Header of a submission: its owner's signed events, as base64 of JSON."""
ZIP, JSON = "application/zip", "application/json"


class Receipt(Record):
    """What a server says of a submission that it took."""

    entry: Entry
    new: bool
    """False: it was there already."""


class Added(Record):
    """What a server says of an event."""

    new: bool
    """False: it was there already."""


class Refusal(Record):
    """Why a server did not do what it was asked to."""

    findings: tuple[Finding, ...]


def written(events: tuple[Event, ...]) -> str:
    """Events as a header's text."""
    return base64.b64encode(events_bytes(events)).decode()


def read(header: str) -> tuple[Event, ...]:
    """Events from a header's text; their signatures are not checked.

    Raises:
        ValueError: it holds anything else, or too much.
    """
    if len(header) > 2 * EVENTS_BYTES:
        raise ValueError("too long")
    try:
        return read_events(base64.b64decode(header, validate=True))
    except binascii.Error as error:
        raise ValueError("not base64") from error
