"""Which rows a table of methods has: methods, their variants, the floor of each base model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from customstudio.baselines import catalog
from customstudio.baselines.options import Options, override
from customstudio.baselines.presets import ABLATIONS, ONLY_WITH
from customstudio.errors import UserError, some
from customstudio.generation.prepare import Request
from customstudio.suites.load import EMBEDDED
from customstudio.suites.schema import Suite

FLOOR = "untuned"
"""What every other method is compared with, on its own base."""


@dataclass(frozen=True)
class Row:
    """One line of the table to be: a method, and what differs from its defaults."""

    method: str
    changes: tuple[str, ...] = ()


def left_out(suite: Suite, base: str | None = None) -> dict[str, str]:
    """The built-in methods that can make no whole row of a suite, and why.

    On an embedded suite those that need more than an embedded base.

    Args:
        base: the one that is used in the place of each method's own.
    """
    found = {name: _unsuited(name, suite, base) for name in catalog.METHODS}
    return {name: why for name, why in found.items() if why}


def _unsuited(method: str, suite: Suite, another: str | None) -> str:
    own, embedded = catalog.card(method).base, suite.name in EMBEDDED
    base = catalog.twin(own) if embedded and own != "none" else own
    if another and own != "none":
        base = another
    if base is None:
        return f"{own} has no embedded twin"
    try:
        catalog.require_fit(method, base)
    except UserError as error:
        return error.what
    options = catalog.defaults(method, base)
    if embedded and base != "none":
        networks = options.networks(catalog.base(base))
        further = [*filter(None, [options.second_base]), *options.needs_weights, *networks]
        if further:
            return f"it needs weights that do not come with the package: {', '.join(further)}"
    pairs = suite.pairs.values()
    most = options.most_subjects
    if most and any(len(pair.subjects) > most for pair in pairs):
        return f"it takes {most} subject, and there are pairs of more"
    shown = {suite.subjects[name].category for pair in pairs for name in pair.subjects}
    if options.of_persons and shown != {"person"}:
        return "it needs a face of each subject, and not all are persons"
    return ""


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
    preset is already, or that changes what does nothing there. A method without a base model is not
    told of one.

    Raises:
        UserError: an unknown base model, or an option that does not fit.
    """
    seen: list[tuple[str, Options]] = []
    if common.base is not None:
        catalog.base(common.base)
    for row in wanted:
        own = replace(common, method=row.method, changes=(*common.changes, *row.changes))
        if own.base_id == "none":
            own = replace(own, base=None, base_folder=None)
        options = override(own.defaults, own.changes)
        if (row.method, options) in seen or _idle(row, options):
            continue
        seen.append((row.method, options))
        yield own.name, replace(own, out=common.out / "videos" / own.name)


def _idle(row: Row, options: Options) -> bool:
    """Whether a row changes an option that does nothing beside the others."""
    needed = ONLY_WITH.get(row.method, {})
    changed = [change.partition("=")[0].strip() for change in row.changes]
    return not all(getattr(options, needed[name]) for name in changed if name in needed)


def with_floors(common: Request, named: Sequence[tuple[str, Request]]) -> list[tuple[str, Request]]:
    """The rows, and where the untuned base is among them, that of every other base in use."""
    there = _floors(named)
    bases = [request.base_id for _, request in named] if there else []
    more = []
    for base in dict.fromkeys(bases):
        if base not in there and base != "none" and catalog.base(base).takes == "text":
            floor = replace(common, method=FLOOR, base=base)
            more.append((floor.name, replace(floor, out=common.out / "videos" / floor.name)))
    return [*named, *more]


def require_one_base(named: Sequence[tuple[str, Request]]) -> None:
    """Check that a folder that is named as the base model's is not to be several ones'.

    Raises:
        UserError: it is.
    """
    bases = {request.base_id for _, request in named if request.base_folder is not None}
    if len(bases) > 1:
        raise UserError(
            f"these methods have {len(bases)} base models: {some(sorted(bases))}",
            where="--base-dir",
            fix="leave it out (each is looked for in its own folder), or name methods of one base "
            "by --methods",
        )


def _floors(named: Sequence[tuple[str, Request]]) -> dict[str, str]:
    """Base -> its first untuned row."""
    found: dict[str, str] = {}
    for name, request in named:
        if request.method == FLOOR:
            found.setdefault(request.base_id, name)
    return found
