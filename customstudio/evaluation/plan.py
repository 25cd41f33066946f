"""The plan of a run: what is computed, with which networks, in which chunks; refused early."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from customstudio.errors import UserError, raise_all, some
from customstudio.evaluation.items import Collection, Item
from customstudio.evaluation.records import NetworkUse, Settings
from customstudio.files import sha256_file
from customstudio.metrics import catalog
from customstudio.metrics.catalog import Protocol
from customstudio.records import digest
from customstudio.weights.store import Located, Store


@dataclass(frozen=True)
class Plan:
    """Everything that decides the scores of a run."""

    collection: Collection
    protocol: Protocol
    metrics: tuple[str, ...]
    features: tuple[str, ...]
    networks: Mapping[str, Located]
    """Role -> the files of its network."""
    settings: Settings
    references: Mapping[str, Mapping[str, str]]
    """Subject -> reference image -> SHA-256."""
    digest: str

    @property
    def chunks(self) -> list[tuple[Item, ...]]:
        """The items in fixed groups: the unit of batches, journal and shards."""
        items, size = self.collection.items, self.settings.chunk
        return [items[start : start + size] for start in range(0, len(items), size)]

    def network_uses(self) -> tuple[NetworkUse, ...]:
        """What the run records of its networks."""
        return tuple(
            NetworkUse(
                role=role,
                id=located.network.id,
                title=located.network.title,
                sha256=dict(located.sha256),
                status=located.status,
                licence=located.network.licence,
            )
            for role, located in sorted(self.networks.items())
        )

    def unofficial_because(self) -> tuple[str, ...]:
        """Why this run may not enter the official board; empty if it may."""
        reasons = list(self.collection.unofficial)
        by_status: dict[str, list[str]] = {}
        for role, located in sorted(self.networks.items()):
            by_status.setdefault(located.status, []).append(f"{role} ({located.network.id})")
        words = {
            "random": "random weights, the numbers mean nothing",
            "unofficial": "unofficial weights: another SHA-256 than the published one",
            "unrecorded": "unofficial weights: no published SHA-256 to compare with",
            "embedded": "embedded weights of the mini world",
        }
        reasons += [f"{words[s]}: {', '.join(r)}" for s, r in by_status.items() if s != "official"]
        if not self.protocol.official:
            reasons.append(f"protocol {self.protocol.id}: {self.protocol.about}")
        reasons += left_out(self.protocol, self.metrics)
        if self.collection.suite.name in ("manifest", "custom"):
            reasons.append("own videos and prompts, not those of a suite")
        missing = sum(item.path is None for item in self.collection.items)
        if missing:
            reasons.append(f"incomplete: {missing} of {len(self.collection.items)} videos missing")
        if self.settings.precision != "float32":
            reasons.append(f"precision {self.settings.precision}, not float32")
        return tuple(reasons)


LEFT_OUT = "metrics of the protocol left out: "


def left_out(protocol: Protocol, metrics: Sequence[str]) -> list[str]:
    """Why scores without some of a protocol's metrics are not official; empty if it has all."""
    missing = [metric for metric in protocol.metrics if metric not in metrics]
    return [LEFT_OUT + ", ".join(missing)] if missing else []


def make_plan(
    collection: Collection,
    *,
    protocol: Protocol,
    metrics: Sequence[str] | None,
    settings: Settings,
    store: Store,
    allow_missing: bool = False,
    missing_list: Path | None = None,
) -> Plan:
    """Check all inputs and fix the plan; nothing heavy is loaded.

    Raises:
        UserError: unknown metrics; missing videos, references or weights, all listed at once.
    """
    chosen = tuple(dict.fromkeys(metrics or protocol.metrics))
    features = catalog.features(chosen)
    problems: list[UserError] = []
    if not allow_missing:
        problems += _missing_videos(collection, missing_list)
    references: dict[str, dict[str, str]] = {}
    if any(catalog.FEATURES[name].source.startswith("references") for name in features):
        references, found = _references(collection, allow_missing)
        problems += found
    try:
        roles = catalog.roles(features)
        located = store.locate([protocol.networks[role] for role in roles])
    except UserError as error:
        problems.append(error)
    raise_all(problems)
    networks = {role: located[protocol.networks[role]] for role in roles}
    plan = Plan(collection, protocol, chosen, features, networks, settings, references, "")
    return Plan(**{**plan.__dict__, "digest": _digest(plan)})


def _digest(plan: Plan) -> str:
    return digest(
        {
            "suite": plan.collection.suite.digest,
            "items": [
                [
                    i.method,
                    i.job,
                    i.prompt,
                    [[s.id, s.category] for s in i.subjects],
                    i.path is None,
                ]
                for i in plan.collection.items
            ],
            "references": {k: sorted(v.values()) for k, v in plan.references.items()},
            "protocol": plan.protocol.model_dump(mode="json"),
            "metrics": {m: catalog.spec(m).version for m in plan.metrics},
            "networks": {role: sorted(n.sha256.items()) for role, n in plan.networks.items()},
            # Where it runs does not make another run: a note says so where it changes.
            "settings": plan.settings.model_dump(exclude={"device", "threads"}),
        }
    )


def _missing_videos(collection: Collection, missing_list: Path | None) -> list[UserError]:
    missing = [item for item in collection.items if item.path is None]
    if not missing:
        return []
    suite = collection.suite
    names = [item.wanted or item.job for item in missing]
    where = some([f"{collection.root}/{name}" for name in names], 2)
    if missing_list is not None:
        from customstudio.files import write_text

        write_text(missing_list, "".join(f"{name}\n" for name in names))
        where += f" (list: {missing_list})"
    return [
        UserError(
            f"{len(missing):,} of {len(collection.items):,} videos of {suite.name} are missing",
            where=where,
            fix="generate them, or pass --allow-missing (the run then cannot enter the board)",
        )
    ]


def _references(
    collection: Collection, allow_missing: bool
) -> tuple[dict[str, dict[str, str]], list[UserError]]:
    hashes: dict[str, dict[str, str]] = {}
    without, unreadable = [], []
    for name, subject in sorted(collection.subjects.items()):
        hashes[name] = {}
        if not subject.references:
            without.append(name)
        for reference in subject.references:
            for path in filter(None, (reference.path, reference.mask)):
                try:
                    label = f"{'mask ' if path is reference.mask else ''}{path.name}"
                    hashes[name][label] = sha256_file(path)
                    if not path.stat().st_size:
                        unreadable.append(f"{path} (zero bytes)")
                except OSError as error:
                    unreadable.append(f"{path} ({error.strerror})")
    problems = []
    if unreadable:
        problems.append(
            UserError(
                f"{len(unreadable)} reference images cannot be read",
                where=some(unreadable),
                fix="fetch them again: customstudio data fetch SUITE",
            )
        )
    if without and not allow_missing:
        problems.append(
            UserError(
                f"no reference images for {len(without)} of {len(hashes)} subjects",
                where=some(without, 6),
                fix="customstudio data fetch SUITE, or --references FOLDER (FOLDER/SUBJECT/0.jpg), "
                "or --allow-missing to leave these subjects unscored",
            )
        )
    return hashes, problems
