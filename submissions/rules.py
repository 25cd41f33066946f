"""What the gate knows: suites by digest, protocols, metric versions, published weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from customstudio.errors import did_you_mean
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.submissions.findings import Finding, first_of, shown
from customstudio.submissions.schema import NetworkRef, Submission, SuiteRef
from customstudio.suites.load import EMBEDDED, SUITES, load_declaration, load_suite
from customstudio.suites.schema import Suite
from customstudio.weights.networks import Network, manifest

OWN_VIDEOS = ("manifest", "custom")
"""What a run calls its suite where there was none: scores that nobody else can make."""
_EVALUATE = "evaluate again with this CustomStudio, and submit that run"


@dataclass(frozen=True)
class Rules:
    """The records that decide; the defaults are those of this installation."""

    protocols: Mapping[str, Protocol] = field(default_factory=lambda: dict(catalog.PROTOCOLS))
    networks: Mapping[str, Network] = field(default_factory=manifest)
    suites: tuple[Suite, ...] = ()
    """Suites to know beside those of the package."""

    def suite(self, wanted: SuiteRef) -> Suite | None:
        """The suite with this digest, or None; no name of a stranger becomes a path."""
        for suite in self.suites:
            if suite.digest == wanted.digest:
                return suite
        if wanted.name not in SUITES:
            return None
        if wanted.prompt_set not in load_declaration(wanted.name).prompt_sets:
            return None
        suite = load_suite(wanted.name, prompt_set=wanted.prompt_set)
        return suite if suite.digest == wanted.digest else None


def check_suite(submission: Submission, rules: Rules) -> tuple[Suite | None, list[Finding]]:
    """The suite that was evaluated, if it is a known one and told truly."""
    claimed = submission.suite
    suite = rules.suite(claimed)
    if suite is None and claimed.name in OWN_VIDEOS:
        finding = Finding(
            place="submission.json: suite.name",
            what="own videos and prompts, not those of a suite",
            fix="evaluate a suite's tree, PAIR/PROMPT/SEED.mp4, without a manifest beside it",
        )
        return None, [finding]
    if suite is None:
        finding = Finding(
            place="submission.json: suite.digest",
            what=f"not the digest of a suite known here: {shown(claimed.name)}, "
            f"prompt set {shown(claimed.prompt_set)}",
            fix=f"{_EVALUATE}; suites: {', '.join(SUITES)}",
        )
        return None, [finding]
    told = (claimed.name, claimed.version, claimed.prompt_set, claimed.jobs)
    true = (suite.name, suite.version, suite.prompt_set, len(suite.jobs))
    findings = []
    if told != true:
        what = f"it says {shown(told, 200)}, but the suite of this digest is {true}"
        findings.append(Finding(place="submission.json: suite", what=what, fix=_EVALUATE))
    used = {subject for job in suite.jobs for subject in job.subjects}
    if set(submission.references) != used or not all(submission.references.values()):
        findings.append(
            Finding(
                place="submission.json: references",
                what=f"not the {len(used)} subjects of the suite's jobs, each with its images",
                fix="evaluate with the reference images of all subjects",
            )
        )
    return suite, findings


def check_protocol(submission: Submission, rules: Rules) -> tuple[Protocol | None, list[Finding]]:
    """The protocol, if it is known and its metrics are there in their current versions."""
    protocol = rules.protocols.get(submission.protocol)
    if protocol is None:
        finding = Finding(
            place="submission.json: protocol",
            what=f"unknown protocol {shown(submission.protocol)}",
            fix=did_you_mean(submission.protocol, list(rules.protocols)),
        )
        return None, [finding]
    findings = []
    missing = [metric for metric in protocol.metrics if metric not in submission.metrics]
    if missing:
        findings.append(
            Finding(
                place="submission.json: metrics",
                what=f"{len(missing)} metrics of protocol {protocol.id} are missing: "
                + ", ".join(missing),
                fix="evaluate with all metrics of the protocol",
            )
        )
    findings += _check_metrics(submission.metrics)
    return protocol, findings


def _check_metrics(metrics: Mapping[str, int]) -> list[Finding]:
    findings = []
    for metric, version in metrics.items():
        place = f"submission.json: metrics.{metric}"
        if metric not in catalog.METRICS:
            what = f"unknown metric {shown(metric)}"
            findings.append(Finding(place=place, what=what, fix="leave it out of the run"))
        elif version != catalog.spec(metric).version:
            what = f"version {shown(version)}; the current one is {catalog.spec(metric).version}"
            findings.append(Finding(place=place, what=what, fix=_EVALUATE))
    return findings


def check_networks(
    submission: Submission, protocol: Protocol, rules: Rules
) -> tuple[list[Finding], list[str]]:
    """Whether the networks are the protocol's; and those that are not the published ones."""
    known = [metric for metric in submission.metrics if metric in catalog.METRICS]
    roles = catalog.roles(catalog.features(known))
    told = [network.role for network in submission.networks]
    findings = []
    if sorted(told) != sorted(roles):
        findings.append(
            Finding(
                place="submission.json: networks",
                what=f"networks for {first_of(told, 8)}; the metrics use {', '.join(roles)}",
                fix=_EVALUATE,
            )
        )
    reasons = []
    for network in submission.networks:
        expected = protocol.networks.get(network.role)
        if network.id != expected or expected not in rules.networks:
            findings.append(
                Finding(
                    place=f"submission.json: networks.{network.role}",
                    what=f"{network.id}; protocol {protocol.id} uses {expected}",
                    fix=_EVALUATE,
                )
            )
        elif why := _unofficial(network, rules.networks[network.id]):
            reasons.append(f"{why}: {network.role} ({network.id})")
    return findings, reasons


def _unofficial(used: NetworkRef, network: Network) -> str:
    if network.toy:
        return "random weights, the numbers mean nothing"
    if network.embedded:
        return "embedded weights of the mini world"
    if set(used.sha256) != {file.name for file in network.files}:
        return "unofficial weights: other files than the published ones"
    if not all(file.published for file in network.files):
        return "unofficial weights: no published SHA-256 to compare with"
    for file in network.files:
        if file.published and not used.sha256[file.name].startswith(file.published):
            return "unofficial weights: another SHA-256 than the published one"
    return ""


def unofficial(
    submission: Submission, dirty: bool | None, suite: Suite | None, protocol: Protocol
) -> list[str]:
    """Why a submission is not official for other reasons than its networks."""
    reasons = []
    if not protocol.official:
        reasons.append(f"protocol {protocol.id}: {protocol.about}")
    if suite is not None and suite.name in EMBEDDED:
        reasons.append(f"suite {suite.name}: {suite.label}")
    if submission.settings.precision != "float32":
        reasons.append(f"precision {submission.settings.precision}, not float32")
    if dirty:
        reasons.append("evaluated with changed code: the checkout was dirty")
    return reasons
