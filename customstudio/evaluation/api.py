"""`customstudio.evaluate`: a folder of videos in, a run out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from customstudio.errors import UserError
from customstudio.evaluation import runner
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.discover import discover, jobs_of
from customstudio.evaluation.items import Collection
from customstudio.evaluation.journal import ChunkResult
from customstudio.evaluation.manifest import MANIFESTS
from customstudio.evaluation.plan import Plan, make_plan
from customstudio.evaluation.records import MADE_WITH, Anchor, RunInfo, Settings
from customstudio.files import cache_folder
from customstudio.metrics import catalog
from customstudio.suites.choose import choose
from customstudio.suites.load import SUITES, load_suite
from customstudio.suites.schema import Suite
from customstudio.weights.store import Store

if TYPE_CHECKING:
    from customstudio.generation.records import Settings as Made


def evaluate(
    videos: str | Path,
    *,
    suite: str | Suite | None = None,
    prompt_set: str | None = None,
    prompts: str | Path | None = None,
    seeds: int = 1,
    references: str | Path | None = None,
    metrics: Sequence[str] | None = None,
    protocol: str = "customstudio-v1",
    out: str | Path | None = None,
    method: str | None = None,
    card: dict[str, str] | None = None,
    note: str | None = None,
    weights_dir: str | Path | None = None,
    device: str = "auto",
    precision: str = "float32",
    batch: int = 32,
    chunk: int = 16,
    threads: int | None = None,
    workers: int | None = None,
    shard: str = "1/1",
    ray: str | None = None,
    keep_features: bool = False,
    allow_missing: bool = False,
    progress: runner.Progress | None = None,
) -> Run:
    """Score the videos of a folder and write a run bundle.

    The same call with the same inputs goes on where an earlier one stopped.

    Args:
        videos: a suite's tree `PAIR/PROMPT/SEED.mp4`, or a folder with a manifest.
        suite: a suite or its name; None: as `customstudio generate` recorded beside the videos,
            else the one that has most of the folder's pairs.
        prompt_set: which of the suite's prompt sets; None: its first.
        prompts: file of prompts, for suite `custom`.
        seeds: number of seeds, for suite `custom`.
        references: root of the reference images; None: the suite's data folder.
        metrics: metric ids; None: all of the protocol.
        protocol: the protocol's id.
        out: folder of the bundle; None: `runs/METHOD-DIGEST`.
        method: name of the method; None: the manifest's, else the folder's name.
        card: what the method is (paper, code, base model ...), recorded as given.
        note: what every reader of the run should know of the videos.
        weights_dir: folder of the networks' weights; None: the default cache.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `float32`, `tf32` or `amp`; only float32 is official.
        batch: images a forward pass.
        chunk: videos a chunk of the journal.
        threads: CPU threads of a forward pass; None: all cores.
        workers: decoding threads; None: all cores.
        shard: `I/N`, every N-th chunk; `runner.merge` joins the shards.
        ray: `auto` or the address of a Ray cluster; None: this process.
        keep_features: keep what the networks gave, so that `rescore` needs none of them.
        allow_missing: score what there is; the run is then not official.
        progress: told how far the run is.

    Returns:
        The run, with `.scores`, `.summary` and `.report`.

    Raises:
        UserError: anything wrong with the input, all found at once.
    """
    names = [catalog.spec(metric).id for metric in metrics or ()]
    chosen = catalog.protocol(protocol)
    runner.parse_shard(shard)
    root = Path(references) if references else None
    made = _settings_of(Path(videos))
    listed = any((Path(videos) / name).is_file() for name in MANIFESTS)
    if suite is None and made is not None and made.suite in SUITES and not listed:
        suite, prompt_set = made.suite, prompt_set or made.prompt_set
    if isinstance(suite, str):
        given = Path(prompts) if prompts else None
        suite, root = _chosen(suite, prompt_set, root, given, seeds)
        _require_that_of(made, suite, Path(videos))
    elif prompt_set is not None and suite is None:
        raise UserError(
            "a prompt set without a suite", where="--prompt-set", fix="name the suite: --suite NAME"
        )
    collection = discover(
        Path(videos),
        suite=suite,
        references=root,
        method=method,
    )
    if made is not None:
        collection = replace(
            collection, unofficial=_made_with(made), generation=made.model_dump(mode="json")
        )
    if note:
        collection = replace(collection, notes=(*collection.notes, note))
    settings = _settings(device, precision, batch, chunk, threads, keep_features)
    plan = make_plan(
        collection,
        protocol=chosen,
        metrics=names or None,
        settings=settings,
        store=Store(Path(weights_dir) if weights_dir else None),
        allow_missing=allow_missing,
        missing_list=(Path(out) if out else Path("runs")) / "missing.txt",
    )
    folder = Path(out) if out else default_out(plan, shard)
    if folder.resolve() == collection.root.resolve():
        raise UserError(
            "the run would be written among the videos",
            where=f"--out {folder}",
            fix="give a folder of its own",
        )
    compute: runner.Compute = partial(compute_here, workers=workers or len(os.sched_getaffinity(0)))
    if ray is not None:
        from customstudio.evaluation import cluster as on_ray
        from customstudio.ray_cluster import RayCluster

        cluster = RayCluster(ray)
        plan, compute = on_ray.placed(cluster, plan), partial(on_ray.compute, cluster)
    elif not runner.is_finished(folder):
        plan = _placed(plan)
    return runner.run(plan, folder, compute, shard=shard, card=card, progress=progress)


def _settings_of(videos: Path) -> "Made | None":
    """What `customstudio generate` made a folder's videos with."""
    from customstudio.generation.grid import read_settings

    return read_settings(videos)


