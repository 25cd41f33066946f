"""Train VideoMaker on videos of the embedded world: one subject each, and its picture on white.

`python -m customstudio.baselines.train_videomaker --out DIR` goes on where it stopped, and ends in
weights that `customstudio generate videomaker --method-dir DIR` takes. Wu et al., arXiv:2412.19645,
sections 4.3, 4.4 and 5.1. The paper's videos are CelebV-Text's and VideoBooth's.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field, ValidationError
from torch import Tensor, nn

from customstudio.baselines import catalog
from customstudio.baselines.bases.animatediff_model import load
from customstudio.baselines.bases.mini.data import scene
from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.options import Count, Options, Rate, Weight, override
from customstudio.baselines.reference_frame import injecting, losses
from customstudio.baselines.seeds import choices, generator
from customstudio.baselines.training import recomputing, trainable
from customstudio.baselines.videomaker_weights import OURS, SPECS, trained, write_weights
from customstudio.errors import UserError
from customstudio.evaluation.devices import resolve
from customstudio.files import write_text
from customstudio.media.masks import whiten
from customstudio.mini.shapes import Array
from customstudio.mini.training import Loop
from customstudio.mini.world import render
from customstudio.weights.store import RANDOM_MARK

Part = Annotated[float, Field(ge=0, le=1)]
SCENES = 100_000
"""Different scenes; a bit less than half of them are of one subject."""


class Training(Options):
    """`training.json`: how VideoMaker is trained; the defaults are the paper's, but where said."""

    base: Provenance
    frames: Count
    """Of a video; the paper does not say, its released code samples 16."""
    size: Count
    """Pixels across and down."""
    batch: Count = 4
    """Videos a step: the paper's four devices have one each."""
    rate: Rate = 1e-5
    """Of AdamW; that it is constant is ours, and that gradients have a norm of at most 1."""
    weight_decay: Weight = 1e-2
    alpha: Weight = 0.01
    """The reference's time is this part of the video's."""
    beta: Weight = 0.1
    """Weight of L_reg."""
    drop_reference: Part = 0.05
    """Parts of the examples without reference, without prompt, and without both: ours, those of
    IP-Adapter (arXiv:2308.06721), whose setup the paper follows."""
    drop_prompt: Part = 0.05
    drop_both: Part = 0.05
    bf16: bool = False
    """bfloat16 in the UNet; weights and losses stay float32."""


@dataclass(frozen=True, eq=False)
class Example:
    """A video of one subject, and the subject as one of its frames has it, on white."""

    video: UInt8[Array, "frames size size 3"]
    reference: UInt8[Array, "size size 3"]
    prompt: str
    keep_reference: bool


class Trained(nn.Module):
    """What trains and nothing else, so that a checkpoint holds no more than that."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        for name, parameter in parameters.items():
            self.register_parameter(name.replace(".", "/"), parameter)


def examples(step: int, options: Training) -> list[Example]:
    """What a step is trained on; it follows from the step's number alone."""
    rng = choices("videomaker", step)
    return [_example(rng, options) for _ in range(options.batch)]


def _example(rng: np.random.Generator, options: Training) -> Example:
    while len((told := scene(int(rng.integers(SCENES)))).subjects) > 1:
        pass
    clip = render(replace(told, frames=options.frames), options.size)
    inside = clip.masks(0)
    cover = inside.mean((1, 2))
    chosen = int(rng.choice(np.flatnonzero(cover >= cover.max() / 2)))
    both, reference, prompt = np.cumsum(
        [options.drop_both, options.drop_reference, options.drop_prompt]
    )
    chance = rng.random()
    return Example(
        clip.frames,
        whiten(clip.frames[chosen], inside[chosen]),
        "" if chance < both or reference <= chance < prompt else told.caption,
        keep_reference=bool(chance >= reference),
    )


def step_losses(model: VideoModel, options: Training, step: int) -> dict[str, Tensor]:
    """L_video and beta L_reg, whose sum is equation 5, of a step; the model is `injecting`."""
    shown, noise = examples(step, options), generator("videomaker", step)
    with torch.no_grad():
        text = model.encode_text([example.prompt for example in shown])
    videos = [model.encode_images(e.video, noise).permute(2, 1, 0, 3, 4) for e in shown]
    references = model.encode_images(np.stack([e.reference for e in shown]), noise)
    kept = torch.tensor([example.keep_reference for example in shown])
    video, reference = losses(
        model, torch.cat(videos), references, text, kept, noise, options.alpha
    )
    return {"video": video, "reference": options.beta * reference}


