"""A run from plan to bundle: resume, shards, merging, finishing."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol as Interface

from customstudio.errors import UserError, some
from customstudio.evaluation import tables
from customstudio.evaluation.anchors import known_anchors
from customstudio.evaluation.bundle import Run, read_record, write_record
from customstudio.evaluation.environment import environment
from customstudio.evaluation.journal import ChunkResult, Journal, VideoRow
from customstudio.evaluation.plan import Plan
from customstudio.evaluation.records import RunInfo, Summary
from customstudio.evaluation.reduce import summarise
from customstudio.evaluation.stream import content_sha256, stamp
from customstudio.files import locked, sha256_file
from customstudio.metrics import catalog
from customstudio.report.render import write_report

Compute = Callable[[Plan, Sequence[int]], Iterator[ChunkResult]]
"""Scores chunks of a plan, here or on a cluster, in any order."""


class Progress(Interface):
    """Told how far a run is."""

    def start(self, total: int, done: int) -> None:
        """The run has `total` videos, of which `done` are finished already."""

    def advance(self, videos: int) -> None:
        """So many more videos are finished."""

    def stop(self) -> None:
        """The run has ended, well or not."""


class Quiet:
    """No progress at all."""

    def start(self, total: int, done: int) -> None:
        """Say nothing."""

    def advance(self, videos: int) -> None:
        """Say nothing."""

    def stop(self) -> None:
        """Say nothing."""


def parse_shard(text: str) -> tuple[int, int]:
    """`3/16` -> (3, 16).

    >>> parse_shard("3/16")
    (3, 16)
    """
    first, _, second = text.partition("/")
    if all(part.isascii() and part.isdigit() for part in (first, second)):
        index, count = int(first), int(second)
        if 1 <= index <= count:
            return index, count
    raise UserError(
        f"{text!r} is no shard", where="--shard", fix="I/N with 1 <= I <= N, for example 3/16"
    )


def run(
    plan: Plan,
    out: Path,
    compute: Compute,
    *,
    shard: str = "1/1",
    card: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Score what is not scored yet and write the bundle into `out`.

    Raises:
        UserError: `out` holds another run or is in use; videos changed since the run began.
    """
    index, count = parse_shard(shard)
    shard = f"{index}/{count}"
    progress = progress or Quiet()
    with locked(out):
        info = _open(plan, out, shard, card or {})
        if info.status == "complete":
            _check_finished(plan, out)
            if not Run(out).report.is_file():
                conclude(out, info)  # killed between the tables and the report
            return Run(out)
        chunks = plan.chunks
        mine = [c for c in range(len(chunks)) if c % count == index - 1]
        journal = Journal(out / "journal", plan.digest)
        done = _still_valid(plan, journal)
        sizes = {chunk: len(chunks[chunk]) for chunk in mine}
        progress.start(sum(sizes.values()), sum(sizes[c] for c in mine if c in done))
        try:
            for result in compute(plan, [c for c in mine if c not in done]):
                journal.write(result)
                progress.advance(sizes[result.chunk])
        except UserError:
            if not any(journal.read()):
                (out / "run.json").unlink()  # refused before anything was scored: no run
            raise
        finally:
            progress.stop()
        return _finish(out, info, journal, plan.collection.root)


def is_finished(out: Path) -> bool:
    """Whether a folder holds a finished run: then nothing needs to be loaded."""
    path = out / "run.json"
    return path.is_file() and read_record(path, RunInfo).status == "complete"


