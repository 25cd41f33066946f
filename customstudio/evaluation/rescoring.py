"""Rescore: new scores from kept features, without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from customstudio.errors import UserError
from customstudio.evaluation import tables
from customstudio.evaluation.bundle import Run, load_run
from customstudio.evaluation.items import Item, ItemSubject
from customstudio.evaluation.journal import ChunkResult, VideoRow, features_key
from customstudio.evaluation.plan import LEFT_OUT, left_out
from customstudio.evaluation.runner import conclude
from customstudio.evaluation.scoring import score_video
from customstudio.files import locked
from customstudio.metrics import catalog
from customstudio.metrics.spec import Array, Unscored, VideoFeatures
from customstudio.records import digest


def rescore(path: str | Path, *, metrics: Sequence[str] | None = None, out: Path) -> Run:
    """Compute the scores of a run again from the features that it kept.

    Args:
        path: a run made with `keep_features`.
        metrics: metric ids; None: those of the run.
        out: folder of the new bundle.

    Raises:
        UserError: the run kept no features, or not those that a metric needs.
    """
    run = load_run(path)
    chosen = [catalog.spec(metric).id for metric in metrics or run.info.metrics]
    flat = kept_features(run)
    with locked(out):
        if (out / "run.json").exists():
            raise UserError(
                "this folder holds a run already", where=str(out), fix="give a new one with --out"
            )
        result = ChunkResult(0)
        for row in run.video_rows():
            item = _item(row)
            result.videos.append(VideoRow(**row))
            features: VideoFeatures | Unscored
            if row["reason"] is not None:
                features = Unscored(str(row["reason"]))
            else:
                features = stored_features(row, flat)
                _check_features(features, chosen, run.path)
            score_video(result, item, features, chosen)
        root = tables.videos_root(run.path / "videos.parquet") or run.path
        tables.write_tables(out, [result], root)
        old = run.info
        reasons = [r for r in old.unofficial_because if not r.startswith(LEFT_OUT)]
        reasons += left_out(catalog.protocol(old.protocol), chosen)
        reasons.append("rescored from kept features, which nothing ties to the videos")
        versions = {metric: catalog.spec(metric).version for metric in chosen}
        update = {
            "metrics": versions,
            "plan_digest": digest([old.plan_digest, "rescored", versions]),
            "unofficial_because": tuple(reasons),
            "notes": (*old.notes, f"rescored from the kept features of {run.path.name}"),
            "stages": {},
            "seconds": 0.0,
        }
        conclude(out, old.model_copy(update=update))
    return Run(out)


def stored_features(
    row: Mapping[str, Any], kept: Mapping[str, Mapping[str, Array]]
) -> VideoFeatures:
    """The kept features of one row of `videos.parquet`.

    Raises:
        UserError: those of this video were not kept.
    """
    item = _item(row)
    key = features_key(item.method, item.job)
    if key not in kept:
        raise UserError(
            f"the features of {item.job} were not kept",
            where=f"method {item.method}",
            fix="evaluate again with --keep-features",
        )
    infos = tuple(subject.info for subject in item.subjects)
    return VideoFeatures.from_named(kept[key], infos)


def kept_features(run: Run) -> dict[str, dict[str, Array]]:
    """The features that a run kept, by video and flat name.

    Raises:
        UserError: it kept none.
    """
    from safetensors.numpy import load_file

    files = sorted((run.path / "features").glob("*.safetensors"))
    if not files:
        raise UserError(
            "this run kept no features",
            where=str(run.path),
            fix="evaluate again with --keep-features",
        )
    by_video: dict[str, dict[str, Array]] = {}
    for file in files:
        for name, array in load_file(file).items():
            key, _, rest = name.partition("|")
            by_video.setdefault(key, {})[rest] = array
    return by_video


def _check_features(features: VideoFeatures, metrics: Sequence[str], where: Path) -> None:
    kept = {*features.arrays, *features.references, *features.text}
    for metric in metrics:
        missing = [name for name in catalog.features([metric]) if name not in kept]
        if missing:
            raise UserError(
                f"the run kept no {', '.join(missing)}, which {metric} needs",
                where=str(where),
                fix="evaluate again with that metric and --keep-features",
            )


def _item(row: Mapping[str, Any]) -> Item:
    subjects = zip(row["subjects"], row["categories"], strict=True)
    return Item(
        method=str(row["method"]),
        pair=str(row["pair"]),
        prompt_id=str(row["prompt_id"]),
        seed=str(row["seed"]),
        prompt=str(row["prompt"]),
        subjects=tuple(ItemSubject(name, category, ()) for name, category in subjects),
        type=str(row["type"]),
        path=None,
    )
