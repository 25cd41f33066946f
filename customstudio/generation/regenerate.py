"""Make, score and compare many methods on one suite; each step goes on where it stopped."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from customstudio.baselines import catalog
from customstudio.errors import UserError
from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run, load_run
from customstudio.evaluation.compare import Difference, compare, holm, require_comparable
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
        return self._others(lambda made: FLOOR)

    @property
    def parents(self) -> dict[str, str]:
        """Variant -> the row of its method as it is, on the same base."""
        return self._others(lambda made: made.method if made.method != FLOOR else None)

    def _others(self, method_of: Callable[[Settings], str | None]) -> dict[str, str]:
        """Row -> the row of a method with the fewest changes, all of them the row's own too.

        So a row whose method has no such row is compared with none, rather than with a variant.
        """
        rows = {name: made for name, run in self.all_runs.items() if (made := _settings(run))}
        changes = {name: _changes(made) for name, made in rows.items()}
        found = {}
        for name, made in rows.items():
            fitting = [
                other
                for other, like in rows.items()
                if like.method == method_of(made)
                and (made.base is None or _base(like) == _base(made))
                and _within(changes[other], made.options)
            ]
            nearest = min(fitting, key=lambda other: len(changes[other]), default=name)
            if nearest != name:
                found[name] = nearest
        return found


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
        except Exception as error:  # ours or the machine's: the other rows do not depend on it
            found.failures[name] = "".join(traceback.format_exception(error))
    if found.runs:
        like = next(iter(found.runs.values()))
        now = {*found.runs, *found.failures}
        found.earlier = {n: run for n, run in _earlier(out / "runs", like) if n not in now}
    return found


def _earlier(folder: Path, like: Run) -> Iterator[tuple[str, Run]]:
    """Finished runs that can be compared with one, by the names of their folders."""
    for path in sorted(folder.iterdir()):
        try:
            run = load_run(path)
            require_comparable([like, run])
        except UserError:
            continue  # not finished, no run, or of another suite, protocol, references
        if like.info.metrics == run.info.metrics:
            yield path.name, run


def _base(made: Settings) -> str:
    return made.base.base if made.base else "none"


def _settings(run: Run) -> Settings | None:
    made = run.info.generation
    return None if made is None else Settings.model_validate(made)


def _changes(made: Settings) -> dict[str, Any]:
    """The options that differ from the method's defaults on its base."""
    try:
        defaults = catalog.defaults(made.method, _base(made)).model_dump(mode="json")
    except UserError:
        defaults = {}  # of a plug-in that is no longer installed
    return {name: value for name, value in made.options.items() if defaults.get(name) != value}


def _within(some: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether options have these values, as far as there are such options."""
    return all(options.get(name, value) == value for name, value in some.items())


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
