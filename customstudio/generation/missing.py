"""What a generation lacks: packages, references, masks, base weights; found before it starts."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.bases.store import BaseFolder, locate
from customstudio.baselines.option_sets import SamplingOptions
from customstudio.baselines.options import Options
from customstudio.errors import UserError, some
from customstudio.suites.schema import Reference, Suite
from customstudio.weights.networks import find
from customstudio.weights.store import Located, Store

EXTRA = ("diffusers", "peft", "transformers")
"""Packages of the extra `generation`."""
UPSCALER = "zeroscope-xl"


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
                "--set remove_background=false --set alpha=0 (vcd: --set masked=false)",
            )
        )
    return problems


def locate_network(name: str, role: str, instead: str = "") -> Located:
    """The files of a network beside the base model.

    Args:
        role: what it is here, for people.
        instead: what else would do.

    Raises:
        UserError: they are missing; says size, licence and command.
    """
    store = Store()
    (network,) = find(store.networks, [name])
    absent = store.missing(network)
    if absent:
        places = [f"{store.path(network, file)} ({file.size})" for file in absent]
        raise UserError(
            f"the {role}'s weights are missing: {network.title}; licence: {network.licence}",
            where="\n         ".join(places),
            fix=f"customstudio weights fetch {name}{instead}",
        )
    return store.locate([name])[name]


def locate_image_encoder(
    spec: BaseSpec | None, options: Options
) -> tuple[Located | None, list[UserError]]:
    """The network of images that goes with the base's text encoder, and what is missing of it.

    Args:
        options: whether they need it; None is found where they do not.
    """
    if spec is None or not options.needs_image_encoder:
        return None, []
    if spec.image_encoder is None:
        return None, [
            UserError(
                f"no image encoder goes with the text encoder of {spec.id}",
                where=f"--base {spec.id}",
                fix="use another base, or turn off what needs it: --set visual=false",
            )
        ]
    try:
        return locate_network(spec.image_encoder, "image encoder", ", or --set visual=false"), []
    except UserError as problem:
        return None, [problem]


def locate_bases(
    base: str, options: Options, given: tuple[Path | None, Path | None]
) -> tuple[list[BaseFolder], list[UserError]]:
    """The base and, for high resolution, the upscaler; and what is missing of them.

    Args:
        given: folders of the base and the upscaler; None: the default place.
    """
    names = [base]
    if isinstance(options, SamplingOptions) and options.high_resolution:
        names.append(UPSCALER)
        if catalog.base(base).loader != catalog.base(UPSCALER).loader:
            return [], [
                UserError(
                    f"{UPSCALER} cannot take what is fitted on {base}: its networks are others",
                    where="--set high_resolution=true",
                    fix="leave it out, or use a zeroscope base",
                )
            ]
    specs = [catalog.base(name) for name in names]
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
