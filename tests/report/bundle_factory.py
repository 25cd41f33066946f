"""Writes small run bundles with tiny real videos and reference images."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from customstudio.evaluation import tables
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.records import Anchor
from customstudio.evaluation.reduce import summarise
from customstudio.media.video import write_video
from customstudio.metrics import catalog

CATEGORIES = {"cat": "pet", "dog": "pet", "ann": "person", "vase": "decor item", "barn": "scene"}
PAIRS = [
    ("cat", "dog"), ("cat", "ann"), ("dog", "vase"), ("ann", "barn"), ("vase", "cat"),
    ("cat", "dog", "barn"), ("ann", "dog"),
]  # fmt: skip
PROMPTS = {"T2-01": "{} sitting on an antique table", "T2-02": "{} on a beach, oil painting"}
METRICS = ("clip_t", "clip_i", "dino_i", "temporal_consistency", "face_similarity", "stitch_score",
           "dynamic_degree")  # fmt: skip
CENTRES = {"clip_t": 0.28, "clip_i": 0.7, "dino_i": 0.5, "temporal_consistency": 0.95,
           "face_similarity": 0.3, "stitch_score": 0.1, "dynamic_degree": 0.5}  # fmt: skip
ANCHORS = (
    Anchor(name="real references", about="each reference against the others: an upper bound",
           values={"clip_i": 0.88, "dino_i": 0.79, "face_similarity": 0.7}),
    Anchor(name="still copy", about="a still video of the first reference",
           values={"clip_t": 0.24, "clip_i": 0.8, "dino_i": 0.7, "temporal_consistency": 1.0}),
    Anchor(name="unrelated images", about="references of other subjects: a floor",
           values={"clip_t": 0.17, "clip_i": 0.55, "dino_i": 0.2}),
)  # fmt: skip
FRAMES = 8


def write_bundle(
    folder: Path,
    methods: Sequence[str] = ("Toy",),
    *,
    pairs: int = len(PAIRS),
    seeds: int = 2,
    failures: Mapping[int, str] | None = None,
    prompt: str = "",
    changes: Mapping[str, Any] | None = None,
    anchors: Sequence[Anchor] = ANCHORS,
    media: bool = True,
) -> Path:
    """Write a finished bundle without its reports.

    Args:
        folder: where its videos, references and run go.
        methods: names; each gets a video for every pair, prompt and seed.
        pairs: how many of `PAIRS`.
        seeds: videos of each pair and prompt.
        failures: index of a video -> why it could not be read.
        prompt: added to every prompt.
        changes: fields of `run.json` to replace.
        anchors: shown beside the scores.
        media: whether to write real videos and images.

    Returns:
        The bundle's folder.
    """
    references = _references(folder / "refs") if media else {name: [] for name in CATEGORIES}
    clip = _clip(folder / "videos") if media else b""
    videos: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for number, method in enumerate(methods):
        for index, row in enumerate(_jobs(method, pairs, seeds, prompt, references)):
            reason = (failures or {}).get(index)
            path = Path(row["path"])
            if media and reason is None:
                (folder / "videos" / path).parent.mkdir(parents=True, exist_ok=True)
                # Some bytes after the end make each file its own without another encoding.
                data = clip + _free_box(f"{method} {row['job']}".encode())
                (folder / "videos" / path).write_bytes(data)
                row |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
                        "frames": FRAMES, "width": 64, "height": 48, "fps": 8.0}  # fmt: skip
            videos.append(row | {"reason": reason})
            rng = np.random.default_rng([number, index])
            more, lines = _scores(row, reason, rng, 0.02 * number)
            scores += more
            curves += lines
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    located = tables.VIDEOS.with_metadata({"videos_root": str((folder / "videos").resolve())})
    for name, rows, schema in (
        ("scores", scores, tables.SCORES),
        ("videos", videos, located),
        ("curves", curves, tables.CURVES),
    ):
        pq.write_table(pa.Table.from_pylist(rows, schema), run / f"{name}.parquet")
    _write_records(run, methods, references, changes or {}, anchors)
    return run


def _write_records(
    run: Path,
    methods: Sequence[str],
    references: Mapping[str, Sequence[Path]],
    changes: Mapping[str, Any],
    anchors: Sequence[Anchor],
) -> None:
    summary = summarise(
        Run(run).scores,
        Run(run).videos,
        scores_sha256=hashlib.sha256((run / "scores.parquet").read_bytes()).hexdigest(),
        protocol=catalog.protocol("customstudio-v1"),
        metrics=METRICS,
        anchors=anchors,
    )
    hashes = {
        name: {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
        for name, paths in references.items()
    }
    info = run_info(methods, hashes) | dict(changes)
    (run / "run.json").write_text(json.dumps(info))
    (run / "summary.json").write_text(summary.model_dump_json())


def run_info(methods: Sequence[str], references: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `run.json`."""
    return {
        "schema_version": 1, "status": "complete", "official": True, "unofficial_because": [],
        "plan_digest": "ab" * 32, "shard": "1/1", "chunks": 3,
        "suite": {"name": "customstudio", "version": "r1", "label": "reconstruction r1",
                  "prompt_set": "table5", "digest": "cd" * 32, "jobs": 28},
        "protocol": "customstudio-v1",
        "metrics": {metric: catalog.spec(metric).version for metric in METRICS},
        "networks": [
            {"role": "clip", "id": "clip-vit-b32-openai", "title": "CLIP ViT-B/32 (OpenAI)",
             "sha256": {"model.safetensors": "ef" * 32}, "status": "official", "licence": "MIT"},
        ],
        "methods": list(methods), "card": {"paper": "arXiv:0000.00000"}, "references": references,
        "settings": {"chunk": 32, "batch": 16, "device": "cpu", "precision": "float32",
                     "threads": 2, "keep_features": False},
        "environment": {"customstudio": "0.1.0", "commit": "12" * 20, "dirty": False,
                        "python": "3.11.7", "platform": "Linux x86_64", "device_name": "CPU",
                        "packages": {"torch": "2.15.0"}},
        "command": ["customstudio", "evaluate", "videos"],
        "started": "2026-11-20T10:00:00+00:00", "finished": "2026-11-20T10:05:00+00:00",
        "seconds": 300.0, "stages": {"load networks": 2.5, "clip": 120.25},
        "notes": ["prompt longer than CLIP's context, cut by CLIP's own rule: 'a cat and ...'"],
    }  # fmt: skip


