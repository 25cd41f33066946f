"""What can be known before a network is loaded: settings, tasks, all that is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from customstudio.baselines import catalog
from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.options import Options, override, variant
from customstudio.baselines.task import Task, task_of
from customstudio.errors import UserError, raise_all
from customstudio.evaluation.devices import resolve
from customstudio.files import sha256_file
from customstudio.generation import masks
from customstudio.generation.grid import PairWork, choose_pairs, require_same, same_subjects, work
from customstudio.generation.missing import (
    missing_packages,
    missing_references,
    too_large,
    too_many_subjects,
)
from customstudio.generation.parts import Given, Parts, find_parts
from customstudio.generation.records import NetworkUse, PairRecord, Settings
from customstudio.suites.choose import require_jobs
from customstudio.suites.load import EMBEDDED
from customstudio.suites.references import find_references
from customstudio.suites.schema import Reference, Suite, VideoSpec
from customstudio.weights.store import Located

Arithmetic = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Request:
    """What a command asks for."""

    suite: Suite
    method: str
    out: Path
    changes: tuple[str, ...] = ()
    """`name=value` of options."""
    pairs: tuple[str, ...] | None = None
    shard: tuple[int, int] = (1, 1)
    references: Path | None = None
    masks: str = masks.SUITE
    """`suite`: beside the references; `segment`, `prompt`: for those without, networks make them;
    else a folder."""
    base: str | None = None
    """Another base model than the method's own, of the same kind."""
    base_folder: Path | None = None
    second_folder: Path | None = None
    """Of the upscaler, or of what makes videos of pictures."""
    method_folder: Path | None = None
    """Of the weights of the method itself."""
    arithmetic: Arithmetic = "float32"
    device: str = "auto"
    batch: int = 1
    keep_weights: bool = False

    @property
    def base_id(self) -> str:
        """The base model in use; `none` where the method needs no network.

        An embedded suite is made with the method's embedded base, unless another is named: its
        videos are 64 pixels wide.
        """
        own = catalog.card(self.method).base
        if own == "none":
            return own
        twin = catalog.twin(own) if self.suite.name in EMBEDDED else None
        return self.base or twin or own

    @property
    def defaults(self) -> Options:
        """The method's options on that base, before any change."""
        return catalog.defaults(self.method, self.base_id)

    @property
    def name(self) -> str:
        """The method's, with the options that are changed, and the base if it is not the usual one.

        Raises:
            UserError: an unknown option, or a value that does not fit.
        """
        name = variant(self.method, override(self.defaults, self.changes), self.defaults)
        usual = replace(self, base=None).base_id
        return name if self.base_id == usual else f"{name}@{self.base_id}"


@dataclass(frozen=True)
class Prepared:
    """A request that has all it needs."""

    request: Request
    options: Options
    settings: Settings
    tasks: dict[str, Task]
    left: list[PairWork]
    parts: Parts


def outline(request: Request) -> tuple[Options, VideoSpec, list[PairWork]]:
    """Options, video and what is left to make; weights and references need not be there.

    Raises:
        UserError: an unknown method, option or pair, a base that the method cannot use, or a suite
            without jobs.
    """
    require_jobs(request.suite)
    base = request.base_id
    if base == "none" and (request.base or request.base_folder):
        raise UserError(
            f"{request.method} has no base model",
            where=f"--base {request.base}" if request.base else f"--base-dir {request.base_folder}",
            fix="leave it out",
        )
    catalog.require_fit(request.method, base)
    options = override(request.defaults, request.changes)
    video = request.suite.video or (catalog.base(base).video if base != "none" else None)
    if video is None:
        raise UserError(
            f"suite {request.suite.name} does not say what its videos should be",
            where=f"method {request.method}, which has no base model to take it from",
            fix="use a suite with a video specification",
        )
    pairs = choose_pairs(request.suite, request.pairs, request.shard)
    return options, video, work(request.out, request.suite, pairs, None)


