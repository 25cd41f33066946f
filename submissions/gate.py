"""The gate: everything that is wrong with a submission, in one list; no network is loaded.

`customstudio submit --check` and every store run exactly this. Nothing of a submission is believed
that can be computed: its aggregates are recomputed from its rows by the one reducer.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from customstudio.evaluation.records import MethodSummary
from customstudio.metrics import catalog
from customstudio.submissions import rules as known
from customstudio.submissions.contents import Contents, check_contents
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.documents import read_json
from customstudio.submissions.findings import Finding, shortened
from customstudio.submissions.recompute import Tables
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import (
    ENV,
    SUBMISSION,
    Env,
    Submission,
    Verdict,
)


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
    reduced = None
    metrics_known = all(metric in catalog.METRICS for metric in submission.metrics)
    if suite is not None and protocol is not None and metrics_known:
        tables = Tables(contents, suite, protocol, submission)
        findings += tables.findings(decoder)
        if not findings:
            reduced, findings = tables.reduced()
    verdict = Verdict(
        id=contents.id,
        findings=shortened(findings),
        unofficial_because=tuple(reasons),
        flags=reduced.flags if reduced else (),
    )
    if reduced is None or not verdict.passed:
        return Checked(verdict, submission)
    return Checked(verdict, submission, reduced.results, reduced.videos, reduced.scores_digest)
