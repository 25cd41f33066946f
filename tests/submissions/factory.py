"""Makes runs as the engine writes them, cards, and rules that know the made-up weights."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from customstudio.evaluation import tables
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.reduce import summarise
from customstudio.metrics import catalog
from customstudio.metrics.spec import MetricSpec
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import MethodCard
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Job, Suite
from customstudio.weights.networks import manifest
from tests.report.bundle_factory import CENTRES, METRICS, run_info

CARD = """
name = "Toy Method"
tuning = "per pair"
base_model = "zeroscope_v2_576w"
licence = "Apache-2.0"
open_weights = true
year = 2026
authors = ["A. Author", "Zoë Müller"]
title = "A toy method: two subjects at once"
paper = "https://arxiv.org/abs/2401.09962"
about = "Made up for tests."

[settings]
steps = "500"
learning_rate = "4e-5"
"""


def sha(text: str) -> str:
    """A digest of some words."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def small_suite(pairs: int = 6, prompts: int = 2, seeds: int = 2) -> Suite:
    """A part of CustomStudio as a suite of its own, with persons in some pairs."""
    whole = load_suite("customstudio")
    person = {s.id for s in whole.subjects.values() if s.category == "person"}
    with_person = [p for p in whole.pairs.values() if person & set(p.subjects)]
    without = [p for p in whole.pairs.values() if not person & set(p.subjects)]
    chosen = [*with_person[: pairs // 2], *without[: pairs - pairs // 2]]
    kinds = {p.template_set for p in chosen}
    kept: dict[str, Any] = {}
    for kind in sorted(kinds):
        kept |= dict([(i, p) for i, p in whole.prompts.items() if p.template_set == kind][:prompts])
    used = {s for p in chosen for s in p.subjects}
    fields = {name: getattr(whole, name) for name in Suite.model_fields}
    return Suite(
        **{
            **fields,
            "version": "test",
            "seeds": tuple(range(seeds)),
            "subjects": {i: s for i, s in whole.subjects.items() if i in used},
            "pairs": {p.id: p for p in chosen},
            "prompts": kept,
        }
    )


def rules(*suites: Suite) -> Rules:
    """Rules under which the files of every network are published."""
    networks = {
        i: n.model_copy(
            update={"files": tuple(f.model_copy(update={"sha256": sha(f.name)}) for f in n.files)}
        )
        for i, n in manifest().items()
    }
    return Rules(networks=networks, suites=suites or (small_suite(),))


def card(**changes: Any) -> MethodCard:
    """A good method card."""
    import tomllib

    return MethodCard.model_validate_json(json.dumps(tomllib.loads(CARD) | changes), strict=True)


def write_run(
    folder: Path,
    suite: Suite | None = None,
    *,
    methods: Sequence[str] = ("Toy",),
    seed: int = 0,
    protocol: str = "customstudio-v1",
    changes: dict[str, Any] | None = None,
) -> Path:
    """A finished run of a whole suite; its scores come from `seed`."""
    suite = suite or small_suite()
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    scores = [r for m in methods for job in suite.jobs for r in _scores(suite, job, m, rng)]
    videos = [_video(suite, job, method, seed) for method in methods for job in suite.jobs]
    scores.sort(key=lambda r: (r["method"], r["job"], r["metric"], r["subject"] or ""))
    pq.write_table(pa.Table.from_pylist(scores, tables.SCORES), folder / "scores.parquet")
    pq.write_table(pa.Table.from_pylist(videos, tables.VIDEOS), folder / "videos.parquet")
    summary = summarise(
        Run(folder).scores,
        Run(folder).videos,
        scores_sha256=hashlib.sha256((folder / "scores.parquet").read_bytes()).hexdigest(),
        protocol=catalog.protocol(protocol),
        metrics=METRICS,
    )
    (folder / "summary.json").write_text(summary.model_dump_json())
    (folder / "run.json").write_text(json.dumps(_info(suite, methods, protocol) | (changes or {})))
    return folder


def _info(suite: Suite, methods: Sequence[str], protocol: str) -> dict[str, Any]:
    chosen = catalog.protocol(protocol)
    used = sorted({s for pair in suite.pairs.values() for s in pair.subjects})
    networks = []
    for role in catalog.roles(catalog.features(METRICS)):
        network = manifest()[chosen.networks[role]]
        networks.append(
            {
                "role": role,
                "id": network.id,
                "title": network.title,
                "sha256": {file.name: sha(file.name) for file in network.files},
                "status": "official",
                "licence": network.licence,
            }
        )
    info = run_info(methods, {s: {"00.jpg": sha(s), "mask 00.png": sha(s + "m")} for s in used})
    info |= {
        "suite": {
            "name": suite.name,
            "version": suite.version,
            "label": suite.label,
            "prompt_set": suite.prompt_set,
            "digest": suite.digest,
            "jobs": len(suite.jobs),
        },
        "protocol": protocol,
        "networks": networks,
    }
    info["environment"]["device_name"] = "Xeon(R) CPU @ 2.20GHz"
    return info


def _video(suite: Suite, job: Job, method: str, seed: int) -> dict[str, Any]:
    return {
        "method": method,
        "job": job.id,
        "pair": job.pair,
        "prompt_id": job.prompt_id,
        "seed": str(job.seed),
        "prompt": job.prompt,
        "subjects": list(job.subjects),
        "categories": [suite.subjects[s].category for s in job.subjects],
        "type": suite.pairs[job.pair].type,
        "path": f"/home/somebody/videos/{job.id}.mp4",
        "references": [["a.jpg"] for _ in job.subjects],
        "sha256": sha(f"{method} {job.id} {seed}"),
        "bytes": 50_000,
        "mtime_ns": 1,
        "frames": 16,
        "width": 256,
        "height": 256,
        "fps": 8.0,
        "reason": None,
    }


def _scores(
    suite: Suite, job: Job, method: str, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    for metric in METRICS:
        spec = catalog.spec(metric)
        for key in spec.keys:
            subjects = spec.per_subject and key != f"{metric}.pooled"
            values = dict(_values(suite, job, spec, key, rng)) if subjects else {}
            yield _row(method, job, key, None, _whole(spec, values, rng))
            for subject, value in values.items():
                yield _row(method, job, key, subject, value)


def _values(
    suite: Suite, job: Job, spec: MetricSpec, key: str, rng: np.random.Generator
) -> Iterator[tuple[str, float | str]]:
    for subject in job.subjects:
        category = suite.subjects[subject].category
        if spec.applies_to is not None and category not in spec.applies_to:
            yield subject, "not_applicable: not a person"
        elif key == "clip_i.masked":
            yield subject, "not_applicable: no masks"
        else:
            yield subject, _draw(spec.id, rng)


def _whole(spec: MetricSpec, values: dict[str, float | str], rng: np.random.Generator) -> Any:
    numbers = [v for v in values.values() if isinstance(v, float)]
    if numbers:
        return float(np.mean(numbers))
    return next(iter(values.values())) if values else _draw(spec.id, rng)


def _draw(metric: str, rng: np.random.Generator) -> float:
    value = float(np.clip(CENTRES[metric] + 0.05 * rng.standard_normal(), 0.0, 1.0))
    return float(value > 0.5) if metric == "dynamic_degree" else value


def _row(method: str, job: Job, key: str, subject: str | None, value: float | str) -> Any:
    is_value = isinstance(value, float)
    return {
        "method": method,
        "job": job.id,
        "metric": key,
        "subject": subject,
        "value": value if is_value else None,
        "reason": None if is_value else value,
    }
