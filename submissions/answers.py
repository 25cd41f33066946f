"""What a server answers: JSON that no browser takes for anything else."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from customstudio.errors import Problems, UserError
from customstudio.records import Record
from customstudio.submissions.findings import Finding, shortened
from customstudio.submissions.wire import Refusal

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: nothing in it is a page, and no other site may hold it in one."""


def answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A document."""
    return JSONResponse(content, status, {**HEADERS, **(headers or {})})


def record(one: Record, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A record as a document."""
    return answer(one.model_dump(mode="json"), status, headers)


def attachment(data: bytes, name: str) -> Response:
    """A file that never changes, to be saved and not shown."""
    kept = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    return Response(data, 200, {**HEADERS, **kept}, "application/octet-stream")


def refusal(status: int, place: str, what: str, fix: str, **headers: str) -> Response:
    """One reason for not doing something."""
    finding = Finding(place=place, what=what, fix=fix)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return record(Refusal(findings=(finding,)), status, named)


def refusals(status: int, error: UserError) -> Response:
    """All that is wrong with what was sent."""
    problems: Sequence[UserError] = error.problems if isinstance(error, Problems) else [error]
    found = [Finding(place=one.where, what=one.what, fix=one.fix) for one in problems]
    return record(Refusal(findings=shortened(found)), status)


def listed(rows: Sequence[Mapping[str, Any]], version: int) -> Response:
    """A list, with a mark that changes when it does."""
    tag = {"ETag": f'"{version}"', "Cache-Control": "no-cache"}
    return answer({"submissions": list(rows)}, headers=tag)
