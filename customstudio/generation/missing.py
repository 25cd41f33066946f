"""What a generation lacks: packages, references, masks, base weights; found before it starts."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.bases.store import BaseFolder, locate
from customstudio.baselines.option_sets import UPSCALER
from customstudio.baselines.options import Options
from customstudio.errors import UserError, some
from customstudio.suites.schema import Reference, Suite
from customstudio.weights.networks import find
from customstudio.weights.store import Located, Store

EXTRA = ("diffusers", "peft", "transformers")
"""Packages of the extra `generation`."""


def missing_packages(method: str) -> list[UserError]:
    """The packages of the extra `generation` that are not installed."""
    absent = [name for name in EXTRA if find_spec(name) is None]
    if not absent:
        return []
    return [
        UserError(
            f"packages are missing: {', '.join(absent)}",
            where=f"method {method}",
            fix="pip install 'customstudio[generation]'",
        )
    ]


def missing_references(
    suite: Suite,
    pairs: Sequence[str],
    references: Mapping[str, Sequence[Reference]],
    *,
    masks: bool,
) -> list[UserError]:
    """Subjects of pairs without reference images; if `masks`, those without a mask for each."""
    subjects = dict.fromkeys(name for pair in pairs for name in suite.pairs[pair].subjects)
    absent = [name for name in subjects if not references.get(name)]
    bare = [name for name in subjects if any(r.mask is None for r in references.get(name, ()))]
    problems = []
    if absent:
        problems.append(
            UserError(
                f"no reference images of {len(absent)} subjects: {some(absent, 6)}",
                where=f"suite {suite.name}",
                fix=f"customstudio data fetch {suite.name}, or --references DIR",
            )
        )
    if masks and bare:
        problems.append(
            UserError(
                f"masks are missing for {len(bare)} subjects: {some(bare, 6)}",
                where=f"suite {suite.name}; {references[bare[0]][0].path}",
                fix="put a mask for each reference beside them (masks/SUBJECT/NN.png next to "
                "refs/), or --masks segment, or --masks DIR, or turn off what needs them: "
                "--set remove_background=false --set alpha=0 (vcd: --set masked=false; "
                "wan_vace: --set remove_background=false --set crop=false; "
                "videomaker: --set highlight=false)",
            )
        )
    return problems


def too_many_subjects(suite: Suite, pairs: Sequence[str], options: Options) -> list[UserError]:
    """Pairs of more subjects than the method takes."""
    most = options.most_subjects
    beyond = [pair for pair in pairs if most and len(suite.pairs[pair].subjects) > most]
    if not beyond:
        return []
    return [
        UserError(
            f"{len(beyond)} pairs have more subjects than the method takes ({most}): "
            f"{some(beyond)}",
            where=f"suite {suite.name}",
            fix="name other pairs by --pairs, use a suite of single subjects, or see "
            "`customstudio methods show` for an option (videomaker: --set subjects=collage)",
        )
    ]


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
        fix = f"{problem.fix}\n         or weights of your own: --method-dir DIR"
        return [], [UserError(problem.what, where=problem.where, fix=fix)]


def locate_networks(names: Sequence[str]) -> tuple[dict[str, Located], list[UserError]]:
    """The networks of the weights' manifest that a method needs; and what is missing of them."""
    store = Store()
    networks = find(store.networks, names)
    absent = [network for network in networks if store.missing(network)]
    if absent:
        lines = [
            f"{store.path(network, file)} ({file.size}; licence: {network.licence})"
            for network in absent
            for file in store.missing(network)
        ]
        return {}, [
            UserError(
                f"the method's networks are missing: {', '.join(n.title for n in absent)}",
                where="\n         ".join(lines),
                fix=f"customstudio weights fetch {' '.join(network.id for network in absent)}",
            )
        ]
    try:
        return store.locate(names), []
    except UserError as problem:
        return {}, [problem]


def locate_bases(
    base: str, options: Options, given: tuple[Path | None, Path | None]
) -> tuple[list[BaseFolder], list[UserError]]:
    """The base and the second one, where the options name one; and what is missing of them.

    Args:
        given: folders of the base and the second one; None: the default place.
    """
    specs = [catalog.base(base)]
    if options.second_base is not None:
        specs.append(catalog.base(options.second_base))
        if options.second_base == UPSCALER and specs[0].loader != specs[1].loader:
            return [], [
                UserError(
                    f"{UPSCALER} cannot take what is fitted on {base}: its networks are others",
                    where="--set high_resolution=true",
                    fix="leave it out, or use a zeroscope base",
                )
            ]
    if given == (None, None):
        # In one call, so that one error lists them all.
        groups: list[tuple[list[BaseSpec], Path | None]] = [(specs, None)]
    else:
        groups = [([spec], folder) for spec, folder in zip(specs, given, strict=False)]
    found: list[BaseFolder] = []
    problems = []
    for group, folder in groups:
        try:
            found += locate(group, folder)
        except UserError as problem:
            problems.append(problem)
    return found, problems
