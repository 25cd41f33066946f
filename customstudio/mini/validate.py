"""Are the metrics valid? Videos of the world with known faults, through the real evaluation."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.runner import Progress
from customstudio.files import write_text
from customstudio.metrics import catalog
from customstudio.metrics.validity import Study, Validity, validities
from customstudio.mini.faults import FAULTS, applies
from customstudio.mini.rendering import Wanted, scene_of, write_videos
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Job, Suite

SEVERITIES = (0.25, 0.5, 0.75, 1.0)
TRUE = "true"


def validate(
    out: Path,
    *,
    prompts: int = 1,
    metrics: Sequence[str] | None = None,
    protocol: str = "mini-v1",
    weights_dir: Path | None = None,
    progress: Progress | None = None,
) -> Study:
    """Render the jobs with every fault, score them, and say what each metric saw.

    Args:
        out: folder for `videos/`, `run/` and `validity.json`.
        prompts: prompts of each pair; both seeds of each are used.
        metrics: metric ids; None: all of the protocol.
        protocol: the protocol's id.
        weights_dir: folder of other weights than the embedded ones.
        progress: told how far the evaluation is.
    """
    suite = load_suite("mini")
    jobs = list(chosen_jobs(suite, prompts))
    write_videos(out / "videos", faulty_videos(jobs))
    run = evaluate(
        out / "videos",
        references=data_dir("mini") / "refs",
        metrics=metrics,
        protocol=protocol,
        out=out / "run",
        weights_dir=weights_dir,
        note="mini world with faults made on purpose: not comparable with official scores",
        progress=progress,
    )
    study = summarise(run, suite, jobs)
    write_text(out / "validity.json", study.model_dump_json(indent=1) + "\n")
    return study


def chosen_jobs(suite: Suite, prompts: int) -> Iterator[Job]:
    """Some prompts of each pair, another choice for each, with all their seeds."""
    for pair in suite.pairs:
        jobs = [job for job in suite.jobs if job.pair == pair]
        ids = list(dict.fromkeys(job.prompt_id for job in jobs))
        first = zlib.crc32(pair.encode()) % len(ids)
        wanted = {ids[(first + 3 * k) % len(ids)] for k in range(prompts)}
        yield from (job for job in jobs if job.prompt_id in wanted)


def faulty_videos(jobs: Sequence[Job]) -> Iterator[Wanted]:
    """Each job's true video, and one for each fault that it can have, at each severity."""
    for job in jobs:
        yield Wanted(TRUE, job)
        for fault in FAULTS:
            if applies(scene_of(job), fault):
                for severity in SEVERITIES:
                    yield Wanted(f"{fault}@{severity:g}", job, fault, severity)


def summarise(run: Run, suite: Suite, jobs: Sequence[Job]) -> Study:
    """The study of a run over the rendered videos."""
    better = {
        key: catalog.spec(metric).better
        for metric in run.info.metrics
        for key in catalog.spec(metric).keys
    }
    rows: list[Validity] = list(validities(_scores(run), better))
    return Study(
        suite=f"{suite.name} {suite.version}",
        suite_digest=suite.digest,
        protocol=run.info.protocol,
        networks={n.role: "+".join(n.sha256.values()) for n in run.info.networks},
        jobs=len(jobs),
        severities=SEVERITIES,
        videos=len(run.videos),
        faults={name: about for name, (about, _) in FAULTS.items()},
        metrics=dict(run.info.metrics),
        rows=tuple(rows),
    )


def _scores(run: Run) -> pd.DataFrame:
    scores = run.scores[run.scores["subject"].isna() & run.scores["value"].notna()].copy()
    split = scores["method"].str.partition("@")
    scores["fault"] = split[0].where(split[0] != TRUE, "")
    scores["severity"] = pd.to_numeric(split[2]).fillna(0.0)
    scores["pair"] = scores["job"].str.partition("/")[0]
    return scores
