"""Votes: a ticket counts once, nothing is changed afterwards, and a version tells of each."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from customstudio.errors import UserError
from customstudio.submissions.database import Database, Unavailable, public
from customstudio.submissions.votes import Vote, Votes


@pytest.fixture
def votes(database: Database) -> Votes:
    """No votes yet."""
    return Votes(database)


def vote(**changes: object) -> Vote:
    """A vote for the left video's alignment with the text."""
    fields: dict[str, object] = {
        "ticket": "a1" * 16,
        "board": "mini-v1",
        "job": "pet_cat+pet_dog/T2-03/2",
        "left": "ab" * 32,
        "right": "cd" * 32,
        "question": "text_alignment",
        "answer": "left",
        "rater": "0123456789abcdef",
        "at": "2026-11-21T12:00:00+00:00",
    }
    return Vote.model_validate(fields | changes)


def test_a_ticket_counts_once(votes: Votes) -> None:
    first = (vote(), vote(question="overall", answer="both_bad"))
    assert votes.add(*first)
    assert not votes.add(*first)
    assert not votes.add(vote(answer="right"))
    assert not votes.add(vote(question="motion", rater="f" * 16))
    assert votes.all() == first
    assert votes.used("a1" * 16)
    assert not votes.used("b1" * 16)


def test_many_at_once(votes: Votes) -> None:
    """Sixteen send the same ticket, and each one of their own."""

    def send(number: int) -> tuple[bool, bool]:
        own = vote(ticket=f"{number:016x}", rater=f"{number:016x}")
        return votes.add(own), votes.add(
            vote(rater=f"{number:016x}"), vote(rater=f"{number:016x}", question="overall")
        )

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(send, range(16)))
    assert all(own for own, _ in results)
    assert sum(shared for _, shared in results) == 1
    stored = votes.all()
    assert len(stored) == 18
    assert len({(one.ticket, one.question) for one in stored}) == 18
    assert len({one.rater for one in stored if one.ticket == "a1" * 16}) == 1


def test_boards_apart_and_in_order(votes: Votes) -> None:
    stored = [
        vote(ticket=f"{number:016x}", board=board, gold=number == 1, swapped=number == 2)
        for number, board in enumerate(["one", "two", "one", "two"])
    ]
    for one in stored:
        assert votes.add(one)
    assert votes.all("one") == (stored[0], stored[2])
    assert votes.all("two") == (stored[1], stored[3])
    assert votes.all("three") == ()
    assert votes.all() == tuple(stored)


def test_winner() -> None:
    answers = ("left", "right", "tie", "both_bad")
    winners = [vote(left="A", right="B", answer=answer).winner for answer in answers]
    assert winners == ["A", "B", None, None]


def test_versions_grow(votes: Votes) -> None:
    before, others = votes.version(), votes.database.version("submissions")
    votes.add(vote())
    after = votes.version()
    assert after > before
    assert votes.all()
    assert votes.version() == after
    assert votes.database.version("submissions") == others


@pytest.mark.parametrize(
    "second",
    [
        {"ticket": "b2" * 16, "question": "motion"},
        {"rater": "f" * 16, "question": "motion"},
        {"left": "ee" * 32, "question": "motion"},
        {"job": "a/b/1", "question": "motion"},
        {},
    ],
)
def test_one_comparison_at_a_time(votes: Votes, second: dict[str, object]) -> None:
    with pytest.raises(UserError, match="one rater's answers"):
        votes.add(vote(), vote(**second))
    with pytest.raises(UserError, match="one rater's answers"):
        votes.add()
    assert votes.all() == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "neither"},
        {"question": "colour"},
        {"job": "../../etc/passwd"},
        {"job": "a/b"},
        {"rater": "somebody@example.org"},
        {"ticket": ""},
        {"left": "<script>alert(1)</script>"},
        {"board": "a b"},
        {"at": "yesterday"},
        {"gold": 2},
        {"weight": 10},
    ],
)
def test_hostile_votes(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        vote(**changes)


def test_votes_stay(votes: Votes) -> None:
    votes.add(vote())
    for change in ("DELETE FROM votes", "UPDATE votes SET answer = 'right'"):
        with pytest.raises(DatabaseError, match="append-only"), votes.database.writing() as db:
            db.execute(text(change))
    assert votes.all() == (vote(),)


def test_nothing_of_a_failed_transaction_stays(votes: Votes) -> None:
    before = votes.version()
    row = text("INSERT INTO names VALUES ('a', 'b')")
    with pytest.raises(DatabaseError), votes.database.writing("votes") as db:
        assert db.execute(row).rowcount + db.execute(row).rowcount
    with votes.database.reading() as db:
        assert db.execute(text("SELECT * FROM names")).all() == []
    assert votes.version() == before


def test_tables_of_before(tmp_path: Path) -> None:
    """A file that had events only gets the rest of its tables."""
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE names (skeleton TEXT PRIMARY KEY, owner TEXT NOT NULL) STRICT,"
            " WITHOUT ROWID"
        )
        db.execute("INSERT INTO names VALUES ('a', 'b')")
    db.close()
    database = Database(path)
    database.create()
    assert Votes(database).add(vote())
    with database.reading() as opened:
        assert opened.execute(text("SELECT owner FROM names")).scalar() == "b"


@pytest.mark.parametrize("damage", ["pages", "row", "no file"])
def test_a_database_that_fails(tmp_path: Path, damage: str) -> None:
    """Three lines to read, whatever of it fails; an error of ours stays an error of ours."""
    path = tmp_path / "index.sqlite"
    database = Database(path)
    database.create()
    Votes(database).add(vote())
    with pytest.raises(OperationalError), database.reading() as db:
        db.execute(text("SELECT nothing"))
    if damage == "pages":
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    elif damage == "row":
        with database.writing("votes") as db:
            db.execute(text("INSERT INTO votes SELECT 9, '!', board, job, left, right, question,"
                            " answer, rater, gold, swapped, at FROM votes"))  # fmt: skip
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(Unavailable, match="the database fails: ") as caught:
        Votes(database).all()
    assert len(str(caught.value).splitlines()) == 3
    assert str(path) in str(caught.value)
    assert str(tmp_path) not in public(caught.value)  # what pages show to strangers
    assert "the store is in trouble" in public(caught.value)


def test_newer_tables_are_left_alone(database: Database) -> None:
    with database.writing() as db:
        db.execute(text("UPDATE versions SET number = 1000 WHERE part = 'schema'"))
    with pytest.raises(UserError, match="newer CustomStudio"):
        database.create()


@pytest.mark.parametrize(
    "address", ["mysql://u:secret@h/d", "store", "postgresql://u:secret@h:x/d"]
)
def test_other_addresses(address: str) -> None:
    with pytest.raises(UserError, match="not the address of a PostgreSQL") as caught:
        Database(address)
    assert "secret" not in str(caught.value)


def test_passwords_are_not_shown() -> None:
    database = Database("postgresql://user:secret@127.0.0.1:1/none")
    assert "secret" not in database.shown
    assert "127.0.0.1" in database.shown
