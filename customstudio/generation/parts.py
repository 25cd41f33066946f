"""The networks of a generation, base models and others: where they are, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.bases.store import BaseFolder, locate
from customstudio.baselines.option_sets import UPSCALER
from customstudio.baselines.options import Options
from customstudio.errors import UserError, some
from customstudio.weights.networks import find
from customstudio.weights.store import Located, Store


@dataclass(frozen=True)
class Parts:
    """What a generation loads; nothing where the method needs no network."""

    base: BaseFolder | None = None
    upscaler: BaseFolder | None = None
    animator: BaseFolder | None = None
    weights: tuple[BaseFolder, ...] = ()
    """Of the method itself."""
    networks: dict[str, Located] = field(default_factory=dict)
    """Of the weights' manifest."""


@dataclass(frozen=True)
class Given:
    """Folders that a command names; None: the default place."""

    base: Path | None = None
    second: Path | None = None
    """Of the upscaler, or of what makes videos of pictures."""
    method: Path | None = None
    """Of the weights of the method itself."""


def find_parts(
    method: str, base: str, options: Options, given: Given
) -> tuple[Parts, list[UserError]]:
    """All that a method loads on a base, and what is missing of it."""
    unused = unused_folders(method, options, given)
    if base == "none":
        return Parts(), unused
    folders, problems = locate_bases(base, options, given)
    problems = [*unused, *problems]
    weights, absent = locate_weights(method, options, base, given.method)
    problems += absent
    networks: dict[str, Located] = {}
    try:
        names, instead = options.networks(catalog.base(base)), options.without_networks
        networks = locate_networks(names, instead=f", or {instead}" if instead else "")
    except UserError as problem:
        problems.append(problem)
    second = folders[1] if len(folders) > 1 else None
    pictures = second is not None and second.spec.takes == "picture"
    return Parts(
        base=folders[0] if folders else None,
        upscaler=None if pictures else second,
        animator=second if pictures else None,
        weights=tuple(weights),
        networks=networks,
    ), problems


def unused_folders(method: str, options: Options, given: Given) -> list[UserError]:
    """Folders that a command names of what the method does not have."""
    problems = []
    if given.second is not None and options.second_base is None:
        sharper = "high_resolution" in type(options).model_fields
        problems.append(
            UserError(
                f"{method} has no second base model",
                where=f"--xl-dir or --svd-dir {given.second}",
                fix="leave it out" + (", or --set high_resolution=true" if sharper else ""),
            )
        )
    if given.method is not None and not options.needs_weights:
        problems.append(
            UserError(
                f"{method} has no weights of its own",
                where=f"--method-dir {given.method}",
                fix="leave it out; the folder of the base model is --base-dir",
            )
        )
    return problems


def locate_bases(
    base: str, options: Options, given: Given
) -> tuple[list[BaseFolder], list[UserError]]:
    """The base and the second one, where the options name one; and what is missing of them."""
    specs = [catalog.base(base)]
    if options.second_base is not None:
        specs.append(catalog.base(options.second_base))
        unlike = specs[0].loader != specs[1].loader or specs[0].embedded
        if options.second_base == UPSCALER and unlike:
            return [], [
                UserError(
                    f"{UPSCALER} cannot take what is fitted on {base}: its networks are others",
                    where="--set high_resolution=true",
                    fix="leave it out, or use --base zeroscope-576w",
                )
            ]
    folders = (given.base, given.second)
    if folders == (None, None):
        # In one call, so that one error lists them all.
        groups: list[tuple[list[BaseSpec], Path | None]] = [(specs, None)]
    else:
        groups = [([spec], folder) for spec, folder in zip(specs, folders, strict=False)]
    found: list[BaseFolder] = []
    problems = []
    for group, folder in groups:
        try:
            found += locate(group, folder)
        except UserError as problem:
            problems.append(problem)
    return found, problems


def locate_weights(
    method: str, options: Options, base: str, folder: Path | None
) -> tuple[list[BaseFolder], list[UserError]]:
    """The weights of the method itself, and what is missing of them.

    Args:
        folder: where they are; None: the default place.
    """
    specs = catalog.own_weights(method, options)
    unlike = [s.id for s in specs if s.loader != catalog.base(base).loader]
    if unlike:
        own = catalog.card(method).base
        return [], [
            UserError(
                f"{some(unlike)} cannot be put on {base}: its networks are others",
                where=f"--base {base}",
                fix=f"leave it out, or use a base like {own}",
            )
        ]
    try:
        return locate(specs, folder, f"weights of {method}"), []
    except UserError as problem:
        own = "weights of your own: --method-dir DIR"
        fix = f"{problem.fix}\n         or {own}"
        if catalog.base(base).embedded:
            fix = f"{own}; published ones are for large bases and do not fit {base}"
        return [], [UserError(problem.what, where=problem.where, fix=fix)]


def locate_networks(
    names: Sequence[str], what: str = "the method's networks", instead: str = ""
) -> dict[str, Located]:
    """Networks of the weights' manifest, by id.

    Args:
        what: they are, in words.
        instead: what else would do.

    Raises:
        UserError: some are missing; says sizes, licences and the command.
    """
    store = Store()
    absent = [network for network in find(store.networks, names) if store.missing(network)]
    if absent:
        titles = "; ".join(f"{network.title}; licence: {network.licence}" for network in absent)
        places = [
            f"{store.path(network, file)} ({file.size})"
            for network in absent
            for file in store.missing(network)
        ]
        raise UserError(
            f"{what} are missing: {titles}",
            where="\n         ".join(places),
            fix=f"customstudio weights fetch {' '.join(n.id for n in absent)}{instead}",
        )
    return store.locate(names)
