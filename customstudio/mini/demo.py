"""The demo: generated and rendered videos of the embedded world, scored, compared, on a board."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from customstudio.errors import UserError
from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.runner import Progress
from customstudio.files import locked
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.runner import Progress as Generation
from customstudio.generation.runner import run as generate
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.submissions.build import build
from customstudio.submissions.keys import owner_key
from customstudio.submissions.previews import take_in
from customstudio.submissions.schema import MethodCard
from customstudio.submissions.store import Store
from customstudio.submissions.taken import take
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Suite

NOTE = "mini: not comparable with official scores"
SOURCES = {
    "truth": ("", 0.0, "rendered as the prompt says: what a perfect method would give"),
    "blending": ("blend", 1.0, "the subjects' looks run into each other"),
    "pasting": ("copy_paste", 1.0, "a reference image laid over the place of its subject"),
}
"""Source -> the fault it has, how much of it, and what it is in words."""
METHODS = {
    "untuned": "the mini zeroscope, which has never seen the subjects",
    "customvideo": "CustomVideo, fitted on each pair of subjects",
}
"""Method -> what it is in words."""


@dataclass(frozen=True)
class Demo:
    """What the demo leaves."""

    runs: tuple[Run, ...]
    """One a source, then one a method."""
    board: Path
    """A store of submissions that holds them all."""


def demo(out: Path, generation: Generation, progress: Progress | None = None) -> Demo:
    """Render or generate the brief jobs of suite `mini`, evaluate and submit each lot.

    Every step is the one that real videos go through, with networks that were trained on the
    embedded world. What an earlier demo that came to its end left in the folder is replaced; videos
    of one that did not are gone on with, and refused if the methods' settings changed since.

    Raises:
        UserError: a method's videos could not be made.
    """
    runs, board, videos = [], out / "board", out / "videos"
    with locked(out):
        _remove_earlier(out)
        for source, (fault, severity, about) in SOURCES.items():
            write_videos(videos, [Wanted(source, job, fault, severity) for job in suite().jobs])
            runs.append(_score(out, source, about, progress))
        for method, about in METHODS.items():
            _generate(method, videos / method, generation)
            runs.append(_score(out, method, about, progress))
        for run, about in zip(runs, described().values(), strict=True):
            _submit(run, board, videos, about)
    return Demo(tuple(runs), board)


def _generate(method: str, videos: Path, progress: Generation) -> None:
    outcome = generate(prepare(Request(suite(), method, videos, batch=4)), progress)
    for failure in outcome.failures:
        raise UserError(
            failure.reason, where=f"{method}, pair {failure.pair}: {failure.where}", fix=failure.fix
        )


def _score(out: Path, name: str, about: str, progress: Progress | None) -> Run:
    return evaluate(
        out / "videos" / name,
        suite=suite(),
        protocol="mini-v1",
        out=out / name,
        card={"name": name, "about": about},
        note=NOTE,
        progress=progress,
    )


def described() -> dict[str, str]:
    """Source or method -> what it is in words, in the order of the runs."""
    return {**{source: about for source, (*_, about) in SOURCES.items()}, **METHODS}


def suite() -> Suite:
    """Suite `mini` with the prompts and pairs of set `brief`."""
    return load_suite("mini", prompt_set="brief")


def _submit(run: Run, board: Path, videos: Path, about: str) -> None:
    """Publish a run on the demo's own board, with its videos, by a key that is only the demo's."""
    (name,) = run.info.methods
    card = MethodCard(
        name=name,
        tuning="per pair" if name == "customvideo" else "none",
        base_model="mini-zeroscope" if name in METHODS else "none",
        licence="Apache-2.0",
        open_weights=True,
        year=2026,
        authors=("CustomStudio",),
        about=about[:1].upper() + about[1:] + ".",
    )
    store, key = Store(board), owner_key(board.parent / "owner.key")
    published = store.publish(build(run, card, owner=key.public), key)
    take_in(store, take(store, published.entry.id), videos / name)


def _remove_earlier(out: Path) -> None:
    """Runs, videos and board of an earlier demo; a run that is not the demo's stays."""
    for source in described():
        earlier = out / source / "run.json"
        if earlier.is_file() and NOTE in earlier.read_text():
            shutil.rmtree(out / source)
            shutil.rmtree(out / "videos" / source, ignore_errors=True)
            shutil.rmtree(out / "board", ignore_errors=True)
