"""What a store knows of a published submission without opening its bundle."""

import json
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from customstudio.errors import UserError
from customstudio.evaluation.records import Coverage, Estimate
from customstudio.records import Record, digest
from customstudio.submissions import tables
from customstudio.submissions.database import new_row
from customstudio.submissions.events import State
from customstudio.submissions.gate import Checked
from customstudio.submissions.schema import MethodCard, SuiteRef
from customstudio.submissions.texts import skeleton

SAMPLE = 64
"""Videos kept of each submission to find copies: those with the smallest hashes, so that two
submissions that share videos share some of these."""


class Entry(Record):
    """A row of the index: all of it follows from the bundle and the gate."""

    id: str
    owner: str
    card: MethodCard
    suite: SuiteRef
    protocol: str
    references_digest: str
    """Submissions with other reference images do not share a board."""
    section: Literal["official", "unofficial"]
    unofficial_because: tuple[str, ...]
    flags: tuple[str, ...]
    evaluated: str
    supersedes: str | None
    overall: dict[str, Estimate]
    """As recomputed here, not as submitted."""
    coverage: dict[str, Coverage]
    bytes: int

    @property
    def short(self) -> str:
        """The beginning of the id, for addresses: too long to make another with the same."""
        return self.id[:20]


class Listed(Record):
    """An entry with what its events come to."""

    entry: Entry
    state: State


def entry_of(checked: Checked, size: int) -> Entry:
    """The entry of a submission that passed the gate."""
    submission, results = checked.submission, checked.results
    if submission is None or results is None:
        raise ValueError("only what passed the gate has an entry")
    return Entry(
        id=checked.verdict.id,
        owner=submission.owner,
        card=submission.card,
        suite=submission.suite,
        protocol=submission.protocol,
        references_digest=digest({k: list(v) for k, v in submission.references.items()}),
        section=checked.verdict.section,
        unofficial_because=checked.verdict.unofficial_because,
        flags=checked.verdict.flags,
        evaluated=submission.evaluated,
        supersedes=submission.supersedes,
        overall=results.overall,
        coverage=results.coverage,
        bytes=size,
    )


def add_entry(db: Connection, entry: Entry, checked: Checked) -> Entry:
    """Insert an entry, with flags for what it shares with others' submissions.

    Raises:
        UserError: the name is another owner's, or what it supersedes is not the owner's to replace,
            or stands on another board.
    """
    check_claims(db, entry)
    copies = _copies(db, entry, checked)
    entry = entry.model_copy(update={"flags": (*entry.flags, *copies)})
    row = {
        "id": entry.id,
        "owner": entry.owner,
        "scores_digest": checked.scores_digest,
        "document": json.dumps(entry.model_dump(mode="json")),
    }
    db.execute(sa.insert(tables.entries).values(row))
    new_row(db, tables.names, skeleton=skeleton(entry.card.name), owner=entry.owner)
    sample = dict.fromkeys(checked.videos[:SAMPLE])
    seen = [{"video": video, "submission": entry.id} for video in sample]
    db.execute(sa.insert(tables.samples), seen)
    return entry


def read_entry(db: Connection, submission: str) -> Entry | None:
    """The entry of a submission, or None."""
    column = tables.entries.c
    row = db.execute(sa.select(column.document).where(column.id == submission)).scalar()
    return Entry.model_validate_json(row) if row else None


def check_claims(db: Connection, entry: Entry) -> None:
    """Whether the name and the superseded submission are this owner's.

    Raises:
        UserError: they are not.
    """
    look = skeleton(entry.card.name)
    name = tables.names.c
    owner = db.execute(sa.select(name.owner).where(name.skeleton == look)).scalar()
    if owner is not None and owner != entry.owner:
        raise UserError(
            f"the name {entry.card.name!r}, or one that looks like it, is another owner's",
            where="card: name",
            fix="choose another, for example with your group's name in brackets",
        )
    if entry.supersedes is None:
        return
    old = read_entry(db, entry.supersedes)
    if old is None or old.owner != entry.owner:
        raise UserError(
            "there is no such submission" if old is None else "the submission is another owner's",
            where=f"supersedes: {entry.supersedes}",
            fix="name a submission of your own: customstudio submissions list",
        )
    if (old.protocol, old.suite.digest) != (entry.protocol, entry.suite.digest):
        raise UserError(
            "the submission is of another suite or protocol",
            where=f"supersedes: {entry.supersedes}",
            fix="withdraw that one if it should go, and supersede none",
        )
    event = tables.events.c
    ended = event.kind.in_(("superseded", "withdrawn"))
    wanted = sa.select(event.kind).where(event.submission == entry.supersedes, ended)
    done = db.execute(wanted.order_by(event.number)).scalar()
    if done:
        raise UserError(
            f"the submission has been {done} already",
            where=f"supersedes: {entry.supersedes}",
            fix="supersede the newest one, or none",
        )


def _copies(db: Connection, entry: Entry, checked: Checked) -> list[str]:
    one, video = tables.entries.c, tables.samples.c
    same = sa.select(one.id).where(
        one.scores_digest == checked.scores_digest, one.owner != entry.owner
    )
    found = [
        f"the same scores as submission {other}"
        for other in db.scalars(same.order_by(one.number).limit(3))
    ]
    sample = checked.videos[:SAMPLE]
    shared = (
        sa.select(video.submission, sa.func.count())
        .join_from(tables.samples, tables.entries, one.id == video.submission)
        .where(video.video.in_(sample), one.owner != entry.owner)
        .group_by(video.submission, one.number)
        .order_by(one.number)
        .limit(3)
    )
    found += [f"{count} of {len(sample)} sampled videos are those of submission {other}"
              for other, count in db.execute(shared)]  # fmt: skip
    return found
