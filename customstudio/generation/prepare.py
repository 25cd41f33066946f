"""What can be known before a network is loaded: settings, tasks, all that is missing."""

from dataclasses import dataclass
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
    locate_image_encoder,
    missing_packages,
    missing_references,
)
from customstudio.generation.records import NetworkSource, PairRecord, Settings
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
    upscaler_folder: Path | None = None
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
    image_encoder: Located | None = None


def outline(request: Request) -> tuple[Options, VideoSpec, list[PairWork]]:
    """Options, video and what is left to make; weights and references need not be there.

    Raises:
        UserError: an unknown method, option or pair, or a suite without jobs.
    """
    require_jobs(request.suite)
    options = override(request.defaults, request.changes)
    base = request.base_id
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
    folders: list[BaseFolder] = []
    if needs_base:
        given = (request.base_folder, request.upscaler_folder)
        folders, absent = locate_bases(request.base_id, options, given)
        problems += absent
    spec = catalog.base(request.base_id) if needs_base else None
    problems += options.problems(spec, video, pairs)
    encoder, absent = locate_image_encoder(spec, options)
    problems += absent
    raise_all(problems)
    if located is not None and segment:
        subjects = dict.fromkeys(s for pair in pairs for s in request.suite.pairs[pair].subjects)
        references = masks.segmented(references, [*subjects], located, resolve(request.device))
    tasks = {
        pair: task_of(request.suite, pair, video, references, options.files(pair)) for pair in pairs
    }
    settings = Settings(
        name=variant(request.method, options, request.defaults),
        method=request.method,
        options=options.model_dump(),
        suite=request.suite.name,
        suite_version=request.suite.version,
        suite_digest=request.suite.digest,
        prompt_set=request.suite.prompt_set,
        video=video,
        base=folders[0].provenance() if folders else None,
        upscaler=folders[1].provenance() if len(folders) > 1 else None,
        arithmetic=request.arithmetic,
        plugin=catalog.origin(request.method),
        masks=masks.source_of(request.masks, located) if needs_masks else None,
        image_encoder=encoder_source(encoder) if encoder else None,
    )
    left = work(request.out, request.suite, [entry.pair for entry in left], settings)
    upscaler = folders[1] if len(folders) > 1 else None
    return Prepared(
        request, options, settings, tasks, left, folders[0] if folders else None, upscaler, encoder
    )


def encoder_source(located: Located) -> NetworkSource:
    """What is recorded of a network beside the base model."""
    return NetworkSource(network=located.network.id, status=located.status, sha256=located.sha256)


def pair_record(task: Task) -> PairRecord:
    """The digests of a pair's references and masks, and of the files that options name for it."""
    references: dict[str, dict[str, str]] = {}
    for subject in task.subjects:
        files = references.setdefault(subject.id, {})
        for reference in subject.references:
            files[reference.path.name] = sha256_file(reference.path)
            if reference.mask is not None:
                files[f"mask:{reference.mask.name}"] = sha256_file(reference.mask)
    for option, paths in task.files.items():
        references[f"option:{option}"] = {path.name: sha256_file(path) for path in paths}
    return PairRecord(pair=task.pair, references=references)
