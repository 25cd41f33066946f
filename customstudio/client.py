"""Sending to a server: bounded, tried again where that helps, and never done twice."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException
from typing import IO, Literal, TypeVar

from customstudio.errors import UserError, raise_all
from customstudio.records import Record
from customstudio.submissions import events as signing
from customstudio.submissions import wire
from customstudio.submissions.archive import pack
from customstudio.submissions.contents import Contents
from customstudio.submissions.documents import read_json
from customstudio.submissions.entries import Listed
from customstudio.submissions.findings import Finding
from customstudio.submissions.keys import Key
from customstudio.submissions.recovery import opening_of
from customstudio.submissions.schema import SUBMISSION, Submission
from customstudio.submissions.wire import API, JSON, SIGNED, ZIP, Receipt, Refusal

TRIES = 5
TIMEOUT_SECONDS = 120.0
"""Longer than a server waits for its gate."""
_LONGEST_WAIT = 60.0
_MOST_BYTES = 2**20
_PASSING = (408, 429, 500, 502, 503, 504)
"""What may be otherwise a moment later."""
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d{1,5})?(/[\w.~/-]*)?", re.ASCII)
R = TypeVar("R", bound=Record)


def is_address(text: str) -> bool:
    """Whether a store is named by a server's address, not by a folder.

    >>> is_address("https://board.example.org"), is_address("board/http")
    (True, False)
    """
    return text.startswith(("https://", "http://"))


class Server:
    """A server that holds a store."""

    def __init__(self, address: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Name a server; nothing is sent yet.

        Raises:
            UserError: not an address.
        """
        if not _ADDRESS.fullmatch(address):
            raise _no_address(address)
        self.address, self.sleep = address.rstrip("/"), sleep
        self._opener = urllib.request.build_opener(_NoRedirects)

    def publish(self, contents: Contents, key: Key) -> Receipt:
        """Send a submission, or find that it is there already.

        Raises:
            UserError: what the server's gate found; no answer; an answer that is none of ours.
        """
        submission, findings = read_json(contents.files[SUBMISSION], Submission, SUBMISSION)
        raise_all([finding.error() for finding in findings])
        assert submission is not None
        opening = opening_of(contents.id, submission.protocol, submission.supersedes, key)
        headers = {"Content-Type": ZIP, SIGNED: wire.written(opening)}
        receipt = self._ask("POST", "submissions", Receipt, pack(contents), headers)
        if receipt.entry.id != contents.id:
            raise self._strange("it took another submission than was sent")
        return receipt

    def entry(self, submission: str) -> Listed:
        """One submission, by its id or the beginning of it.

        Raises:
            UserError: there is none; no answer.
        """
        if not submission.isalnum():
            raise UserError("not an id", where=ascii(submission[:80]), fix="give 8 digits or more")
        return self._ask("GET", f"submissions/{submission[:64]}", Listed)

    def withdraw(self, submission: str, key: Key, about: str | None = None) -> bool:
        """Leave a tombstone in place of an own submission; False if there is one already.

        Raises:
            UserError: no such submission, or not the owner's key.
        """
        entry = self.entry(submission).entry
        event = signing.signed(key, "withdrawn", entry.id, entry.protocol, about=about)
        body = event.model_dump_json().encode()
        path = f"submissions/{entry.id}/events"
        return self._ask("POST", path, wire.Added, body, {"Content-Type": JSON}).new

    def _ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        kind: type[R],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> R:
        address = f"{self.address}{API}/{path}"
        trouble = "no answer"
        for attempt in range(TRIES):
            request = urllib.request.Request(address, body, dict(headers or {}), method=method)
            try:
                status, head, text = self._send(request)
            except UnicodeError as error:  # before anything is sent: it would fail again
                raise _no_address(self.address) from error
            except (OSError, HTTPException) as error:
                trouble, wait = _plain(str(getattr(error, "reason", error))), 2.0**attempt
            else:
                if status not in _PASSING:
                    return self._read(status, text, kind)
                trouble = f"status {status}" + _first_finding(text)
                wait = _asked_wait(head.get("Retry-After")) or 2.0**attempt
            if attempt + 1 < TRIES:
                self.sleep(wait)
        raise UserError(
            f"the server did not take it, {TRIES} times: {trouble}",
            where=address,
            fix="run the same command again later: it does nothing twice",
        )

    def _send(self, request: urllib.request.Request) -> tuple[int, Message, bytes]:
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return response.status, response.headers, response.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read(_MOST_BYTES + 1)

    def _read(self, status: int, text: bytes, kind: type[R]) -> R:
        if status in (200, 201):
            record, problems = read_json(text, kind, "the answer")
            if record is None:
                raise self._strange(problems[0].what)
            return record
        refusal, _ = read_json(text, Refusal, "the answer")
        if refusal is None or not refusal.findings:
            raise self._strange(f"status {status}")
        raise_all([_cleaned(finding).error() for finding in refusal.findings])
        raise AssertionError("raised above")

    def _strange(self, what: str) -> UserError:
        return UserError(
            f"this is no CustomStudio server, or another version's: {what}",
            where=self.address,
            fix="give the address that the board's page About names",
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """Follow nothing: what is sent goes where the user said."""


def _no_address(text: str) -> UserError:
    return UserError(
        "not the address of a server",
        where=ascii(text[:200]),
        fix="write https://HOST, as the board's page About says",
    )


def _asked_wait(header: str | None) -> float:
    return min(float(header), _LONGEST_WAIT) if header and header.isdecimal() else 0.0


def _first_finding(text: bytes) -> str:
    refusal, _ = read_json(text, Refusal, "the answer")
    return f", {_plain(refusal.findings[0].what)}" if refusal and refusal.findings else ""


def _cleaned(finding: Finding) -> Finding:
    return Finding(place=_plain(finding.place), what=_plain(finding.what), fix=_plain(finding.fix))


def _plain(text: str) -> str:
    """A server's words as a terminal may show them."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:500]
