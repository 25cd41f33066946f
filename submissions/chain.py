"""The events in a store's database: only ever added, each holding on to the one before."""

import hashlib
import json

import sqlalchemy as sa
from sqlalchemy import Connection

from customstudio.submissions import tables
from customstudio.submissions.database import new_row
from customstudio.submissions.events import Event

_EVENTS = tables.events


def add_event(db: Connection, event: Event) -> bool:
    """Append an event to the chain; False if it, or one of its kind that is unique, is there."""
    newest = sa.select(_EVENTS.c.chain).order_by(_EVENTS.c.number.desc()).limit(1)
    last = db.execute(newest).scalar()
    document = json.dumps(event.model_dump(mode="json"), sort_keys=True)
    return new_row(
        db,
        _EVENTS,
        id=event.id,
        submission=event.submission,
        kind=event.kind,
        document=document,
        chain=_link(last or "", document),
    )


def events_of(db: Connection, submission: str | None = None) -> list[Event]:
    """Events in the order in which they were stored; signatures are not checked here."""
    wanted = sa.select(_EVENTS.c.document).order_by(_EVENTS.c.number)
    if submission:
        wanted = wanted.where(_EVENTS.c.submission == submission)
    return [Event.model_validate_json(document) for document in db.scalars(wanted)]


def broken_chain(db: Connection) -> list[int]:
    """Numbers of the events that do not follow from those before: somebody wrote among them."""
    wrong, last = [], ""
    columns = (_EVENTS.c.number, _EVENTS.c.document, _EVENTS.c.chain)
    for number, document, chain in db.execute(sa.select(*columns).order_by(_EVENTS.c.number)):
        if chain != _link(last, document):
            wrong.append(number)
        last = chain
    return wrong


def _link(last: str, document: str) -> str:
    return hashlib.sha256(f"{last}\n{document}".encode()).hexdigest()
