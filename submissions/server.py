"""The store over HTTP: routes for any ASGI application; the gate is the one that `submit` runs.

POST /api/v1/submissions                        a zip as `submit --save` writes, signed
GET  /api/v1/submissions                        all of them, in short
GET  /api/v1/submissions/ID                     entry and state
GET  /api/v1/submissions/ID/events              its signed events
POST /api/v1/submissions/ID/events              one more: withdrawn, or a maintainer's
GET  /api/v1/submissions/ID/files/NAME          one of its five files
GET  /api/v1/health                             whether the store answers
"""

import asyncio
import atexit
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from customstudio.errors import UserError
from customstudio.submissions import answers, archive, wire
from customstudio.submissions.answers import answer, refusal, refusals
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.documents import read_json
from customstudio.submissions.events import Event
from customstudio.submissions.gate import check
from customstudio.submissions.limits import Buckets, Limits, client_of
from customstudio.submissions.recovery import EVENTS_BYTES
from customstudio.submissions.schema import FILES
from customstudio.submissions.shelf import NoSuchSubmission
from customstudio.submissions.store import Published, Store, Unavailable, default_store
from customstudio.submissions.wire import API, JSON, SIGNED, ZIP, Receipt

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body is longer than it may be."""


def routes(store: Store | None = None, limits: Limits | None = None) -> list[Route]:
    """The routes of a store (None: the default one), for an application of one process."""
    api = _Api(store or serving(default_store()), limits or Limits())
    one = f"{API}/submissions/{{id}}"
    table: list[tuple[str, str, Handler]] = [
        (f"{API}/health", "GET", api.health),
        (f"{API}/submissions", "GET", api.list),
        (f"{API}/submissions", "POST", api.publish),
        (one, "GET", api.show),
        (f"{one}/events", "GET", api.events),
        (f"{one}/events", "POST", api.append),
        (f"{one}/files/{{name}}", "GET", api.file),
    ]
    return [
        Route(path, partial(_guarded, handler), methods=[method]) for path, method, handler in table
    ]


def serving(root: Path) -> Store:
    """The store in a folder, with one Parquet worker for all that comes while this process runs."""
    decoder = Decoder()
    atexit.register(decoder.close)
    return Store(root, gate=partial(check, decoder=decoder))


def application(store: Store, limits: Limits | None = None) -> Starlette:
    """The routes alone, as an application."""
    return Starlette(routes=routes(store, limits))


async def _guarded(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except NoSuchSubmission:
        return refusal(404, "the id", "no such submission", f"see {API}/submissions")
    except TimeoutError:
        return refusal(408, "the request", "it took too long to come", "send it again")
    except (Unavailable, SQLAlchemyError, OSError):  # their words name the server's folders
        return _unavailable("the store is in trouble")
    except UserError as error:
        return refusals(422, error)
    except TooLarge:
        what = "larger than a submission can be"
        return refusal(413, "the request", what, "send what `customstudio submit` sends")
    except ClientDisconnect:
        return Response(status_code=400)


class _Api:
    def __init__(self, store: Store, limits: Limits) -> None:
        self.store, self.limits = store, limits
        self.buckets = Buckets(limits)
        self.uploads = 0
        self.gates = CapacityLimiter(limits.gates)

    async def health(self, request: Request) -> Response:
        return answer({"status": "ok", "version": await _aside(self.store.version)})

    async def list(self, request: Request) -> Response:
        version = await _aside(self.store.version)
        if request.headers.get("if-none-match") == f'"{version}"':
            return Response(status_code=304, headers=answers.HEADERS)
        rows = [
            {
                "id": one.entry.id,
                "name": one.entry.card.name,
                "suite": one.entry.suite.name,
                "protocol": one.entry.protocol,
                "section": one.entry.section,
                **one.state.model_dump(),
            }
            for one in await _aside(self.store.submissions)
        ]
        return answers.listed(rows, version)

    async def show(self, request: Request) -> Response:
        return answers.record(await _aside(partial(self.store.entry, request.path_params["id"])))

    async def events(self, request: Request) -> Response:
        found = await _aside(partial(self.store.events, request.path_params["id"]))
        return answer({"events": [event.model_dump(mode="json") for event in found]})

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return refusal(404, "the name", "no such file", f"ask for one of {', '.join(FILES)}")
        read = partial(self.store.contents, request.path_params["id"])
        try:
            contents = await _aside(read)
        except NoSuchSubmission:
            raise
        except UserError:  # its words name the server's folders
            return _unavailable("the files are damaged here")
        return answers.attachment(contents.files[name], name)

    async def publish(self, request: Request) -> Response:
        if refused := self._turned_away(request, ZIP):
            return refused
        try:
            events = wire.read(request.headers.get(SIGNED, ""))
        except ValueError:
            what = "the owner's signed events are missing, or cannot be read"
            return refusal(400, f"header {SIGNED}", what, "send it with `customstudio submit`")
        self.uploads += 1
        try:
            body = await self._body(request, archive.MOST_BYTES)
            done = await _aside(partial(self._take, body, events), self.gates)
        finally:
            self.uploads -= 1
        there = f"{request.scope.get('root_path', '')}{API}/submissions/{done.entry.id}"
        receipt = Receipt(entry=done.entry, new=done.new)
        return answers.record(receipt, 201 if done.new else 200, {"Location": there})

    async def append(self, request: Request) -> Response:
        if refused := self._turned_away(request, JSON):
            return refused
        body = await self._body(request, EVENTS_BYTES)
        event, findings = read_json(body, Event, "the event")
        if event is None or event.submission != request.path_params["id"]:
            errors = [finding.error() for finding in findings]
            other = UserError("of another submission", where="the event", fix="send it there")
            return refusals(422, errors[0] if errors else other)
        new = await _aside(partial(self.store.append, event))
        return answers.record(wire.Added(new=new), 201 if new else 200)

    def _take(self, body: bytes, events: tuple[Event, ...]) -> Published:
        return self.store.publish_signed(archive.unpack(body, "the request"), events)

    def _turned_away(self, request: Request, kind: str) -> Response | None:
        host = request.client.host if request.client else None
        if wait := self.buckets.wait(client_of(host)):
            what, fix = "too many requests", f"wait {wait:.0f} seconds, and send it again"
            return refusal(429, "the server", what, fix, Retry_After=str(int(wait) + 1))
        if self.uploads >= self.limits.uploads:
            return _unavailable("many submissions come just now")
        # Also keeps web pages of others out: a browser asks before it sends such a type for them.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
            return refusal(415, "header Content-Type", f"not {kind}", f"send {kind}")
        return None

    async def _body(self, request: Request, most: int) -> bytes:
        told = request.headers.get("content-length", "0")
        if not told.isdecimal() or int(told[:20]) > most:
            raise TooLarge
        body = bytearray()
        async with asyncio.timeout(self.limits.upload_seconds):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise TooLarge
        return bytes(body)


async def _aside(work: Callable[[], T], limiter: CapacityLimiter | None = None) -> T:
    """Do what waits for disk or processor in a thread, to the end even if the client leaves."""
    return await to_thread.run_sync(work, limiter=limiter)


def _unavailable(what: str) -> Response:
    fix = "wait a little, and run the same command again: it does nothing twice"
    return refusal(503, "the server", what, fix, Retry_After="10")