def merge(shards: Sequence[Path], out: Path) -> Run:
    """Join the shards of one run into a whole bundle: the same bytes as one uninterrupted run.

    Raises:
        UserError: shards of different runs, unfinished ones, or some missing.
    """
    infos = [read_record(folder / "run.json", RunInfo) for folder in shards]
    first = infos[0]
    for folder, info in zip(shards, infos, strict=True):
        if info.plan_digest != first.plan_digest:
            raise UserError(
                "these are not shards of one run: videos, suite, metrics, weights or settings "
                "differ",
                where=f"{shards[0]} and {folder}",
                fix="evaluate all shards with the same inputs and options",
            )
        if info.status == "running":
            raise UserError(
                f"shard {info.shard} is not finished",
                where=str(folder),
                fix="run its command again: it goes on where it stopped",
            )
    with locked(out):
        if (out / "run.json").exists():
            raise UserError(
                "this folder holds a run already",
                where=str(out),
                fix="give a new folder with --out",
            )
        journal = Journal(out / "journal", first.plan_digest)
        seen: set[int] = set()
        for folder in shards:
            for result in Journal(folder / "journal", first.plan_digest).read():
                seen.add(result.chunk)
                _copy_features(folder, out, result.chunk)
                journal.write(result)
        missing = sorted(set(range(first.chunks)) - seen)
        if missing:
            shutil.rmtree(out / "journal", ignore_errors=True)
            raise UserError(
                f"{len(missing)} of {first.chunks} chunks are in none of the shards",
                where=f"chunks {some([str(chunk) for chunk in missing])}; shards given: "
                f"{some([info.shard for info in infos], 16)}",
                fix="give all shards",
            )
        notes = _differences(infos)
        info = first.model_copy(
            update={"shard": "1/1", "status": "running", "notes": (*first.notes, *notes)}
        )
        root = tables.videos_root(shards[0] / "videos.parquet") or Path()
        return _finish(out, info, journal, root)


def _copy_features(source: Path, out: Path, chunk: int) -> None:
    path = Journal(source / "journal", "").features_path(chunk)
    if path.is_file():
        target = Journal(out / "journal", "").features_path(chunk)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _differences(infos: Sequence[RunInfo]) -> list[str]:
    places = sorted({f"{i.environment.device_name}, {i.settings.threads} threads" for i in infos})
    if len(places) == 1:
        return []
    return [f"computed in different places, so the last digits may differ: {'; '.join(places)}"]


def _open(plan: Plan, out: Path, shard: str, card: dict[str, str]) -> RunInfo:
    path = out / "run.json"
    if path.exists():
        info = read_record(path, RunInfo)
        if (info.plan_digest, info.shard) != (plan.digest, shard):
            raise UserError(
                "this folder holds another run: videos, suite, references, metrics, weights, "
                "settings or shard differ",
                where=f"{out} (begun {info.started})",
                fix="give another folder with --out, or remove this one",
            )
        return info if info.status == "complete" else _noting_place(path, info, plan)
    info = RunInfo(
        status="running",
        official=not plan.unofficial_because(),
        unofficial_because=plan.unofficial_because(),
        plan_digest=plan.digest,
        shard=shard,
        chunks=len(plan.chunks),
        suite=plan.collection.suite,
        protocol=plan.protocol.id,
        metrics={metric: catalog.spec(metric).version for metric in plan.metrics},
        networks=plan.network_uses(),
        methods=plan.collection.methods,
        card=card,
        generation=plan.collection.generation,
        references={name: dict(hashes) for name, hashes in plan.references.items()},
        settings=plan.settings,
        environment=environment(plan.settings.device),
        command=tuple(Path(a).name if i == 0 else a for i, a in enumerate(sys.argv)),
        started=_now(),
        notes=plan.collection.notes,
    )
    write_record(path, info)
    return info


def _noting_place(path: Path, info: RunInfo, plan: Plan) -> RunInfo:
    """The record with a note if this sitting runs elsewhere than the first one."""
    device = plan.settings.device
    here = environment("cpu" if device == "auto" else device)
    settings = info.settings
    same = here == info.environment and (settings.device, settings.threads) == (
        device,
        plan.settings.threads,
    )
    note = (
        f"continued with other software or hardware, so the last digits may differ: "
        f"CustomStudio {here.customstudio}, {here.device_name}, {plan.settings.threads} threads"
    )
    if same or device == "auto" or note in info.notes:
        return info
    info = info.model_copy(update={"notes": (*info.notes, note)})
    write_record(path, info)
    return info


