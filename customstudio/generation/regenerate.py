"""Make, score and compare many methods on one suite; each step goes on where it stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.baselines.options import Options, override, variant
from customstudio.baselines.presets import ABLATIONS, ONLY_WITH
from customstudio.errors import UserError
from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.compare import Difference, compare, holm
from customstudio.evaluation.runner import Progress as Evaluation
from customstudio.generation.prepare import Request, prepare
from customstudio.generation.runner import Progress, run
from customstudio.suites.schema import Suite

FLOOR = "untuned"
"""What every other method is compared with, on its own base."""


@dataclass(frozen=True)
class Row:
    """One line of the table to be: a method, and what differs from its defaults."""

    method: str
    changes: tuple[str, ...] = ()


@dataclass
class Regenerated:
    """What became of each row, by its name."""

    runs: dict[str, Run] = field(default_factory=dict)
    floors: dict[str, str] = field(default_factory=dict)
    """Row -> the untuned row of the same base."""
    failures: dict[str, str] = field(default_factory=dict)
    """Row -> why it has no run."""


def made_on(suite: Suite) -> list[str]:
    """The built-in methods; on the embedded suite those that need nothing but an embedded base."""
    if suite.name != "mini":
        return list(catalog.METHODS)
    return [name for name in catalog.METHODS if _embedded(name)]


def _embedded(method: str) -> bool:
    """Whether a method runs with what comes with the package."""
    own = catalog.card(method).base
    base = catalog.twin(own)
    if base is None:
        return own == "none"
    options = catalog.defaults(method, base)
    further = (options.second_base, options.needs_weights, options.networks(catalog.base(base)))
    return not any(further)


def rows(methods: Sequence[str], *, ablations: bool) -> list[Row]:
    """The methods, each followed by its paper's ablations.

    Raises:
        UserError: an unknown method.
    """
    found = []
    for name in dict.fromkeys(methods):
        catalog.card(name)
        found.append(Row(name))
        if ablations:
            found += [Row(name, changes) for changes in ABLATIONS.get(name, ())]
    return found


def requests(common: Request, wanted: Sequence[Row]) -> Iterator[tuple[str, Request]]:
    """Name and request of each row; its videos go to `videos/NAME` in the folder of `common`.

    A row is left out that has the settings of an earlier one, such as a variant that a base's
    preset is already, or that changes what does nothing there.
    """
    seen: list[tuple[str, Options]] = []
    for row in wanted:
        own = replace(common, method=row.method, changes=(*common.changes, *row.changes))
        options = override(own.defaults, own.changes)
        if (row.method, options) in seen or _idle(row, options):
            continue
        seen.append((row.method, options))
        name = variant(row.method, options, own.defaults)
        yield name, replace(own, out=common.out / "videos" / name)


def _idle(row: Row, options: Options) -> bool:
    """Whether a row changes an option that does nothing beside the others."""
    needed = ONLY_WITH.get(row.method, {})
    changed = [change.partition("=")[0].strip() for change in row.changes]
    return not all(getattr(options, needed[name]) for name in changed if name in needed)


def regenerate(
    named: Sequence[tuple[str, Request]],
    out: Path,
    *,
    protocol: str,
    generation: Progress,
    evaluation: Evaluation | None = None,
) -> Regenerated:
    """Make the videos of each row and score them; a row that fails does not end the rest.

    Args:
        named: rows, as `requests` gives them.
        out: folder of `videos/NAME` and `runs/NAME`.
        protocol: the protocol's id.
        generation: told how far the making of videos is.
        evaluation: told how far the scoring is.
    """
    found = Regenerated()
    for name, request in named:
        generation.note(f"{name}: on base {request.base_id}")
        try:
            outcome = run(prepare(request), generation)
            if outcome.failures or outcome.busy:
                pairs = [failure.pair for failure in outcome.failures] + outcome.busy
                found.failures[name] = f"{len(pairs)} pairs were not made, {pairs[0]} the first"
                continue
            found.runs[name] = evaluate(
                request.out,
                suite=request.suite,
                protocol=protocol,
                out=out / "runs" / name,
                method=name,
                card=_card(request),
                device=request.device,
                progress=evaluation,
            )
        except UserError as error:
            found.failures[name] = str(error)
    floors = _floors(named)
    for name, request in named:
        floor = floors.get(request.base_id if request.base_id != "none" else next(iter(floors), ""))
        if floor in found.runs and floor != name:
            found.floors[name] = floor
    return found


def with_floors(common: Request, named: Sequence[tuple[str, Request]]) -> list[tuple[str, Request]]:
    """The rows, and where the untuned base is among them, that of every other base in use."""
    there = _floors(named)
    bases = [request.base_id for _, request in named] if there else []
    more = []
    for base in dict.fromkeys(bases):
        if base not in there and base != "none" and catalog.base(base).takes == "text":
            name = f"{FLOOR}@{base}"
            out = common.out / "videos" / name
            more.append((name, replace(common, method=FLOOR, base=base, out=out)))
    return [*named, *more]


def against_floors(found: Regenerated) -> list[Difference]:
    """Each method with the untuned run of its own base; p corrected over all of it together."""
    each = [
        one
        for name, floor in found.floors.items()
        if name in found.runs
        for one in compare([found.runs[floor].path, found.runs[name].path])
    ]
    corrected = holm([one.p for one in each])
    return [
        one.model_copy(update={"p_corrected": p}) for one, p in zip(each, corrected, strict=True)
    ]


def _floors(named: Sequence[tuple[str, Request]]) -> dict[str, str]:
    """Base -> its first untuned row."""
    found: dict[str, str] = {}
    for name, request in named:
        if request.method == FLOOR:
            found.setdefault(request.base_id, name)
    return found


def _card(request: Request) -> dict[str, str]:
    card = catalog.card(request.method)
    return {"title": card.title, "paper": card.paper, "base": request.base_id, "kind": card.kind}
