"""`customstudio evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from customstudio.cli import options
from customstudio.errors import UserError

VideosArg = Annotated[
    Path, typer.Argument(help="A suite's tree PAIR/PROMPT/SEED.mp4, or a folder with a manifest.")
]


def evaluate(
    videos: VideosArg,
    suite: Annotated[
        str | None, typer.Option(help="Suite of the tree.", show_default="found out")
    ] = None,
    prompt_set: options.PromptSet = None,
    prompts: options.Prompts = None,
    seeds: options.Seeds = 1,
    references: options.References = None,
    metrics: options.Metrics = None,
    protocol: options.Protocol = "customstudio-v1",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundle.", show_default="runs/METHOD-DIGEST")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Name of the method.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="TOML file of texts that describe the method.")
    ] = None,
    weights_dir: options.WeightsDir = None,
    device: options.Device = "auto",
    amp: Annotated[bool, typer.Option("--amp", help="Half precision (not official).")] = False,
    tf32: Annotated[bool, typer.Option("--tf32", help="TF32 on CUDA (not official).")] = False,
    batch: Annotated[int, typer.Option(help="Images a forward pass.")] = 32,
    chunk: Annotated[int, typer.Option(help="Videos a chunk of the journal.")] = 16,
    threads: Annotated[int | None, typer.Option(help="CPU threads of a network.")] = None,
    workers: Annotated[int | None, typer.Option(help="Decoding threads.")] = None,
    shard: Annotated[str, typer.Option(help="I/N: every N-th chunk.")] = "1/1",
    ray: options.Ray = None,
    keep_features: Annotated[
        bool, typer.Option("--keep-features", help="Keep them for `customstudio rescore`.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score what there is (not official).")
    ] = False,
) -> None:
    """Score the videos in VIDEOS and write a run bundle with a report.

    The same command again goes on where an interrupted one stopped.
    """
    from customstudio.cli.console import err
    from customstudio.cli.progress import RichProgress
    from customstudio.cli.results import print_run
    from customstudio.evaluation.api import evaluate as score
    from customstudio.evaluation.card import read_card

    chosen = options.listed(metrics)
    if chosen == [] or (amp and tf32):
        raise UserError(
            "no metric is named" if chosen == [] else "half precision or TF32, not both",
            where="--metrics" if chosen == [] else "--amp --tf32",
            fix="leave the option out, or see `customstudio metrics list`",
        )
    try:
        run = score(
            videos,
            suite=suite,
            prompt_set=prompt_set,
            prompts=prompts,
            seeds=seeds,
            references=references,
            metrics=chosen,
            protocol=protocol,
            out=out,
            method=method,
            card=read_card(card) if card else None,
            weights_dir=weights_dir,
            device=device,
            precision="amp" if amp else "tf32" if tf32 else "float32",
            batch=batch,
            chunk=chunk,
            threads=threads,
            workers=workers,
            shard=shard,
            ray=ray,
            keep_features=keep_features,
            allow_missing=allow_missing,
            progress=RichProgress(),
        )
    except KeyboardInterrupt:
        err.print("interrupted: run the same command again to go on")
        raise typer.Exit(130) from None
    print_run(run)
