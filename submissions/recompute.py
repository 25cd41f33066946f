"""The tables of a submission read, checked, and reduced again; where it tells something else."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customstudio.evaluation.records import MethodSummary
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.records import Record
from customstudio.submissions.contents import Contents
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.findings import Finding, shown
from customstudio.submissions.schema import SCORES, SUBMISSION, VIDEOS, Submission
from customstudio.suites.schema import Suite

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_RECOMPUTE = "run `customstudio report RUN`, and submit RUN again"


@dataclass(frozen=True)
class Reduced:
    """What the rows come to."""

    results: MethodSummary
    flags: tuple[str, ...]
    videos: tuple[str, ...]
    """SHA-256 of the videos, sorted."""
    scores_digest: str
    """SHA-256 of the values alone: two submissions never share it by chance."""


class Tables:
    """The two tables of a submission, read once, checked, and reduced."""

    def __init__(
        self, contents: Contents, suite: Suite, protocol: Protocol, submission: Submission
    ) -> None:
        self.contents, self.suite = contents, suite
        self.protocol, self.submission = protocol, submission
        self.scores: pa.Table | None = None
        self.videos: pa.Table | None = None

    def findings(self, decoder: Decoder) -> Iterator[Finding]:
        """Read both tables and check their rows."""
        from customstudio.submissions.rows import Rows, check_videos

        jobs = [job.id for job in self.suite.jobs]
        keys = sum(len(catalog.spec(metric).keys) for metric in self.submission.metrics)
        most = keys * sum(1 + len(job.subjects) for job in self.suite.jobs)
        try:
            data = self.contents.files[VIDEOS]
            self.videos = decoder.read("videos", data, len(jobs), len(jobs))
            yield from check_videos(self.videos, jobs)
        except Refused as error:
            yield _unreadable(VIDEOS, error)
        try:
            data = self.contents.files[SCORES]
            self.scores = decoder.read("scores", data, keys * len(jobs), most)
            metrics = list(self.submission.metrics)
            yield from Rows(self.scores, self.suite, self.protocol, metrics).findings()
        except Refused as error:
            yield _unreadable(SCORES, error)

    def reduced(self) -> tuple[Reduced, list[Finding]]:
        """The results, recomputed by the one reducer, and where the submission tells others."""
        from customstudio.submissions.flags import flags

        assert self.scores is not None
        assert self.videos is not None
        results = recompute(
            self.scores.to_pandas(), self.suite, self.protocol, self.submission.metrics
        )
        findings = [
            *_differences("overall", self.submission.overall, results.overall),
            *_differences("coverage", self.submission.coverage, results.coverage),
        ]
        rows = self.scores.sort_by([(n, "ascending") for n in ("job", "metric", "subject")])
        values = rows["value"].fill_null(float("nan")).to_numpy()
        reduced = Reduced(
            results=results,
            flags=flags(self.scores, self.videos, self.protocol),
            videos=tuple(sorted(self.videos["sha256"].to_pylist())),
            scores_digest=hashlib.sha256(values.tobytes()).hexdigest(),
        )
        return reduced, findings


def recompute(
    scores: "pd.DataFrame",
    suite: Suite,
    protocol: Protocol,
    metrics: Mapping[str, int],
    *,
    groups: bool = False,
) -> MethodSummary:
    """A method's results from its rows and the suite's own tables; by group too if asked."""
    import pandas as pd

    from customstudio.evaluation.reduce import summarise

    videos = pd.DataFrame(
        [
            {
                "method": "it",
                "job": job.id,
                "pair": job.pair,
                "prompt_id": job.prompt_id,
                "subjects": job.subjects,
                "categories": tuple(suite.subjects[s].category for s in job.subjects),
                "type": suite.pairs[job.pair].type,
            }
            for job in suite.jobs
        ]
    )
    # Metrics in the catalog's order: the order in a submission must not matter.
    order = [metric for metric in catalog.METRICS if metric in metrics]
    summary = summarise(
        scores.assign(method="it"),
        videos,
        scores_sha256="",
        protocol=protocol,
        metrics=order,
        groups=groups,
    )
    return summary.methods[0]


def _differences(
    field: str, told: Mapping[str, Record], true: Mapping[str, Record]
) -> Iterator[Finding]:
    if set(told) != set(true):
        what = "not the keys of the submission's metrics"
        yield Finding(place=f"{SUBMISSION}: {field}", what=what, fix=_RECOMPUTE)
        return
    for key, record in true.items():
        for name, value in record:
            said = getattr(told[key], name)
            if not _same(said, value):
                yield Finding(
                    place=f"{SUBMISSION}: {field}.{key}.{name}",
                    what=f"it says {shown(said)}, the rows say {shown(value)}",
                    fix=_RECOMPUTE,
                )


def _same(told: object, true: object) -> bool:
    if isinstance(told, float) and isinstance(true, float):
        return math.isclose(told, true, rel_tol=1e-9, abs_tol=1e-12)
    return told == true


def _unreadable(name: str, error: Refused) -> Finding:
    return Finding(
        place=name,
        what=f"cannot be read within the limits: {error}",
        fix="submit the table as `customstudio submit` writes it",
    )
