"""Recomputes a submission's scores from its videos, all or a sample, and says where they differ."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from customstudio.errors import UserError, some
from customstudio.metrics import catalog
from customstudio.submissions.checks import Check, compare
from customstudio.submissions.draw import drawn, seed_of
from customstudio.submissions.keys import Key
from customstudio.submissions.store import Store
from customstudio.submissions.taken import Taken, find_videos, require

if TYPE_CHECKING:
    import pandas as pd

    from customstudio.evaluation.journal import ChunkResult
    from customstudio.evaluation.plan import Plan
    from customstudio.evaluation.runner import Progress

CHUNK = 16
"""Videos a step of a full check; of a sample, each is a step of its own."""


def check_maintainer(store: Store, taken: Taken, key: Key) -> None:
    """Ask for a key that may sign a tier, before anything is computed.

    Raises:
        UserError: it is none of a maintainer's, or the submission is its owner's.
    """
    if key.public not in store.maintainers or key.public == taken.entry.owner:
        raise UserError(
            "this key may not sign a tier of this submission",
            where=f"key {key.public}",
            fix=f"use the key of a maintainer who is not its owner: {store.root}/maintainers.txt",
        )


def verify(
    taken: Taken,
    folder: Path,
    key: Key,
    *,
    sample: int,
    work: Path,
    references: Path | None = None,
    weights: Path | None = None,
    device: str = "auto",
    progress: "Progress | None" = None,
) -> Check:
    """Recompute drawn videos with the engine, and compare; goes on where it stopped.

    Args:
        taken: the submission.
        folder: its videos, PAIR/PROMPT/SEED.mp4.
        key: the maintainer's, which decides the draw.
        sample: how many videos; 0, or more than there are: all.
        work: folder for what has been computed so far.
        references: root of the reference images; None: the suite's data folder.
        weights: folder of the networks' weights; None: the default cache.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        progress: told how far it is.

    Raises:
        UserError: videos are missing or others than submitted; references or networks are.
    """
    everything = not 0 < sample < len(taken.jobs)
    seed = "" if everything else seed_of(key, taken.entry.id)
    jobs = tuple(taken.jobs) if everything else drawn(taken.jobs, sample, seed)
    videos = find_videos(folder, jobs)
    require(videos, jobs, taken.hashes)
    plan = _plan(taken, videos, CHUNK if everything else 1, references, weights, device)
    _check_inputs(taken, plan)
    results = _compute(plan, work, progress)
    changed = [row.job for one in results for row in one.videos if row.job in videos
               and row.sha256 != taken.hashes[row.job]]  # fmt: skip
    if changed:
        raise UserError(
            "videos changed while they were read", where=some(changed), fix="run it again"
        )
    rows = [vars(row) for one in results for row in one.scores]
    return Check(
        submission=taken.entry.id,
        protocol=taken.entry.protocol,
        jobs=jobs,
        of=len(taken.jobs),
        seed=seed,
        keys=compare(taken.scores.to_pandas(), _frame(rows), jobs),
    )


def _frame(rows: Sequence[dict[str, object]]) -> "pd.DataFrame":
    import pandas as pd

    columns = ["job", "metric", "subject", "value", "reason"]
    return pd.DataFrame(rows, columns=["method", *columns])[columns].astype({"value": "float32"})


def _plan(
    taken: Taken,
    videos: dict[str, Path],
    chunk: int,
    references: Path | None,
    weights: Path | None,
    device: str,
) -> "Plan":
    from customstudio.evaluation.devices import resolve
    from customstudio.evaluation.discover import jobs_of
    from customstudio.evaluation.plan import make_plan
    from customstudio.evaluation.records import Settings
    from customstudio.weights.store import Store as Weights

    # All jobs stay in the plan: some metrics hold a subject against all others of the suite.
    whole = jobs_of(taken.suite, references)
    items = tuple(replace(item, path=videos.get(item.job)) for item in whole.items)
    settings = taken.submission.settings
    return make_plan(
        replace(whole, items=items),
        protocol=catalog.protocol(taken.entry.protocol),
        metrics=[metric for metric in catalog.METRICS if metric in taken.submission.metrics],
        settings=Settings(
            chunk=chunk,
            batch=settings.batch,
            device=resolve(device),
            precision="float32",
            threads=len(os.sched_getaffinity(0)),
            keep_features=False,
        ),
        store=Weights(weights),
        allow_missing=True,
    )


def _check_inputs(taken: Taken, plan: "Plan") -> None:
    here = {use.role: use.sha256 for use in plan.network_uses()}
    told_networks = {network.role: network.sha256 for network in taken.submission.networks}
    other = sorted(role for role in here if here[role] != told_networks.get(role))
    if other:
        raise UserError(
            f"the networks here are others than the submission's: {', '.join(other)}",
            where=taken.entry.id,
            fix="fetch the published ones, or ask the submitter which were used",
        )
    images = {subject: tuple(sorted(used.values())) for subject, used in plan.references.items()}
    wrong = [s for s, used in images.items() if used != taken.submission.references.get(s)]
    if wrong:
        raise UserError(
            f"the reference images of {len(wrong)} subjects are others than the submission's",
            where=some(wrong),
            fix="give the root of the right ones with --references",
        )


def _compute(plan: "Plan", work: Path, progress: "Progress | None") -> list["ChunkResult"]:
    from customstudio.evaluation.api import compute_here
    from customstudio.evaluation.journal import Journal
    from customstudio.evaluation.runner import Quiet
    from customstudio.files import locked

    progress = progress or Quiet()
    wanted = [n for n, items in enumerate(plan.chunks) if any(item.path for item in items)]
    with locked(work):
        journal = Journal(work / "journal", plan.digest)
        done = {result.chunk for result in journal.read()}
        progress.start(len(wanted), len(done))
        try:
            left = [chunk for chunk in wanted if chunk not in done]
            for result in compute_here(plan, left, workers=len(os.sched_getaffinity(0))):
                journal.write(result)
                progress.advance(1)
        finally:
            progress.stop()
        return [result for result in journal.read() if result.chunk in wanted]
