"""Options that several commands take: each is declared, and explained, once."""

from pathlib import Path
from typing import Annotated

import typer

PromptSet = Annotated[
    str | None, typer.Option(help="Prompt set of the suite, e.g. table5-repaired.")
]
Prompts = Annotated[
    Path | None, typer.Option(help="Prompts of suite `custom`: a text or a CSV file.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Number of seeds of suite `custom`.")]
References = Annotated[
    Path | None, typer.Option(help="Root of the reference images: ROOT/SUBJECT/00.jpg.")
]
Masks = Annotated[
    str,
    typer.Option(
        help="suite, a folder, or for images without: segment (by SAM, of what is in the middle) "
        "or prompt (by Grounding DINO and SAM, of the subject's noun)."
    ),
]
Protocol = Annotated[str, typer.Option(help="How scores are made.")]
Metrics = Annotated[
    str | None, typer.Option(help="Metrics, separated by commas.", show_default="protocol's")
]
WeightsDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the networks' weights.", show_default="$CUSTOMSTUDIO_WEIGHTS or the cache"
    ),
]
BF16 = Annotated[bool, typer.Option("--bf16", help="bfloat16 in the UNet (recorded).")]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        "--store",
        help="Folder of the store, or address of a server: https://...",
        show_default="$CUSTOMSTUDIO_STORE",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Ray = Annotated[str | None, typer.Option(help="auto, or a Ray cluster's address.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def listed(text: str | None) -> list[str] | None:
    """The names in a text that separates them by commas; None where the option is not given.

    >>> listed("clip_t, dino_i")
    ['clip_t', 'dino_i']
    """
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