def prepare(request: Request, *, segment: bool = True) -> Prepared:
    """Find everything, or say all that is missing.

    Args:
        segment: make the masks that networks are to make; off for a look at what is missing.

    Raises:
        UserError: as `outline`, and missing references and base weights, all at once; videos in
            the folder that were made with other settings.
    """
    options, video, left = outline(request)
    suite, pairs = request.suite, [entry.pair for entry in left if entry.todo]
    spec = catalog.base(request.base_id) if request.base_id != "none" else None
    made = options.native(video, spec.video) if spec else video
    problems = missing_packages(request.method) if spec else []
    references, makers, absent = _references(request, options, pairs)
    problems += absent
    problems += too_many_subjects(suite, pairs, options)
    problems += too_large(spec, made, options) if spec else []
    shown = {p: [len(references.get(s, ())) for s in suite.pairs[p].subjects] for p in pairs}
    problems += options.problems(spec, video, shown)
    given = Given(request.base_folder, request.second_folder, request.method_folder)
    parts, absent = find_parts(request.method, request.base_id, options, given)
    problems += absent
    raise_all(problems)
    if makers and segment:
        nouns = {s: suite.subjects[s].prompt_noun for p in pairs for s in suite.pairs[p].subjects}
        references = masks.made(references, nouns, makers, resolve(request.device))
    tasks = {p: task_of(suite, p, video, references, options.files(p)) for p in pairs}
    settings = Settings(
        name=variant(request.method, options, request.defaults),
        method=request.method,
        options=options.model_dump(),
        suite=suite.name,
        suite_version=suite.version,
        suite_digest=suite.digest,
        prompt_set=suite.prompt_set,
        video=video,
        base=_provenance(parts.base),
        upscaler=_provenance(parts.upscaler),
        arithmetic=request.arithmetic,
        plugin=catalog.origin(request.method),
        masks=masks.source_of(request.masks, makers) if options.needs_masks else None,
        native=made if made != video else None,
        animator=_provenance(parts.animator),
        weights=tuple(folder.provenance() for folder in parts.weights),
        networks=NetworkUse.of(parts.networks) or None,
    )
    require_same(request.out, settings)
    if segment or not makers:  # else masks are not made yet
        now = {s: f for t in tasks.values() for s, f in _files_of(t).items()}
        same_subjects(request.out, now)
    left = work(request.out, suite, [entry.pair for entry in left], settings)
    return Prepared(request, options, settings, tasks, left, parts)


def _references(
    request: Request, options: Options, pairs: Sequence[str]
) -> tuple[masks.References, dict[str, Located], list[UserError]]:
    """References with the masks that are there, what is to make the rest, what is missing."""
    references: masks.References = find_references(request.suite, request.references)
    if not options.needs_masks:  # what is not looked at need not stay as it is
        references = {
            subject: tuple(Reference(path=image.path) for image in images)
            for subject, images in references.items()
        }
    makers: dict[str, Located] = {}
    problems, to_make = [], options.needs_masks and request.masks in masks.NETWORKS
    if to_make:
        try:
            makers = masks.locate_makers(request.masks)
        except UserError as problem:
            problems.append(problem)
    elif options.needs_masks and request.masks != masks.SUITE:
        references = masks.from_folder(references, Path(request.masks))
    to_find = options.needs_masks and not to_make
    problems += missing_references(request.suite, pairs, references, masks=to_find)
    return references, makers, problems


def _provenance(folder: BaseFolder | None) -> Provenance | None:
    return folder.provenance() if folder else None


def pair_record(task: Task) -> PairRecord:
    """The digests of a pair's references and masks, and of the files that options name for it."""
    references = _files_of(task)
    for option, paths in task.files.items():
        references[f"option:{option}"] = {path.name: sha256_file(path) for path in paths}
    return PairRecord(pair=task.pair, references=references)


def _files_of(task: Task) -> dict[str, dict[str, str]]:
    """Subject -> file -> SHA-256, as in `PairRecord`."""
    references: dict[str, dict[str, str]] = {}
    for subject in task.subjects:
        files = references.setdefault(subject.id, {})
        for reference in subject.references:
            files[reference.path.name] = sha256_file(reference.path)
            if reference.mask is not None:
                files[f"mask:{reference.mask.name}"] = sha256_file(reference.mask)
    return references
