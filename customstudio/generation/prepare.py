"""What can be known before a network is loaded: settings, tasks, all that is missing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from customstudio.baselines import catalog
from customstudio.baselines.bases.store import BaseFolder
from customstudio.baselines.options import Options, override, variant
from customstudio.baselines.task import Task, task_of
from customstudio.errors import UserError, raise_all
from customstudio.evaluation.devices import resolve
from customstudio.files import sha256_file
from customstudio.generation import masks
from customstudio.generation.grid import PairWork, choose_pairs, work
from customstudio.generation.missing import (
    locate_bases,
    locate_networks,
    locate_weights,
    missing_packages,
    missing_references,
    too_many_subjects,
)
from customstudio.generation.records import NetworkUse, PairRecord, Settings
from customstudio.suites.choose import require_jobs
from customstudio.suites.references import find_references
from customstudio.suites.schema import Suite, VideoSpec
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
    """`suite`: beside the references; `segment`: for those without, a segmenter; else a folder."""
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

        The embedded suite is made with the method's embedded base, unless another is named: its
        videos are 64 pixels wide.
        """
        own = catalog.card(self.method).base
        if own == "none":
            return own
        twin = catalog.twin(own) if self.suite.name == "mini" else None
        return self.base or twin or own

    @property
    def defaults(self) -> Options:
        """The method's options on that base, before any change."""
        return catalog.defaults(self.method, self.base_id)


@dataclass(frozen=True)
class Prepared:
    """A request that has all it needs."""

    request: Request
    options: Options
    settings: Settings
    tasks: dict[str, Task]
    left: list[PairWork]
    base: BaseFolder | None
    upscaler: BaseFolder | None
    animator: BaseFolder | None
    weights: tuple[BaseFolder, ...] = ()
    """Of the method itself."""
    networks: dict[str, Located] = field(default_factory=dict)
    """Of the weights' manifest."""


def outline(request: Request) -> tuple[Options, VideoSpec, list[PairWork]]:
    """Options, video and what is left to make; weights and references need not be there.

    Raises:
        UserError: an unknown method, option or pair, a base that the method cannot use, or a suite
            without jobs.
    """
    require_jobs(request.suite)
    base = request.base_id
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
        segment: make the masks that a segmenter is to make; off for a look at what is missing.

    Raises:
        UserError: as `outline`, and missing references and base weights, all at once; videos in
            the folder that were made with other settings.
    """
    options, video, left = outline(request)
    references = find_references(request.suite, request.references)
    pairs = [entry.pair for entry in left if entry.todo]
    needs_base = request.base_id != "none"
    made = options.native(video, catalog.base(request.base_id).video) if needs_base else video
    problems = missing_packages(request.method) if needs_base else []
    needs_masks, located = options.needs_masks, None
    if needs_masks and request.masks == masks.SEGMENT:
        try:
            located = masks.locate_segmenter()
        except UserError as problem:
            problems.append(problem)
    elif needs_masks and request.masks != masks.SUITE:
        references = masks.from_folder(references, Path(request.masks))
    to_find = needs_masks and request.masks != masks.SEGMENT
    problems += missing_references(request.suite, pairs, references, masks=to_find)
    problems += too_many_subjects(request.suite, pairs, options)
    folders: list[BaseFolder] = []
    weights: list[BaseFolder] = []
    if needs_base:
        given = (request.base_folder, request.second_folder)
        folders, absent = locate_bases(request.base_id, options, given)
        problems += absent
        weights, absent = locate_weights(
            request.method, options, request.base_id, request.method_folder
        )
        problems += absent
    networks, absent = locate_networks(options.networks)
    problems += absent
    raise_all(problems)
    if located is not None and segment:
        subjects = dict.fromkeys(s for pair in pairs for s in request.suite.pairs[pair].subjects)
        references = masks.segmented(references, [*subjects], located, resolve(request.device))
    base = folders[0] if folders else None
    upscaler, animator = _second(folders)
    tasks = {pair: task_of(request.suite, pair, video, references) for pair in pairs}
    settings = Settings(
        name=variant(request.method, options, request.defaults),
        method=request.method,
        options=options.model_dump(),
        suite=request.suite.name,
        suite_version=request.suite.version,
        suite_digest=request.suite.digest,
        prompt_set=request.suite.prompt_set,
        video=video,
        base=base.provenance() if base else None,
        upscaler=upscaler.provenance() if upscaler else None,
        animator=animator.provenance() if animator else None,
        arithmetic=request.arithmetic,
        plugin=catalog.origin(request.method),
        masks=masks.source_of(request.masks, located) if needs_masks else None,
        native=made if made != video else None,
        weights=tuple(folder.provenance() for folder in weights),
        networks=NetworkUse.of(networks) or None,
    )
    left = work(request.out, request.suite, [entry.pair for entry in left], settings)
    return Prepared(
        request, options, settings, tasks, left, base, upscaler, animator, tuple(weights), networks
    )


def _second(folders: list[BaseFolder]) -> tuple[BaseFolder | None, BaseFolder | None]:
    """The second base, as an upscaler or as what makes videos of pictures."""
    if len(folders) < 2:
        return None, None
    second = folders[1]
    return (None, second) if second.spec.takes == "picture" else (second, None)


def pair_record(task: Task) -> PairRecord:
    """The digests of a pair's references and masks."""
    references: dict[str, dict[str, str]] = {}
    for subject in task.subjects:
        files = references.setdefault(subject.id, {})
        for reference in subject.references:
            files[reference.path.name] = sha256_file(reference.path)
            if reference.mask is not None:
                files[f"mask:{reference.mask.name}"] = sha256_file(reference.mask)
    return PairRecord(pair=task.pair, references=references)
