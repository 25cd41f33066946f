"""Make, score and compare many methods on one suite; each step goes on where it stopped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.errors import UserError
from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run, load_run
from customstudio.evaluation.compare import Difference, compare, holm
from customstudio.evaluation.records import RunInfo
from customstudio.evaluation.runner import Progress as Evaluation
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.records import Settings
from customstudio.generation.rows import FLOOR
from customstudio.generation.runner import Progress, run


@dataclass
class Regenerated:
    """What became of each row, by its name."""

    runs: dict[str, Run] = field(default_factory=dict)
    earlier: dict[str, Run] = field(default_factory=dict)
    """Rows of the same folder that were not asked for now."""
    failures: dict[str, str] = field(default_factory=dict)
    """Row -> why it has no run."""

    @property
    def all_runs(self) -> dict[str, Run]:
        """Those of now, then the earlier ones."""
        return {**self.runs, **self.earlier}

    @property
    def floors(self) -> dict[str, str]:
        """Row -> the untuned row of the same base; without a base: the first untuned one."""
        plain = {base: name for (method, base), name in self._plain().items() if method == FLOOR}
        first = next((name for name in self.all_runs if name in plain.values()), "")
        found = {
            name: plain.get(made.base.base, "") if made.base else first
            for name, made in self._made().items()
        }
        return {name: floor for name, floor in found.items() if floor not in ("", name)}

    @property
    def parents(self) -> dict[str, str]:
        """Variant -> the row of its method as it is, on the same base."""
        plain = self._plain()
        found = {
            name: plain[made.method, _base(made)]
            for name, made in self._made().items()
            if made.method != FLOOR
        }
        return {name: parent for name, parent in found.items() if parent != name}

    def _plain(self) -> dict[tuple[str, str], str]:
        """(method, base) -> its row with the fewest options changed: the shortest name."""
        found: dict[tuple[str, str], str] = {}
        for name, made in sorted(self._made().items(), key=lambda row: len(row[0])):
            found.setdefault((made.method, _base(made)), name)
        return found

    def _made(self) -> dict[str, Settings]:
        """How each row's videos were made."""
        return {name: made for name, run in self.all_runs.items() if (made := _settings(run))}


def regenerate(
    named: Sequence[tuple[str, Request]],
    out: Path,
    *,
    protocol: str,
    generation: Progress,
    evaluation: Evaluation | None = None,
    ray: str | None = None,
) -> Regenerated:
    """Make the videos of each row and score them; a row that fails does not end the rest.

    What an earlier call made in the same folder is compared with them.

    Args:
        named: rows, as `requests` gives them.
        out: folder of `videos/NAME` and `runs/NAME`.
        protocol: the protocol's id.
        generation: told how far the making of videos is.
        evaluation: told how far the scoring is.
        ray: pairs, and then videos, go to the workers of this Ray cluster; `auto`: this machine.
    """
    from customstudio.ray_cluster import RayCluster

    found = Regenerated()
    for name, request in named:
        generation.note(f"{name}: on base {request.base_id}")
        try:
            outcome = run(prepare(request), generation, RayCluster(ray) if ray else None)
            if outcome.failures or outcome.busy:
                pairs = [failure.pair for failure in outcome.failures] + outcome.busy
                found.failures[name] = f"{len(pairs)} pairs were not made, {pairs[0]} the first"
                continue
            found.runs[name] = evaluate(
                request.out,
                suite=request.suite,
                references=request.references,
                protocol=protocol,
                out=out / "runs" / name,
                method=name,
                card=_card(request),
                device=request.device,
                progress=evaluation,
                ray=ray,
            )
        except UserError as error:
            found.failures[name] = str(error)
    if found.runs:
        like = next(iter(found.runs.values())).info
        now = {*found.runs, *found.failures}
        found.earlier = {n: run for n, run in _earlier(out / "runs", like) if n not in now}
    return found


def _earlier(folder: Path, like: RunInfo) -> Iterator[tuple[str, Run]]:
    """Finished runs that can be compared with one, by the names of their folders."""
    for path in sorted(folder.iterdir()):
        try:
            run = load_run(path)
        except UserError:
            continue  # not finished, or no run
        same = ("suite", "protocol", "metrics", "networks")
        if all(getattr(run.info, name) == getattr(like, name) for name in same):
            yield path.name, run


def _base(made: Settings) -> str:
    return made.base.base if made.base else "none"


def _settings(run: Run) -> Settings | None:
    made = run.info.generation
    return None if made is None else Settings.model_validate(made)


def against(runs: Mapping[str, Run], others: Mapping[str, str]) -> list[Difference]:
    """Each row with another, `floors` or `parents`; p corrected over all of it together."""
    each = [
        one
        for name, other in others.items()
        if name in runs
        for one in compare([runs[other].path, runs[name].path])
    ]
    corrected = holm([one.p for one in each])
    return [
        one.model_copy(update={"p_corrected": p}) for one, p in zip(each, corrected, strict=True)
    ]


def _card(request: Request) -> dict[str, str]:
    card = catalog.card(request.method)
    kind = kind_of(request)
    return {"title": card.title, "paper": card.paper, "base": request.base_id, "kind": kind}


def kind_of(request: Request) -> str:
    """The kind on the method's card; on another base model a reproduction is a port."""
    card = catalog.card(request.method)
    elsewhere = card.kind == "reproduction" and request.base_id != card.base
    return "port" if elsewhere else card.kind