def train(
    model: VideoModel, out: Path, steps: int, options: Training, *, every: int = 50,
    recompute: bool = False,
) -> Path:  # fmt: skip
    """Train up to so many steps, from the checkpoint where there is one; the file of weights.

    Args:
        every: steps between checkpoints.
        recompute: activations, on the way back; the result is the same.

    Raises:
        UserError: the folder is of another training or has more steps, or the base cannot make
            such videos.
    """
    model.latent_shape(options.frames + 1, options.size, options.size)
    _require_steps(out, steps)
    _claim(out, options)
    parameters = trained(model.unet)
    optimizer = torch.optim.AdamW(
        parameters.values(), options.rate, weight_decay=options.weight_decay
    )
    loop = Loop(out, steps, rate=options.rate, constant=True, every=every)
    with ExitStack() as stack:
        stack.enter_context(trainable(list(parameters.values())))
        stack.enter_context(injecting(model.unet, options.frames))
        stack.enter_context(recomputing(model.unet) if recompute else nullcontext())
        loop.run(Trained(parameters), partial(step_losses, model, options), optimizer)
    if options.base.status == "random":
        write_text(out / RANDOM_MARK, "Trained from random values, for tests.\n")
    write_weights(out / OURS, model.unet, f"VideoMaker, {steps} steps on {options.base.base}")
    return out / OURS


def _require_steps(out: Path, steps: int) -> None:
    path, done = out / "checkpoint.pt", 0
    if path.is_file():
        done = _steps_in(path)
    if steps < max(done, 1):
        there = (
            f"the training in this folder has {done} already" if done else "there is nothing to do"
        )
        raise UserError(
            f"{steps} steps: {there}",
            where=f"--steps {steps}; {path}" if done else f"--steps {steps}",
            fix=f"at least {max(done, 1)}" + (", or another folder with --out" if done else ""),
        )


def _steps_in(path: Path) -> int:
    try:
        # Mapped, not read: at full size it is some gigabytes.
        return int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["step"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnpicklingError) as error:
        raise UserError(
            f"this checkpoint cannot be read: {' '.join(str(error).split())[:120]}",
            where=str(path),
            fix="remove it to begin again, or give another folder with --out",
        ) from error


def _there(path: Path) -> Training:
    try:
        return Training.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(
            "this record of a training is damaged, or of another version of customstudio",
            where=f"{path}: {error.errors()[0]['msg']}",
            fix="give another folder with --out, or go on with the version that wrote it",
        ) from None


def _claim(out: Path, options: Training) -> None:
    path = out / "training.json"
    if path.is_file():
        there = _there(path)
        names = [n for n in Training.model_fields if getattr(there, n) != getattr(options, n)]
        if names:
            raise UserError(
                f"the training in this folder has another {', '.join(names)}",
                where=str(path),
                fix="give another folder with --out, or the same options",
            )
    write_text(path, options.model_dump_json(indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on a base of AnimateDiff's family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", default=catalog.card("videomaker").base)
    parser.add_argument("--base-dir", type=Path, help="folder of the base model")
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--every", type=_count, default=50, help="steps between checkpoints")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of an option")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--bf16", action="store_true", help="bfloat16 in the UNet")
    parser.add_argument("--recompute", action="store_true", help="activations, to save memory")
    try:
        print(_train(parser.parse_args(arguments)))
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: at least 1")
    return number


def _train(given: argparse.Namespace) -> Path:
    spec = catalog.base(given.base)
    if spec.loader != SPECS[0].loader:
        raise UserError(
            f"VideoMaker cannot be trained on {spec.id}: its networks are others",
            where=f"--base {spec.id}",
            fix=f"use a base like {catalog.card('videomaker').base}",
        )
    (folder,) = locate([spec], given.base_dir)
    provenance = folder.provenance()
    options = Training(
        base=provenance, frames=spec.video.frames, size=spec.video.height, bf16=given.bf16
    )
    options = override(options, given.set)
    model = load(folder, resolve(given.device), autocast=options.bf16)
    return train(
        model, given.out, given.steps, options, every=given.every, recompute=given.recompute
    )


if __name__ == "__main__":
    main()
