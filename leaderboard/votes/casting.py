"""Casting votes: what a rater sees next, and taking in the answers, each ticket once."""

from collections.abc import Mapping
from datetime import UTC, datetime

from customstudio.errors import UserError
from customstudio.leaderboard.votes.plan import Slot
from customstudio.leaderboard.votes.study import Folder
from customstudio.submissions.votes import Answer, Question, Vote


class Booth:
    """One rater's way through a study; nothing is kept but the votes."""

    def __init__(self, folder: Folder, rater: int) -> None:
        self.folder, self.rater = folder, rater
        self.slots = folder.study.lists[rater]
        self.name = folder.rater(rater)

    def done(self) -> frozenset[str]:
        """Tickets that this rater has used."""
        votes = self.folder.votes.all(self.folder.study.id)
        return frozenset(vote.ticket for vote in votes if vote.rater == self.name)

    def next(self) -> Slot | None:
        """The first comparison that has not been answered: the same until it is."""
        used = self.done()
        return next((slot for slot in self.slots if self.folder.ticket(slot) not in used), None)

    def cast(self, ticket: str, answers: Mapping[Question, Answer]) -> bool:
        """Store the answers to one comparison for good; False if its ticket has been used.

        Raises:
            UserError: not this rater's ticket, not the next one, or not exactly one answer to each
                question.
        """
        study = self.folder.study
        slot = next((s for s in self.slots if self.folder.ticket(s) == ticket), None)
        if slot is None or set(answers) != set(study.questions):
            raise UserError(
                "this answer does not belong to an open comparison",
                where=f"ticket {ticket[:40]!a}",
                fix="open your link again, and answer the comparison that is shown",
            )
        upcoming = self.next()
        if upcoming is not None and slot.number > upcoming.number:
            raise UserError(
                "a comparison before this one has no answer yet",
                where=f"comparison {upcoming.number + 1}",
                fix="open your link again, and answer the comparison that is shown",
            )
        return self.folder.votes.add(*(self._vote(slot, ticket, q, answers[q]) for q in answers))

    def _vote(self, slot: Slot, ticket: str, question: Question, answer: Answer) -> Vote:
        return Vote(
            ticket=ticket,
            board=self.folder.study.id,
            job=slot.job,
            left=slot.left,
            right=slot.right,
            question=question,
            answer=answer,
            rater=self.name,
            gold=slot.gold,
            swapped=slot.kind == "repeat",
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
