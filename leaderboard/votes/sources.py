"""Where a study's videos come from: a lab's folder, or the previews of a leaderboard's store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from customstudio.errors import UserError, did_you_mean, some
from customstudio.evaluation.discover import discover
from customstudio.evaluation.items import Item, ItemSubject
from customstudio.evaluation.manifest import MANIFESTS
from customstudio.leaderboard.boards import Standing, boards
from customstudio.leaderboard.derived import suite_of
from customstudio.leaderboard.media import references
from customstudio.submissions.entries import Listed
from customstudio.submissions.previews import previews
from customstudio.submissions.store import Store
from customstudio.suites.schema import Reference, Suite


@dataclass(frozen=True)
class Source:
    """Videos that can be compared, with what each should show."""

    items: tuple[Item, ...]
    label: str
    """The suite: name, version and label."""


def from_folder(videos: Path, *, suite: Suite | None = None, images: Path | None = None) -> Source:
    """METHOD/PAIR/PROMPT/SEED.mp4, or a folder with a manifest that names methods.

    Args:
        images: root of the reference images; None: the data folder.

    Raises:
        UserError: no methods, unknown jobs, or methods of different suites.
    """
    if any((videos / name).is_file() for name in MANIFESTS):
        found = [discover(videos, suite=suite, references=images)]
    else:
        folders = sorted(p for p in videos.glob("*") if p.is_dir() and not p.name.startswith("."))
        found = [
            discover(folder, suite=suite, references=images, method=folder.name)
            for folder in folders
        ]
    if not found:
        raise UserError(
            "no methods in this folder",
            where=str(videos),
            fix="lay the videos out as METHOD/PAIR/PROMPT/SEED.mp4",
        )
    items = tuple(item for collection in found for item in collection.items)
    _check_same(items, videos)
    use = found[0].suite
    return Source(items, " ".join(filter(None, (use.name, use.version, use.label))))


def _check_same(items: Sequence[Item], videos: Path) -> None:
    """Manifests of different methods may name their jobs alike and mean different prompts."""
    prompts: dict[str, str] = {}
    for item in items:
        if prompts.setdefault(item.job, item.prompt) != item.prompt:
            raise UserError(
                "two methods' videos of one job should show different prompts",
                where=f"{videos}: {item.job}",
                fix="lay all videos out by one suite, or write one manifest for all of them",
            )


def from_store(store: Store, board: str | None = None) -> Source:
    """The current submissions of one board, as far as the store keeps previews of their videos.

    Raises:
        UserError: no such board, or not one board with videos of two methods.
    """
    standings = boards(store.submissions())
    if board is not None and board not in standings:
        raise UserError(
            f"no board {board!r}", where=str(store.root), fix=did_you_mean(board, list(standings))
        )
    chosen = [board] if board is not None else list(standings)
    found = {name: _items(store, standings[name]) for name in chosen}
    full = [name for name, items in found.items() if len({item.method for item in items}) > 1]
    if len(full) != 1:
        raise UserError(
            "several boards have videos" if full else "no board has videos of two methods",
            where=f"{store.root}: {some(full or chosen)}",
            fix="name one with --board" if full else "add them: customstudio board videos ID DIR",
        )
    suite = suite_of(standings[full[0]].current[0].entry)
    label = " ".join(filter(None, (suite.name, suite.version, suite.label)))
    return Source(tuple(found[full[0]]), label)


def _items(store: Store, standing: Standing) -> list[Item]:
    names = [listed.entry.card.name for listed in standing.current]
    found: list[Item] = []
    for listed, name in zip(standing.current, names, strict=True):
        method = name if names.count(name) == 1 else f"{name[:55]} {listed.entry.id[:8]}"
        found += _of_submission(store, listed, method)
    return found


def _of_submission(store: Store, listed: Listed, method: str) -> list[Item]:
    suite, paths = suite_of(listed.entry), previews(store, listed.entry.id)
    shown = {
        name: tuple(Reference(path=path) for path in references(suite, subject).images)
        for name, subject in suite.subjects.items()
    }
    return [
        Item(
            method=method,
            pair=job.pair,
            prompt_id=job.prompt_id,
            seed=str(job.seed),
            prompt=job.prompt,
            subjects=tuple(
                ItemSubject(name, suite.subjects[name].category, shown[name])
                for name in job.subjects
            ),
            type=suite.pairs[job.pair].type,
            path=paths[job.id],
        )
        for job in suite.jobs
        if job.id in paths
    ]