def _jobs(
    method: str, pairs: int, seeds: int, prompt: str, references: Mapping[str, Sequence[Path]]
) -> list[dict[str, Any]]:
    folder = hashlib.sha256(method.encode()).hexdigest()[:8]
    rows = []
    for subjects in PAIRS[:pairs]:
        for prompt_id, template in PROMPTS.items():
            for seed in range(seeds):
                pair = "+".join(subjects)
                kinds = [CATEGORIES[s] for s in subjects]
                job = f"{pair}/{prompt_id}/{seed}"
                rows.append(
                    {"method": method, "job": job, "pair": pair, "prompt_id": prompt_id,
                     "seed": str(seed),
                     "prompt": template.format(" and ".join(f"a {s}" for s in subjects)) + prompt,
                     "subjects": list(subjects), "categories": kinds,
                     "type": f"[{', '.join(sorted(kinds))}]", "path": f"{folder}/{job}.mp4",
                     "references": [[str(p) for p in references[s]] for s in subjects]}
                )  # fmt: skip
    return rows


def _scores(
    row: Mapping[str, Any], reason: str | None, rng: np.random.Generator, shift: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    place = {"method": row["method"], "job": row["job"]}
    scores, curves = [], []
    person = "person" in row["categories"]
    for metric in METRICS:
        why = reason
        if why is None and metric == "face_similarity" and not person:
            why = "not_applicable: not a person"
        value = float(np.clip(CENTRES[metric] + shift + 0.05 * rng.standard_normal(), 0.0, 1.0))
        if metric == "dynamic_degree":
            value = float(value > 0.5)
        for key in catalog.spec(metric).keys:
            one = {**place, "metric": key, "subject": None, "value": None, "reason": why}
            if key == "clip_i.masked" and why is None:
                one["reason"] = "no mask of cat"
            elif why is None:
                one["value"] = value
            scores.append(one)
        if why is None and catalog.spec(metric).per_subject:
            scores += [
                {**place, "metric": metric, "subject": s, "value": value, "reason": None}
                for s in row["subjects"]
            ]
        if why is None:
            noise = 0.01 * rng.standard_normal(FRAMES)
            curves.append({**place, "metric": metric, "values": (value + noise).tolist()})
    return scores, curves


def _references(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for number, name in enumerate(CATEGORIES):
        for image in range(2):
            path = folder / name / f"{image:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((40, 40, 3), 40 * number + 20, np.uint8)
            pixels[10:30, 10 + 5 * image : 30] = (200, 120, 40 * number)
            Image.fromarray(pixels).save(path)
            found.setdefault(name, []).append(path)
    return found


def _clip(folder: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".clip.mp4"
    frames = np.zeros((FRAMES, 48, 64, 3), np.uint8)
    for at, frame in enumerate(frames):
        frame[..., 2] = np.linspace(30, 220, 64, dtype=np.uint8)
        frame[12:36, 4 + 5 * at : 24 + 5 * at] = (230, 160, 30)
    write_video(path, frames, 8.0)
    data = path.read_bytes()
    path.unlink()
    return data


def _free_box(payload: bytes) -> bytes:
    return (len(payload) + 8).to_bytes(4, "big") + b"free" + payload
