"""`customstudio generate`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from customstudio.cli import options
from customstudio.errors import UserError
from customstudio.records import digest

if TYPE_CHECKING:
    from customstudio.generation.prepare import Request
    from customstudio.generation.runner import Outcome

LONGEST_NAME = 200
"""Bytes of a folder's name; file systems take 255."""
MethodArg = Annotated[str, typer.Argument(help="A method: see `customstudio methods list`.")]


def generate(
    method: MethodArg,
    suite: Annotated[str, typer.Option(help="A suite's name, `custom`, or an exported folder.")],
    pairs: Annotated[
        str | None, typer.Option(help="Pairs, separated by commas.", show_default="all")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of an option; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the videos.", show_default="videos/SUITE/METHOD")
    ] = None,
    prompt_set: options.PromptSet = None,
    prompts: options.Prompts = None,
    seeds: options.Seeds = 1,
    references: options.References = None,
    masks: options.Masks = "suite",
    base: Annotated[
        str | None, typer.Option(help="Another base model.", show_default="the method's own")
    ] = None,
    base_dir: Annotated[
        Path | None, typer.Option(help="Folder of the base model.", show_default="the cache")
    ] = None,
    xl_dir: Annotated[
        Path | None,
        typer.Option(
            "--xl-dir",
            "--svd-dir",
            help="Folder of the second base model, where a method has one (zeroscope XL, SVD-XT).",
            show_default="the cache",
        ),
    ] = None,
    method_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of the method's own weights.", show_default="the cache"),
    ] = None,
    device: options.Device = "auto",
    batch: Annotated[int, typer.Option(min=1, help="Videos at once.")] = 1,
    bf16: options.BF16 = False,
    shard: Annotated[str, typer.Option(help="I/N: every N-th pair.")] = "1/1",
    ray: options.Ray = None,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep each pair's fit under .pairs/.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is to do, and what is missing.")
    ] = False,
) -> None:
    """Fit METHOD on every pair of a suite and write the suite's tree of videos.

    The same command again goes on where an interrupted one stopped.
    """
    from customstudio.cli.methods import warn_of_clash
    from customstudio.evaluation.runner import parse_shard
    from customstudio.generation.prepare import Request
    from customstudio.suites.choose import choose

    if references is None and ("/" in suite or suite in (".", "..")):
        from customstudio.suites.hub import load_exported

        load_exported(Path(suite))  # its images as files
        references = Path(suite) / "refs"
    chosen = choose(suite, prompt_set, references, prompts, seeds)
    wanted = options.listed(pairs)
    if wanted == []:
        raise UserError("no pair is named", where="--pairs", fix="leave the option out for all")
    request = Request(
        suite=chosen,
        method=method,
        out=out or Path(),
        changes=tuple(set_ or ()),
        pairs=None if wanted is None else tuple(wanted),
        shard=parse_shard(shard),
        references=references,
        masks=masks,
        base=base,
        base_folder=base_dir,
        second_folder=xl_dir,
        method_folder=method_dir,
        arithmetic="bfloat16" if bf16 else "float32",
        device=device,
        batch=batch,
        keep_weights=keep_weights,
    )
    if out is None:
        request = replace(request, out=default_out(request))
    warn_of_clash(method)
    if dry_run:
        _print_plan(request)
    else:
        _run(request, ray)


def _run(request: "Request", ray: str | None) -> None:
    from customstudio.cli.console import err
    from customstudio.cli.steps import StepBar
    from customstudio.generation.prepare import prepare
    from customstudio.generation.runner import run
    from customstudio.ray_cluster import RayCluster

    prepared = prepare(request)
    if random := prepared.settings.random:
        text = f"{', '.join(random)}: the values are random, these videos mean nothing"
        err.print(text, markup=False)
    try:
        outcome = run(prepared, StepBar(), RayCluster(ray) if ray else None)
    except KeyboardInterrupt:
        err.print("interrupted: run the same command again to go on")
        raise typer.Exit(130) from None
    _print_outcome(outcome, request.out)


def _print_plan(request: "Request") -> None:
    from customstudio.cli.console import console
    from customstudio.generation.plan import make_plan
    from customstudio.generation.prepare import outline, prepare

    settings, video, left = outline(request)
    plan = make_plan(request.suite, left, settings, video, request.base_id)
    hours = "not counted for these base models"
    if plan.gpu_hours is not None:
        hours = f"about {plan.gpu_hours:.1f} of an H200 in float32 (arithmetic at measured rates)"
    lines = [
        f"{request.method} on suite {request.suite.name} ({request.suite.label})",
        f"  base model:   {request.base_id}",
        f"  out:          {request.out}",
        f"  pairs:        {plan.pairs}",
        f"  videos:       {plan.videos:,} to make, {plan.done:,} there; "
        f"{video.frames} frames, {video.width}x{video.height}, about {plan.gigabytes:.1f} GB",
        f"  fitting:      {plan.training_steps:,} steps in all",
        f"  class images: {plan.class_images:,} at most",
        f"  sampling:     {plan.sampling_steps} steps a video",
        f"  GPU hours:    {hours}",
    ]
    console.print("\n".join(lines), markup=False)
    try:
        prepare(request, segment=False)
    except UserError as problem:
        console.print(f"before it can start:\n{problem}", markup=False)


def _print_outcome(outcome: "Outcome", out: Path) -> None:
    from customstudio.cli.console import console, err

    console.print(f"{outcome.made} videos made, {outcome.there} were there: {out}", markup=False)
    if outcome.busy:
        err.print(f"left to another process: {', '.join(outcome.busy)}", markup=False)
    for failure in outcome.failures:
        error = UserError(f"{failure.pair}: {failure.reason}", where=failure.where, fix=failure.fix)
        err.print(str(error), markup=False)
    if outcome.failures:
        err.print(f"{len(outcome.failures)} pairs failed; the same command tries them again")
        raise typer.Exit(1)


def default_out(request: "Request") -> Path:
    """A folder for each variant, by its name, and each base but the usual one.

    Options may hold texts and paths: too long a name for a folder ends in a digest of it.
    """
    name = request.name.replace("/", "-")
    if len(name.encode()) > LONGEST_NAME:
        name = f"{name[:40]}...{digest(name)[:16]}"
    return Path("videos") / request.suite.name / name
