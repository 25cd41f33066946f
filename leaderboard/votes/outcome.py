"""What a study came to: votes checked by gold and repeats, then results for each question."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from customstudio.leaderboard.votes.ballots import Answer as BallotAnswer
from customstudio.leaderboard.votes.ballots import Ballot
from customstudio.leaderboard.votes.plan import Slot
from customstudio.leaderboard.votes.results import Results, summarise
from customstudio.leaderboard.votes.study import Folder, Study
from customstudio.records import Record
from customstudio.submissions.votes import Question, Vote

GOLD_LEAST = 0.7
"""A rater with fewer right gold answers is left out."""
_TURNED = {"left": "right", "right": "left"}


class RaterCheck(Record):
    """One rater's work."""

    rater: str
    done: int
    """Comparisons answered, of those on the rater's list."""
    of: int
    gold_right: int
    gold: int
    """Answers to gold comparisons."""
    same: int
    repeats: int
    """Answers to repeats, and how many were those of the first time."""
    kept: bool


class Outcome(Record):
    """A study's results."""

    id: str
    title: str
    suite: str
    made: str
    votes: int
    """All answers, those to gold and repeats too."""
    comparisons: int
    planned: int
    """Comparisons answered, and on all lists."""
    raters: tuple[RaterCheck, ...]
    """Those who have answered at least one comparison."""
    invited: int
    gold_least: float
    repeats_same: float | None
    """Share of repeats that got the same answer again."""
    left: float | None
    """Share of preferences that went to the left side, which each method had as often."""
    questions: dict[Question, Results]
    """From the raters that were kept."""
    everybody: dict[Question, tuple[str, ...]]
    """The order of the methods if no rater is left out."""

    @property
    def left_out(self) -> tuple[RaterCheck, ...]:
        """Raters whose votes do not count."""
        return tuple(check for check in self.raters if not check.kept)


def outcome(folder: Folder, *, gold_least: float = GOLD_LEAST) -> Outcome:
    """Read a study's votes and work out its results."""
    study = folder.study
    votes = folder.votes.all(study.id)
    slots = {folder.ticket(slot): slot for slot in study.slots}
    votes = tuple(vote for vote in votes if vote.ticket in slots)
    checks = _checks(folder, votes, slots, gold_least)
    kept = {check.rater for check in checks if check.kept}
    plain = [vote for vote in votes if slots[vote.ticket].kind == "vote"]
    sides = Counter(vote.answer for vote in plain if vote.rater in kept)
    decided = sides["left"] + sides["right"]
    repeats = sum(check.repeats for check in checks if check.kept)
    same = sum(check.same for check in checks if check.kept)
    results = {
        q: _results(study, [v for v in plain if v.rater in kept], q) for q in study.questions
    }
    everybody = (
        results
        if len(kept) == len(checks)
        else {q: _results(study, plain, q) for q in study.questions}
    )
    return Outcome(
        id=study.id,
        title=study.title,
        suite=study.suite,
        made=study.made,
        votes=len(votes),
        comparisons=len({vote.ticket for vote in votes}),
        planned=len(study.slots),
        raters=tuple(checks),
        invited=study.settings.raters,
        gold_least=gold_least,
        repeats_same=same / repeats if repeats else None,
        left=sides["left"] / decided if decided else None,
        questions=results,
        everybody={q: tuple(s.method for s in r.standings) for q, r in everybody.items()},
    )  # fmt: skip


def gold_right(slot: Slot, vote: Vote, last: Question) -> bool | None:
    """Whether a gold answer is right; None where there is no right one.

    One clip on both sides: tie or both bad. A damaged copy: the other side, or both bad, under the
    last question, which is the one that damage decides most clearly.
    """
    if slot.kind == "same":
        return vote.answer in ("tie", "both_bad")
    if slot.kind == "damaged" and vote.question == last:
        return vote.answer in (_TURNED[slot.damaged or "left"], "both_bad")
    return None


def _results(study: Study, votes: Sequence[Vote], question: Question) -> Results:
    words: dict[str, BallotAnswer] = {
        "left": "first", "right": "second", "tie": "tie", "both_bad": "both_bad"
    }  # fmt: skip
    ballots = [
        Ballot(
            rater=vote.rater,
            pair=vote.job.partition("/")[0],
            job=vote.job,
            first=vote.left,
            second=vote.right,
            answer=words[vote.answer],
        )
        for vote in votes
        if vote.question == question
    ]
    return summarise(ballots, study.methods)


def _checks(
    folder: Folder, votes: Sequence[Vote], slots: Mapping[str, Slot], gold_least: float
) -> list[RaterCheck]:
    by_rater: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    last = folder.study.questions[-1]
    checks = []
    for number, own in folder.study.lists.items():
        mine = by_rater.get(folder.rater(number), [])
        if not mine:
            continue
        right = [gold_right(slots[vote.ticket], vote, last) for vote in mine]
        judged = [one for one in right if one is not None]
        same, repeats = _repeats(mine, slots)
        checks.append(
            RaterCheck(
                rater=folder.rater(number),
                done=len({vote.ticket for vote in mine}),
                of=len(own),
                gold_right=sum(judged),
                gold=len(judged),
                same=same,
                repeats=repeats,
                kept=sum(judged) >= gold_least * len(judged),
            )
        )
    return checks


def _repeats(votes: Sequence[Vote], slots: Mapping[str, Slot]) -> tuple[int, int]:
    first = {
        (vote.job, vote.left, vote.right, vote.question): vote.answer
        for vote in votes
        if slots[vote.ticket].kind == "vote"
    }
    same = repeats = 0
    for vote in votes:
        if slots[vote.ticket].kind == "repeat":
            before = first.get((vote.job, vote.right, vote.left, vote.question))
            same += before == _TURNED.get(vote.answer, vote.answer)
            repeats += 1
    return same, repeats
