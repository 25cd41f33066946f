"""A study: a folder with its plan, its clips, its raters' codes, and its votes.

study.json    what is compared, by whom, in which order; fixed before the first vote
raters.csv    each rater's code and link: secret
key           what tickets are made with: secret
clips/        every video once, encoded anew, named by its hash
references/   small copies of the subjects' reference images
index.sqlite  the votes
"""

import hashlib
import hmac
import json
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from customstudio.errors import UserError
from customstudio.files import write_text
from customstudio.leaderboard.votes.plan import Settings, Slot
from customstudio.records import Record
from customstudio.submissions.database import Database
from customstudio.submissions.place import open_database
from customstudio.submissions.texts import Name, Prose, Slug
from customstudio.submissions.votes import JobId, Question, Votes

STUDY, KEY, RATERS, CLIPS, REFERENCES = "study.json", "key", "raters.csv", "clips", "references"
ROUNDS = "rounds"
"""Studies of a leaderboard lie in this folder of its store; their votes in the store's database."""
QUESTIONS: dict[Question, str] = {
    "text_alignment": "Which video follows the text better?",
    "subject_fidelity": "Which video shows the subjects of the pictures better?",
    "motion": "Which video moves better?",
    "overall": "Which video is better, all in all?",
}
"""In the order in which they are asked."""
TITLES: dict[Question, str] = {
    "text_alignment": "Text alignment",
    "subject_fidelity": "Subject fidelity",
    "motion": "Motion",
    "overall": "Overall",
}


class Clip(Record):
    """One method's video of one job."""

    method: Name
    job: JobId
    source_sha256: str
    """Of the file that was given."""
    file: str
    """Name in `clips`."""
    seconds: float


class JobInfo(Record):
    """What the two videos of a comparison should show."""

    prompt: str
    subjects: tuple[str, ...]


class Study(Record):
    """`study.json`."""

    schema_version: Literal[1] = 1
    id: Slug
    """The board that its votes are kept under."""
    title: Prose
    made: str
    suite: str
    """Name, version and label."""
    questions: tuple[Question, ...] = Field(min_length=1)
    settings: Settings
    methods: tuple[Name, ...]
    jobs: dict[JobId, JobInfo]
    clips: tuple[Clip, ...]
    references: dict[str, tuple[str, ...]]
    """Subject -> names in `references`."""
    slots: tuple[Slot, ...]

    @cached_property
    def by_place(self) -> dict[tuple[str, str], Clip]:
        """Method and job -> clip."""
        return {(clip.method, clip.job): clip for clip in self.clips}

    @cached_property
    def lists(self) -> dict[int, tuple[Slot, ...]]:
        """Rater -> comparisons, in order."""
        found: dict[int, list[Slot]] = {}
        for slot in self.slots:
            found.setdefault(slot.rater, []).append(slot)
        return {rater: tuple(slots) for rater, slots in found.items()}


class Folder:
    """A study on disk."""

    def __init__(self, root: Path) -> None:
        """Open a study.

        Raises:
            UserError: there is none, or it is damaged.
        """
        self.root = Path(root)
        try:
            text = (self.root / STUDY).read_text()
            self.study = Study.model_validate_json(text)
            self._key = bytes.fromhex((self.root / KEY).read_text().strip())
        except FileNotFoundError as error:
            raise UserError(
                "no study in this folder",
                where=str(error.filename),
                fix="make one: customstudio study init STUDY --videos DIR",
            ) from error
        except (ValidationError, ValueError, OSError) as error:
            raise UserError(
                "the study cannot be read",
                where=str(self.root),
                fix="bring its files back from a backup: its plan cannot be made again",
            ) from error

    @cached_property
    def votes(self) -> Votes:
        """Its votes: in its own database, or in that of the leaderboard's store."""
        return Votes(self._database())

    @property
    def is_round(self) -> bool:
        """Whether it is a round of a leaderboard's votes, in the folder of its store."""
        return self.root.resolve().parent.name == ROUNDS

    def _database(self) -> Database:
        place = self.root.resolve().parents[1] if self.is_round else self.root
        try:
            return open_database(place)
        except OSError as error:
            raise UserError(
                f"the votes cannot be read: {error.strerror}",
                where=str(place),
                fix="give a study on a local disk that you may write to",
            ) from error

    def rater(self, number: int) -> str:
        """A rater's name in the votes: opaque."""
        return self._sign(f"rater {number}")[:16]

    def ticket(self, slot: Slot) -> str:
        """The ticket of a comparison: one a rater and place, made by nobody without the key."""
        return self._sign(f"ticket {slot.rater} {slot.number}")[:32]

    def code(self, number: int) -> str:
        """What a rater opens the study with."""
        return self._sign(f"code {number}")[:12]

    def rater_of(self, code: str) -> int | None:
        """The number of the rater with a code."""
        given = code.strip().lower().encode()
        found = [n for n in self.study.lists if hmac.compare_digest(self.code(n).encode(), given)]
        return found[0] if found else None

    def _sign(self, text: str) -> str:
        message = f"{self.study.id}\n{text}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def write_study(root: Path, study: Study, address: str) -> Folder:
    """Write a study's own files; clips and references are there already."""
    _write_secret(root / KEY, secrets.token_hex(32))
    document = study.model_dump(mode="json")
    write_text(root / STUDY, json.dumps(document, indent=1, ensure_ascii=False))
    folder = Folder(root)
    lines = ["number,rater,code,link"]
    for number in study.lists:
        code = folder.code(number)
        lines.append(f"{number},{folder.rater(number)},{code},{address}?rater={code}")
    _write_secret(root / RATERS, "\n".join(lines) + "\n")
    return folder


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