def _require_that_of(made: "Made | None", suite: Suite, videos: Path) -> None:
    """Check that videos are scored as what they were made for: pairs may have the same names.

    Raises:
        UserError: they are another suite's, prompt set's or version's.
    """
    if made is None:
        return
    if (made.suite, made.prompt_set) != (suite.name, suite.prompt_set):
        raise UserError(
            f"these videos were made for suite {made.suite}, prompt set {made.prompt_set}, not for "
            f"suite {suite.name}, prompt set {suite.prompt_set}",
            where=str(videos / "generation.json"),
            fix="leave --suite and --prompt-set out, or give those",
        )
    if made.suite_digest != suite.digest:
        raise UserError(
            f"these videos were made for another state of suite {suite.name}: its tables, prompts "
            "or subjects have changed since",
            where=str(videos / "generation.json"),
            fix="use the tables (--references, --prompts) and the customstudio that made them, or "
            "make the videos again",
        )


def _made_with(settings: "Made") -> tuple[str, ...]:
    """Networks that are no published model's."""
    words = {"random": "random values", "embedded": "embedded networks of the mini world"}
    found = {text: settings.of_status(status) for status, text in words.items()}
    return tuple(f"{MADE_WITH} {text}: {', '.join(ids)}" for text, ids in found.items() if ids)


def _chosen(
    name: str, prompt_set: str | None, references: Path | None, prompts: Path | None, seeds: int
) -> tuple[Suite, Path | None]:
    """A suite by name and the root of its reference images, which an exported one brings along."""
    if references is None and ("/" in name or name in (".", "..")):
        from customstudio.suites.hub import load_exported

        load_exported(Path(name))
        references = Path(name) / "refs"
    return choose(name, prompt_set, references, prompts, seeds), references


def _placed(plan: Plan) -> Plan:
    """The plan with its device settled; one without networks needs none, nor torch."""
    from customstudio.evaluation.devices import resolve

    device = resolve(plan.settings.device) if plan.networks else "cpu"
    return replace(plan, settings=plan.settings.model_copy(update={"device": device}))


def compute_here(plan: Plan, chunks: Sequence[int], *, workers: int) -> Iterator[ChunkResult]:
    """Score chunks in this process; networks are loaded only if there is something to do."""
    if chunks:
        from customstudio.evaluation.engine import Engine

        yield from Engine(plan, cache=cache_folder(), workers=workers).run(chunks)


def default_out(plan: Plan, shard: str) -> Path:
    """`runs/METHOD-DIGEST`, so that the same command finds its own run again."""
    collection: Collection = plan.collection
    name = collection.methods[0] if len(collection.methods) == 1 else collection.root.name
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:60].strip("-.") or "run"
    index, count = runner.parse_shard(shard)
    part = f"-shard-{index}-of-{count}" if count > 1 else ""
    return Path("runs") / f"{safe}-{plan.digest[:8]}{part}"


def _settings(
    device: str, precision: str, batch: int, chunk: int, threads: int | None, keep: bool
) -> Settings:
    for name, value in (("--batch", batch), ("--chunk", chunk), ("--threads", threads)):
        if value is not None and value < 1:
            raise UserError(f"{value} is too small", where=name, fix="give 1 or more")
    if precision not in ("float32", "tf32", "amp"):
        raise UserError(
            f"unknown precision {precision!r}", where="--precision", fix="float32, tf32 or amp"
        )
    return Settings(
        chunk=chunk,
        batch=batch,
        device=device,
        precision=precision,  # type: ignore[arg-type]
        threads=threads or len(os.sched_getaffinity(0)),
        keep_features=keep,
    )


def score_anchors(
    suite: str | Suite,
    *,
    references: str | Path | None = None,
    protocol: str = "customstudio-v1",
    metrics: Sequence[str] | None = None,
    weights_dir: str | Path | None = None,
    device: str = "auto",
    progress: runner.Progress | None = None,
) -> tuple[Path, list[Anchor]]:
    """Make and score the anchors of a suite (or of a folder with a manifest), and keep them.

    Pairs whose subjects lack reference images are left out.

    Returns:
        The file that keeps them, and the anchors.

    Raises:
        UserError: as `evaluate`, and where no pair has references.
    """
    from customstudio.evaluation.anchor_scores import score_videos
    from customstudio.evaluation.anchors import make_anchors

    root = Path(references) if references else None
    if isinstance(suite, str) and any((Path(suite) / name).is_file() for name in MANIFESTS):
        collection = discover(Path(suite), references=root)
    else:
        known = load_suite(suite, references=root) if isinstance(suite, str) else suite
        collection = jobs_of(known, root)
    chosen = catalog.protocol(protocol)
    names = [catalog.spec(metric).id for metric in metrics or chosen.metrics]
    store = Store(Path(weights_dir) if weights_dir else None)
    settings = _settings(device, "float32", 32, 16, None, keep=True)

    def score(videos: Collection, out: Path) -> tuple[RunInfo, list[Anchor]]:
        plan = _placed(
            make_plan(videos, protocol=chosen, metrics=names, settings=settings, store=store)
        )
        compute = partial(compute_here, workers=settings.threads)
        return score_videos(runner.run(plan, out, compute, progress=progress))

    return make_anchors(collection, score)
