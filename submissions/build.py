"""Make a submission from a run bundle and a method card: the same bytes for the same input."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from customstudio.errors import UserError, raise_all, some
from customstudio.evaluation import tables
from customstudio.evaluation.bundle import Run, load_run
from customstudio.evaluation.records import MADE_WITH, RunInfo
from customstudio.submissions import parquet
from customstudio.submissions.contents import Contents, sealed
from customstudio.submissions.documents import MOST_BYTES, read_toml
from customstudio.submissions.schema import ENV, SCORES, SUBMISSION, VIDEOS, MethodCard
from customstudio.submissions.texts import PACKAGES
from customstudio.suites.load import EMBEDDED


def read_card(path: Path) -> MethodCard:
    """A method card from a TOML file.

    Raises:
        UserError: it cannot be read, or fields are missing, unknown or not allowed: all at once.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"the card cannot be read: {error.strerror}",
            where=str(path),
            fix="write one: docs/submissions.md has an example",
        ) from error
    card, findings = read_toml(data, MethodCard, str(path))
    raise_all([finding.error() for finding in findings])
    assert card is not None
    return card


def build(
    run: Run | str | Path,
    card: MethodCard,
    *,
    owner: str,
    method: str | None = None,
    supersedes: str | None = None,
) -> Contents:
    """The five files of a submission; the gate has not seen them yet.

    Args:
        run: a finished run, or its folder.
        card: what the method is.
        owner: public key of the owner, in hex.
        method: which of the run's methods; needed only where it has several.
        supersedes: id of the same owner's submission that this one takes the place of.

    Raises:
        UserError: not a finished run, not one method in it, or videos of random or embedded base
            models on another suite than an embedded one.
    """
    run = run if isinstance(run, Run) else load_run(run)
    _require_published(run)
    chosen = _one_method(run, method)
    summary = next(one for one in run.summary.methods if one.method == chosen)
    info = run.info
    submission = {
        "schema_version": 1,
        "owner": owner,
        "card": card.model_dump(mode="json"),
        "suite": info.suite.model_dump(include={"name", "version", "prompt_set", "digest", "jobs"}),
        "protocol": info.protocol,
        "metrics": info.metrics,
        "networks": [n.model_dump(include={"role", "id", "sha256"}) for n in info.networks],
        "references": {s: sorted(found.values()) for s, found in info.references.items()},
        "settings": _settings(info),
        "plan_digest": info.plan_digest,
        "evaluated": info.finished,
        "overall": {k: e.model_dump() for k, e in summary.overall.items()},
        "coverage": {k: c.model_dump() for k, c in summary.coverage.items()},
        "supersedes": supersedes,
    }
    scores = tables.read_arrow(run.path / "scores.parquet", tables.SCORES)
    videos = tables.read_arrow(run.path / "videos.parquet", tables.VIDEOS)
    return sealed(
        {
            SUBMISSION: _json(submission),
            ENV: _json(_environment(info)),
            SCORES: parquet.write(_part(scores, chosen, parquet.SCORES)),
            VIDEOS: parquet.write(_part(videos, chosen, parquet.VIDEOS)),
        }
    )


def _require_published(run: Run) -> None:
    """A submission does not hold how its videos were made, so that no gate could tell."""
    made = [why for why in run.info.unofficial_because if why.startswith(MADE_WITH)]
    if made and run.info.suite.name not in EMBEDDED:
        raise UserError(
            f"these are no videos of a published model: {made[0]}",
            where=str(run.path),
            fix="make them with published weights; those of the embedded world go on boards with "
            "its own suite, mini",
        )


def _one_method(run: Run, method: str | None) -> str:
    methods = run.info.methods
    if method is None and len(methods) == 1:
        return methods[0]
    if method not in methods:
        raise UserError(
            "a submission holds exactly one method"
            if method is None
            else f"the run has no method {method!r}",
            where=f"{run.path}: {some(list(methods), 8)}",
            fix="name one with --method",
        )
    return method


def _part(table: pa.Table, method: str, schema: pa.Schema) -> pa.Table:
    import pyarrow.compute as pc

    mine = table.filter(pc.equal(table["method"], method)).select(schema.names)
    order = [name for name in ("job", "metric", "subject") if name in schema.names]
    return mine.sort_by([(name, "ascending") for name in order]).cast(schema)


def _settings(info: RunInfo) -> dict[str, Any]:
    kept = info.settings.model_dump(include={"chunk", "batch", "device", "precision", "threads"})
    return {**kept, "device": _plain(info.settings.device)}


def _environment(info: RunInfo) -> dict[str, Any]:
    """An allow-list: no paths, host names, command lines or variables leave the machine."""
    where = info.environment
    return {
        "customstudio": where.customstudio,
        "commit": where.commit,
        "dirty": where.dirty,
        "python": where.python,
        "platform": _plain(where.platform),
        "device_name": _plain(where.device_name),
        "packages": {
            name: version
            for name, version in sorted(where.packages.items())
            if name in PACKAGES and version != "not installed"
        },
    }


def _plain(text: str) -> str:
    allowed = re.sub(r"[^A-Za-z0-9 ._+()/,:-]+", " ", text)
    return " ".join(allowed.split())[:120].strip() or "unknown"


def _json(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"
