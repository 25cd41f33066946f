"""`customstudio study`: a lab's own human preference study: make it, serve it, read it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli.options import Json, PromptSet, References, listed

if TYPE_CHECKING:
    from customstudio.leaderboard.votes.sources import Source
    from customstudio.leaderboard.votes.study import Folder
    from customstudio.submissions.votes import Question
    from customstudio.suites.schema import Suite

app = typer.Typer(
    help="Human preference studies: which of two videos is better.", no_args_is_help=True
)
StudyArg = Annotated[Path, typer.Argument(help="Folder of the study.")]
NAMES = {
    "text": "text_alignment",
    "subjects": "subject_fidelity",
    "motion": "motion",
    "overall": "overall",
}


@app.command()
def init(
    study: Annotated[Path, typer.Argument(help="Folder to make.")],
    videos: Annotated[
        Path | None, typer.Option(help="METHOD/PAIR/PROMPT/SEED.mp4, or a manifest.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Make a round of a leaderboard's store from its previews, instead."),
    ] = None,
    board: Annotated[str | None, typer.Option(help="Which board of the store.")] = None,
    suite: Annotated[
        str | None, typer.Option(help="Suite of the videos.", show_default="by their pairs")
    ] = None,
    prompt_set: PromptSet = None,
    references: References = None,
    title: Annotated[str, typer.Option(help="What raters read on top.")] = "Which video is better",
    questions: Annotated[
        str, typer.Option(help="Of text, subjects, motion and overall, separated by commas.")
    ] = "text,subjects,motion,overall",
    raters: Annotated[int, typer.Option(min=1, help="Lists to draw, one a rater.")] = 25,
    each: Annotated[int, typer.Option(min=1, help="Comparisons a rater.")] = 30,
    overlap: Annotated[int, typer.Option(min=1, help="Raters a comparison.")] = 3,
    gold_every: Annotated[
        int, typer.Option(min=0, help="One comparison in so many has a known answer; 0: none.")
    ] = 10,
    repeat_every: Annotated[
        int, typer.Option(min=0, help="One in so many comes again, sides turned; 0: none.")
    ] = 15,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    address: Annotated[
        str | None,
        typer.Option(
            help="Where raters will open it: for their links.",
            show_default="http://localhost:8502/, of a round http://localhost:8501/vote",
        ),
    ] = None,
) -> None:
    """Draw a study from a folder of videos: comparisons, lists, codes for raters.

    Both sides of a comparison have the same subjects, prompt and seed. Nothing is copied but the
    videos that are compared, encoded anew.
    """
    from customstudio.leaderboard.votes.making import make_study
    from customstudio.leaderboard.votes.plan import Settings
    from customstudio.leaderboard.votes.study import ROUNDS

    chosen = _questions(questions)
    settings = Settings(
        raters=raters,
        each=each,
        overlap=overlap,
        gold_every=gold_every,
        repeat_every=repeat_every,
        seed=seed,
    )
    folder = make_study(
        store / ROUNDS / study.name if store else study,
        _source(videos, store, board, _suite(suite, prompt_set), references),
        settings,
        title=title,
        questions=chosen,
        address=address or f"http://localhost:{'8501/vote' if store else '8502/'}",
        progress=_progress,
    )
    _print_made(folder)


@app.command()
def serve(
    study: StudyArg,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 8502,
) -> None:
    """Serve a study to its raters, until Ctrl-C; every accepted answer is on disk."""
    from customstudio.leaderboard.votes.serving import serve as serving

    typer.echo(f"serving {study} on http://{host}:{port}/ (Ctrl-C ends it)", err=True)
    serving(study, host=host, port=port)


@app.command()
def report(
    study: StudyArg,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files.", show_default="STUDY/report")
    ] = None,
    gold_least: Annotated[
        float, typer.Option(min=0, max=1, help="Share of right gold answers to be counted.")
    ] = 0.7,
    json_out: Json = False,
) -> None:
    """Print a study's results, and write report.html, report.md, results.json and votes.csv."""
    from customstudio.leaderboard.votes.outcome import outcome
    from customstudio.leaderboard.votes.report import as_text, write_report
    from customstudio.leaderboard.votes.study import Folder

    folder = Folder(study)
    found = outcome(folder, gold_least=gold_least)
    target = out or study / "report"
    write_report(folder, found, target)
    typer.echo(found.model_dump_json(indent=1) if json_out else as_text(found))
    typer.echo(f"written: {target}/report.html, report.md, results.json, votes.csv", err=True)


def _questions(text: str) -> "list[Question]":
    from customstudio.errors import UserError, did_you_mean
    from customstudio.leaderboard.votes.study import QUESTIONS

    names = listed(text) or []
    wrong = [name for name in names if name not in NAMES]
    if wrong or not names:
        raise UserError(
            f"no such question {wrong[0]!r}" if wrong else "no questions",
            where="--questions",
            fix=did_you_mean(wrong[0] if wrong else "", list(NAMES)),
        )
    chosen = {NAMES[name] for name in names}
    return [question for question in QUESTIONS if question in chosen]


def _source(
    videos: Path | None,
    store: Path | None,
    board: str | None,
    suite: "Suite | None",
    references: Path | None,
) -> "Source":
    from customstudio.errors import UserError
    from customstudio.leaderboard.votes.sources import from_folder, from_store
    from customstudio.submissions.store import Store

    if (videos is None) == (store is None):
        raise UserError(
            "a study needs videos from one place",
            where="--videos and --store",
            fix="give --videos DIR, or --store STORE for a round of a leaderboard",
        )
    if videos is not None:
        return from_folder(videos, suite=suite, images=references)
    assert store is not None
    return from_store(Store(store), board)


def _suite(name: str | None, prompt_set: str | None) -> "Suite | None":
    if name is None:
        return None
    from customstudio.suites.load import load_suite

    return load_suite(name, prompt_set=prompt_set)


def _progress(done: int, of: int) -> None:
    if done % 20 == 0:
        typer.echo(f"encoding videos: {done} of {of}", err=True)


def _print_made(folder: "Folder") -> None:
    from customstudio.leaderboard.votes.study import RATERS

    study, settings = folder.study, folder.study.settings
    kinds = [slot.kind for slot in study.slots]
    different = {
        (slot.job, *sorted((slot.left, slot.right))) for slot in study.slots if slot.kind == "vote"
    }
    typer.echo(f"study: {folder.root} ({study.id})")
    typer.echo(f"{len(study.methods)} methods, {len(study.clips)} videos of {study.suite}")
    typer.echo(
        f"{settings.raters} raters x {settings.each} comparisons: {kinds.count('vote')} answers to "
        f"{len(different)} different ones, {kinds.count('repeat')} repeats, "
        f"{sum(slot.gold for slot in study.slots)} gold"
    )
    typer.echo(f"links for the raters, secret: {folder.root / RATERS}")
    serving = (
        f"board serve --store {folder.root.parents[1]}"
        if folder.is_round
        else (f"study serve {folder.root}")
    )
    typer.echo(f"next: customstudio {serving}")