def _still_valid(plan: Plan, journal: Journal) -> set[int]:
    """The finished chunks; one with a broken video that was mended since is done again."""
    done = set()
    for result in journal.read():
        changed = _changed(plan, result.videos)
        if any(row.reason is None for row in changed):
            raise _videos_changed([row for row in changed if row.reason is None])
        if not changed:
            done.add(result.chunk)
    return done


def _check_finished(plan: Plan, out: Path) -> None:
    table = tables.read_arrow(out / "videos.parquet", tables.VIDEOS)
    changed = _changed(plan, [VideoRow(**row) for row in table.to_pylist()])
    if changed:
        raise _videos_changed(changed)


def _changed(plan: Plan, rows: Sequence[VideoRow]) -> list[VideoRow]:
    """The rows whose files are no longer those that were read."""
    paths = {(i.method, i.job): i.path for i in plan.collection.items}
    return [row for row in rows if _differs(paths[row.method, row.job], row)]


def _differs(path: Path | None, row: VideoRow) -> bool:
    if path is None or stamp(path) == (row.bytes, row.mtime_ns):
        return False
    return row.sha256 is None or content_sha256(path) != row.sha256


def _videos_changed(rows: Sequence[VideoRow]) -> UserError:
    return UserError(
        f"{len(rows)} videos changed since they were scored",
        where=some([row.path or row.job for row in rows]),
        fix="give another folder with --out: one run scores one set of videos",
    )


def _finish(out: Path, info: RunInfo, journal: Journal, root: Path) -> Run:
    results = sorted(journal.read(), key=lambda result: result.chunk)
    tables.write_tables(out, results, root)
    whole = info.shard == "1/1"
    stages: dict[str, float] = {}
    for result in results:
        for stage, seconds in result.seconds.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    notes = {note for result in results for note in result.notes}
    info = info.model_copy(
        update={
            "status": "complete" if whole else "shard complete",
            "finished": _now(),
            "seconds": stages.pop("wall", 0.0),
            "stages": stages,
            "notes": (*info.notes, *sorted(notes - set(info.notes))),
        }
    )
    if not whole:
        write_record(out / "run.json", info)
        return Run(out)
    conclude(out, info)
    shutil.rmtree(out / "journal", ignore_errors=True)
    return Run(out)


def conclude(out: Path, info: RunInfo) -> None:
    """Reduce the tables of a whole run, mark it complete, and write its report."""
    run = Run(out)
    protocol = catalog.protocol(info.protocol)
    notes = info.notes
    try:
        anchors = known_anchors(info)
    except UserError as error:
        anchors, notes = (), (*notes, f"anchors left out: {error.what} ({error.where})")
    summary = summarise(
        run.scores,
        run.videos,
        scores_sha256=sha256_file(out / "scores.parquet"),
        protocol=protocol,
        metrics=list(info.metrics),
        anchors=anchors,
    )
    reasons = tuple(r for r in info.unofficial_because if not r.startswith(_COVERAGE))
    reasons += tuple(_gaps(summary))
    write_record(out / "summary.json", summary)
    update = {"official": not reasons, "unofficial_because": reasons, "notes": notes}
    write_record(out / "run.json", info.model_copy(update=update))
    write_report(out)


_COVERAGE = "coverage of "


def _gaps(summary: Summary) -> Iterator[str]:
    for method in summary.methods:
        gaps: dict[tuple[int, int], list[str]] = {}
        for key in (key for key in summary.keys if key.headline):
            coverage = method.coverage[key.key]
            if coverage.failed:
                covered = (coverage.jobs - coverage.failed, coverage.jobs)
                gaps.setdefault(covered, []).append(key.title)
        for (covered_jobs, jobs), titles in gaps.items():
            yield f"{_COVERAGE}{method.method} is {covered_jobs} of {jobs}: {', '.join(titles)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
