"""What a store knows of a published submission without opening its bundle."""

import json
import sqlite3
from typing import Literal

from customstudio.errors import UserError
from customstudio.evaluation.records import Coverage, Estimate
from customstudio.records import Record, digest
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


def add_entry(db: sqlite3.Connection, entry: Entry, checked: Checked) -> Entry:
    """Insert an entry, with flags for what it shares with others' submissions.

    Raises:
        UserError: the name is another owner's, or what it supersedes is not the owner's to replace.
    """
    check_claims(db, entry)
    copies = _copies(db, entry, checked)
    entry = entry.model_copy(update={"flags": (*entry.flags, *copies)})
    db.execute(
        "INSERT INTO entries (id, owner, scores_digest, document) VALUES (?, ?, ?, ?)",
        (entry.id, entry.owner, checked.scores_digest, json.dumps(entry.model_dump(mode="json"))),
    )
    db.execute(
        "INSERT OR IGNORE INTO names VALUES (?, ?)", (skeleton(entry.card.name), entry.owner)
    )
    db.executemany(
        "INSERT OR IGNORE INTO samples VALUES (?, ?)",
        [(video, entry.id) for video in checked.videos[:SAMPLE]],
    )
    return entry


def read_entry(db: sqlite3.Connection, submission: str) -> Entry | None:
    """The entry of a submission, or None."""
    row = db.execute("SELECT document FROM entries WHERE id = ?", (submission,)).fetchone()
    return Entry.model_validate_json(row[0]) if row else None


def check_claims(db: sqlite3.Connection, entry: Entry) -> None:
    """Whether the name and the superseded submission are this owner's.

    Raises:
        UserError: they are not.
    """
    look = skeleton(entry.card.name)
    row = db.execute("SELECT owner FROM names WHERE skeleton = ?", (look,)).fetchone()
    if row and row[0] != entry.owner:
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
    done = db.execute(
        "SELECT kind FROM events WHERE submission = ? AND kind IN ('superseded', 'withdrawn')",
        (entry.supersedes,),
    ).fetchone()
    if done:
        raise UserError(
            f"the submission has been {done[0]} already",
            where=f"supersedes: {entry.supersedes}",
            fix="supersede the newest one, or none",
        )


def _copies(db: sqlite3.Connection, entry: Entry, checked: Checked) -> list[str]:
    found = []
    same = db.execute(
        "SELECT id FROM entries WHERE scores_digest = ? AND owner != ? LIMIT 3",
        (checked.scores_digest, entry.owner),
    )
    found += [f"the same scores as submission {other}" for (other,) in same]
    sample = checked.videos[:SAMPLE]
    marks = ", ".join("?" * len(sample))
    shared = db.execute(
        "SELECT submission, COUNT(*) FROM samples JOIN entries ON entries.id = submission"
        f" WHERE video IN ({marks}) AND owner != ? GROUP BY submission LIMIT 3",
        (*sample, entry.owner),
    )
    found += [f"{count} of {len(sample)} sampled videos are those of submission {other}"
              for other, count in shared]  # fmt: skip
    return found
