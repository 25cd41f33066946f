"""Videos side by side in sync: a small page of our own, shown in a frame, and its files."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from customstudio.leaderboard.pages import environment, piece
from customstudio.submissions.previews import preview
from customstudio.submissions.shelf import NoSuchSubmission
from customstudio.submissions.store import Store, default_store

MOST = 4
"""Videos at once: more of them nobody can watch."""


def player_address(ids: list[str], job: str, theme: str) -> str:
    """The frame's address for these submissions' videos of one job."""
    return "/player?" + urlencode({"id": ids, "job": job, "theme": theme}, doseq=True)


def video_address(submission: str, job: str) -> str:
    """The address of one preview."""
    return "/player/video?" + urlencode({"id": submission, "job": job})


def routes() -> list[Any]:
    """The frame, its script, and the previews (which answer to range requests)."""
    from starlette.routing import Route

    return [
        Route("/player", _page),
        Route("/player/player.js", _script),
        Route("/player/video", _video),
    ]


def _page(request: Any) -> Any:
    from starlette.responses import HTMLResponse

    store = _store()
    job = request.query_params.get("job", "")[:200]
    names = _names(store, request.query_params.getlist("id")[:MOST])
    videos = [
        {
            "name": names[submission],
            "address": video_address(submission, job) if preview(store, submission, job) else "",
        }
        for submission in names
    ]
    theme = "dark" if request.query_params.get("theme") == "dark" else "light"
    return HTMLResponse(piece("player.html.j2", videos=videos, job=job, theme=theme))


def _names(store: Store, ids: list[str]) -> dict[str, str]:
    """Submission -> method's name; what the store does not hold is left out."""
    found = {}
    for submission in ids:
        with suppress(NoSuchSubmission):
            entry = store.entry(submission).entry
            found[entry.id] = entry.card.name
    return found


def _script(request: Any) -> Any:
    from starlette.responses import Response

    text = environment().get_template("player.js.j2").render()
    return Response(text, media_type="text/javascript")


def _video(request: Any) -> Any:
    from starlette.responses import FileResponse, PlainTextResponse

    wanted = request.query_params
    # Both are looked up, never joined to a path.
    path = preview(_store(), wanted.get("id", ""), wanted.get("job", ""))
    if path is None:
        return PlainTextResponse("no such preview\n", status_code=404)
    media_type = "video/webm" if path.suffix == ".webm" else "video/mp4"
    return FileResponse(path, media_type=media_type)


_opened: dict[str, Store] = {}


def _store() -> Store:
    root = str(default_store())
    if root not in _opened:
        _opened[root] = Store(default_store())
    return _opened[root]
