"""The gate: everything that is wrong with a submission, in one list; no network is loaded.

`customstudio submit --check` and every store run exactly this. Nothing of a submission is believed
that can be computed: its aggregates are recomputed from its rows by the one reducer.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from customstudio.evaluation.records import MethodSummary
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.records import Record
from customstudio.submissions import rules as known
from customstudio.submissions.contents import Contents, check_contents
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.documents import read_json
from customstudio.submissions.findings import Finding, shortened, shown
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import (
    ENV,
    SCORES,
    SUBMISSION,
    VIDEOS,
    Env,
    Submission,
    Verdict,
)
from customstudio.suites.schema import Suite

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_RECOMPUTE = "leave the aggregates as `customstudio submit` writes them"


@dataclass(frozen=True)
class Checked:
    """A submission after the gate: what it says, what is wrong, and its recomputed results."""

    verdict: Verdict
    submission: Submission | None = None
    results: MethodSummary | None = None
    """Recomputed from the rows; None unless all of them are good."""
    videos: tuple[str, ...] = ()
    """SHA-256 of the videos, sorted."""
    scores_digest: str = ""
    """SHA-256 of the values alone: two submissions never share it by chance."""


def check(
    contents: Contents, *, rules: Rules | None = None, decoder: Decoder | None = None
) -> Checked:
    """Check a submission; never raises for anything that is in it.

    Args:
        contents: its files, unread.
        rules: what is known; None: this installation's suites, protocols and networks.
        decoder: the process that reads Parquet; None: one for this call.
    """
    with ExitStack() as stack:
        reader = decoder or stack.enter_context(Decoder())
        findings = check_contents(contents)
        if findings:
            return _refused(contents, findings)
        reader.start()  # its libraries load while ours do
        submission, findings = read_json(contents.files[SUBMISSION], Submission, SUBMISSION)
        env, more = read_json(contents.files[ENV], Env, ENV)
        findings += more
        if submission is None or env is None:
            return _refused(contents, findings)
        return _check(contents, submission, env, rules or Rules(), reader)


def _refused(contents: Contents, findings: list[Finding]) -> Checked:
    return Checked(Verdict(id=contents.id, findings=shortened(findings)))


def _check(
    contents: Contents, submission: Submission, env: Env, rules: Rules, decoder: Decoder
) -> Checked:
    suite, findings = known.check_suite(submission, rules)
    protocol, more = known.check_protocol(submission, rules)
    findings += more
    reasons: list[str] = []
    if protocol is not None:
        more, reasons = known.check_networks(submission, protocol, rules)
        findings += more
        reasons += known.unofficial(submission, env.dirty, suite, protocol)
    checked = Checked(Verdict(id=contents.id, findings=()), submission)
    metrics_known = all(metric in catalog.METRICS for metric in submission.metrics)
    if suite is not None and protocol is not None and metrics_known:
        tables = Tables(contents, suite, protocol, submission)
        findings += tables.findings(decoder)
        if not findings:
            checked, more = tables.reduced(checked)
            findings += more
    verdict = Verdict(
        id=contents.id,
        findings=shortened(findings),
        unofficial_because=tuple(reasons),
        flags=checked.verdict.flags,
    )
    results = checked.results if verdict.passed else None
    return replace(checked, verdict=verdict, results=results)


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

    def reduced(self, checked: Checked) -> tuple[Checked, list[Finding]]:
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
        digest = hashlib.sha256(rows["value"].fill_null(float("nan")).to_numpy().tobytes())
        verdict = checked.verdict.model_copy(
            update={"flags": flags(self.scores, self.videos, self.protocol)}
        )
        videos = tuple(sorted(self.videos["sha256"].to_pylist()))
        return replace(
            checked,
            verdict=verdict,
            results=results,
            videos=videos,
            scores_digest=digest.hexdigest(),
        ), findings


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
