"""Answers of the human preference study: added once for each ticket, never changed."""

import re
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import AfterValidator

from customstudio.errors import UserError
from customstudio.records import Record
from customstudio.submissions import tables
from customstudio.submissions.database import Database
from customstudio.submissions.texts import Moment, Name, Slug

Question = Literal["text_alignment", "subject_fidelity", "overall", "motion"]
Answer = Literal["left", "right", "tie", "both_bad"]
_OPAQUE = re.compile(r"[0-9a-f]{16,64}")
_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9._+-]{0,63}){2}")


def _opaque(text: str) -> str:
    if not _OPAQUE.fullmatch(text):
        raise ValueError("16 to 64 hexadecimal digits in lower case, drawn at random")
    return text


def _job(text: str) -> str:
    if not _JOB.fullmatch(text):
        raise ValueError("not a job's id, pair/prompt/seed")
    return text


Opaque = Annotated[str, AfterValidator(_opaque)]
"""Drawn at random: says nothing of whom or what it stands for."""
JobId = Annotated[str, AfterValidator(_job)]


class Vote(Record):
    """One answer to one question about two videos of one job."""

    ticket: Opaque
    """Of the comparison; all its answers share it, and come at once."""
    board: Slug
    """The study or board."""
    job: JobId
    """Pair, prompt and seed: pair/prompt/seed."""
    left: Name
    """The method whose video was on the left: a submission's id, or a folder's name in a study."""
    right: Name
    question: Question
    answer: Answer
    rater: Opaque
    gold: bool = False
    """A comparison whose answer is known, to check the rater."""
    swapped: bool = False
    """The rater has seen it before with its sides turned, to check the rater."""
    at: Moment

    @property
    def winner(self) -> str | None:
        """The method that was preferred; None for a tie, and for both bad."""
        return {"left": self.left, "right": self.right}.get(self.answer)


class Votes:
    """The votes in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, *answers: Vote) -> bool:
        """Store all answers to one comparison, or none; False if its ticket has been used.

        Raises:
            UserError: they are not one rater's answers to different questions of one comparison.
        """
        _check(answers)
        with self.database.writing("votes") as db:
            column = tables.votes.c.ticket
            if db.execute(sa.select(column).where(column == answers[0].ticket).limit(1)).first():
                return False
            db.execute(sa.insert(tables.votes), [_row(answer) for answer in answers])
        return True

    def all(self, board: str | None = None) -> tuple[Vote, ...]:
        """The votes of a board or study, or of all of them, in the order in which they came."""
        table = tables.votes
        wanted = sa.select(table).order_by(table.c.number)
        if board is not None:
            wanted = wanted.where(table.c.board == board)
        with self.database.reading() as db:
            return tuple(_vote(dict(row)) for row in db.execute(wanted).mappings())

    def used(self, ticket: str) -> bool:
        """Whether a ticket has been used."""
        column = tables.votes.c.ticket
        with self.database.reading() as db:
            return db.execute(sa.select(column).where(column == ticket)).first() is not None

    def version(self) -> int:
        """Grows with every vote: what a cache may hold on to."""
        return self.database.version("votes")


def _check(answers: tuple[Vote, ...]) -> None:
    same = {"ticket", "board", "job", "left", "right", "rater", "gold", "swapped"}
    comparisons = {answer.model_dump_json(include=same) for answer in answers}
    questions = [answer.question for answer in answers]
    if len(comparisons) != 1 or len(set(questions)) != len(questions):
        raise UserError(
            "not one rater's answers to different questions of one comparison",
            where=f"ticket {answers[0].ticket}" if answers else "no answer at all",
            fix="add the answers of one ticket at once",
        )


def _row(vote: Vote) -> dict[str, object]:
    return {**vote.model_dump(), "gold": int(vote.gold), "swapped": int(vote.swapped)}


def _vote(row: dict[str, object]) -> Vote:
    del row["number"]
    return Vote.model_validate({**row, "gold": bool(row["gold"]), "swapped": bool(row["swapped"])})
