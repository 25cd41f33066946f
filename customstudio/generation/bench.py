"""Speed of CustomVideo: training, sampling, memory, and what each faster variant gains.

`--plan` counts at full size without values and estimates the GPU hours of the suite: no GPU
needed. Otherwise things are measured: full size on a GPU, small on a CPU. Each variant is timed in
turn with the default in the same process, and what counts is their ratio. No variant is a default.
`--methods all` times a fit and a video of each method instead.
"""

import argparse
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from customstudio.baselines.bases.full import full_base, small_base
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.option_sets import CLASS_BATCH
from customstudio.baselines.parameters import projections
from customstudio.errors import UserError
from customstudio.evaluation.devices import resolve
from customstudio.generation.bench_methods import DEFAULT, Clock, Cost, measure, networks
from customstudio.generation.bench_models import (
    FULL,
    OPTIONS,
    SMALL,
    Size,
    decoding,
    flops,
    sampling,
    step_parts,
    training,
)
from customstudio.generation.plan import SAMPLING_RATE, TRAINING_RATE
from customstudio.suites.load import load_suite
from customstudio.suites.schema import VideoSpec

PEAKS = {"H200": 989.0, "H100": 989.0}
"""TFLOP/s of dense bfloat16, from NVIDIA's data sheets (SXM)."""
BASE = "zeroscope-576w"
VARIANTS = ("bf16", "tf32", "no-sdpa", "channels-last", "compile")
"""Several at once are joined by `+`."""
COMPILER, GRAPHS = "inductor", 64
"""What compiles blocks, and how many widths and sizes of one kind of block it may tell apart."""


def main() -> None:
    """Count or measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m customstudio.generation.bench", description=__doc__
    )
    parser.add_argument("--plan", action="store_true", help="count at full size, without values")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--steps", type=int, default=5, help="steps a measurement, after one more")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each thing")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="separated by commas")
    parser.add_argument("--batches", default="1,2,4", help="videos at once")
    parser.add_argument(
        "--methods", help="time these methods instead, separated by commas: METHOD[@BASE], or all"
    )
    parser.add_argument("--weights-dir", type=Path, help="keeps random weights of their networks")
    parser.add_argument("--rate", type=float, help="TFLOP/s that a plan assumes of all parts")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, torch {torch.__version__}\n")
    if options.methods:
        _methods(options.methods, resolve(options.device), options.weights_dir)
        return
    print("| what | figure | details |\n|---|---|---|", flush=True)
    if options.plan:
        plan(options.rate)
        return
    device = resolve(options.device)
    size, model = (SMALL, small_base(BASE)) if device == "cpu" else (FULL, full_base(BASE, device))
    _speed(model, size, options.steps, options.rounds, options.batches)
    for name in filter(None, options.variants.split(",")):
        _compare(name, model, size, options.steps, options.rounds)


def _methods(names: str, device: str, weights: Path | None) -> None:
    """A row a method; one that cannot be measured says why, and the rest goes on."""
    small = device == "cpu"
    size = SMALL if small else FULL
    few = ["class_images=2", *([f"svd_frames={size.frames}", "svd_pixels=4096"] if small else [])]
    video = VideoSpec(frames=size.frames, fps=8.0, width=size.width, height=size.height)
    print("| method | a fit | at most | a video | at most |\n|---|---|---|---|---|", flush=True)
    with TemporaryDirectory() as directory, _cache(directory):
        for name in DEFAULT if names == "all" else names.split(","):
            try:
                with networks(name, device, video, weights or Path(directory)) as (bases, task):
                    _cost(name, measure(name, bases, task, few, Clock(device)))
            except UserError as error:
                _missed(name, str(error))
            except Exception as error:  # of whatever kind: the other methods go on
                _missed(name, f"{type(error).__name__}: {error}")


def _missed(name: str, why: str) -> None:
    print(f"| `{name}` | {' '.join(why.split())[:200]} | | | |", flush=True)


def _cost(name: str, cost: Cost) -> None:
    steps = ", ".join(f"{count:,} x {seconds:.3f} s" for count, seconds in cost.steps.values())
    fit = f"{cost.fit:,.0f} s ({steps})" if steps else f"{cost.fit:.1f} s"
    most = [f"{memory:.1f} GB" for memory in (cost.fit_memory, cost.video_memory)]
    print(f"| `{name}` | {fit} | {most[0]} | {cost.video:.1f} s | {most[1]} |", flush=True)


@contextmanager
def _cache(directory: str) -> Iterator[None]:
    """Class images go there, and not among those of real models."""
    before = os.environ.get("CUSTOMSTUDIO_CACHE")
    os.environ["CUSTOMSTUDIO_CACHE"] = directory
    try:
        yield
    finally:
        os.environ.pop("CUSTOMSTUDIO_CACHE")
        if before is not None:
            os.environ["CUSTOMSTUDIO_CACHE"] = before


def plan(rate: float | None) -> None:
    """What the whole suite costs: operations counted on the meta device.

    Args:
        rate: TFLOP/s; None: those that were reached on one H200 in float32.
    """
    model = full_base(BASE, "meta")
    suite = load_suite("customstudio")
    trained = projections(model.unet, OPTIONS.train, OPTIONS.layers).values()
    parts = {"UNet": model.unet, "VAE": model.vae, "text encoder": model.text_encoder}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    text = ", ".join(f"{name} {count / 1e6:,.1f} M" for name, count in counts.items())
    text += " (with a vocabulary of bytes)"
    _row("parameters", f"{sum(p.numel() for p in trained):,} train", text)
    with training(model, FULL) as step:
        step_flops = flops(step) / 1e12
    _row("training step", f"{step_flops:.2f} TFLOP", "2 pictures and 2 class images, 576x320")
    guided = flops(sampling(model, FULL, 1)) / 1e12
    _row("sampling step", f"{guided:.2f} TFLOP", "one video, guided, 24 frames, 576x320")
    decode = flops(decoding(model, FULL)) / 1e12
    _row("decoding a video", f"{decode:.2f} TFLOP", "VAE, 24 frames")
    image = flops(sampling(model, FULL, 1, frames=1)) / 1e12
    video = OPTIONS.sampling_steps * guided + decode
    subjects = {s for job in suite.jobs for s in job.subjects}
    images = len(subjects) * OPTIONS.class_images
    training_rate, sampling_rate = rate or TRAINING_RATE, rate or SAMPLING_RATE
    costs = {
        f"fitting {len(suite.pairs)} pairs": (
            len(suite.pairs) * OPTIONS.steps * step_flops, training_rate
        ),
        f"{len(suite.jobs):,} videos": (len(suite.jobs) * video, sampling_rate),
        f"{images:,} class images": (
            images * (OPTIONS.sampling_steps * image + decode / 24), sampling_rate
        ),
    }  # fmt: skip
    for name, (tflop, reached) in costs.items():
        details = f"{tflop / 1000:,.0f} PFLOP at {reached:g} TFLOP/s"
        _row(name, f"{tflop / reached / 3600:.2f} h", details)
    hours = sum(tflop / reached for tflop, reached in costs.values()) / 3600
    _row("in all", f"{hours:.1f} h", "by arithmetic; class images may reach less")


def _speed(model: VideoModel, size: Size, steps: int, rounds: int, batches: str) -> None:
    with training(model, size) as step:
        count = flops(step)
        seconds = statistics.median(_timed(step, steps, model) for _ in range(rounds))
        details = f"{seconds:.3f} s a step, {_rate(count, seconds)}, {_memory(model)}"
        _row("500 training steps", f"{500 * seconds:.0f} s", details)
        for name, work in step_parts(model, size).items():
            _row(f"of a training step: {name}", f"{_timed(work, steps, model):.3f} s", "")
    decode = statistics.median(_timed(decoding(model, size), 1, model) for _ in range(rounds))
    for batch in map(int, batches.split(",")):
        work = sampling(model, size, batch)
        count = flops(work)
        seconds = statistics.median(_timed(work, steps, model) for _ in range(rounds))
        details = f"{seconds:.3f} s a step, {_rate(count, seconds)}, {_memory(model)}"
        shape = f"{size.frames} frames {size.width}x{size.height}"
        _row(
            f"a video, {batch} at once",
            f"{50 * seconds / batch + decode:.2f} s",
            f"50 steps, {shape}; {details}",
        )
    work = sampling(model, size, CLASS_BATCH, frames=1)
    seconds = statistics.median(_timed(work, steps, model) for _ in range(rounds))
    _row(
        f"a class image, {CLASS_BATCH} at once",
        f"{50 * seconds / CLASS_BATCH:.2f} s",
        f"50 steps, without decoding; {seconds:.3f} s a step, {_memory(model)}",
    )


def _compare(name: str, model: VideoModel, size: Size, steps: int, rounds: int) -> None:
    """A variant against the default, in turn: default's time over the variant's."""
    for what in ("training", "sampling"):
        ratios = []
        for _ in range(rounds):
            default = _one(what, model, size, steps)
            with variant(name, model):
                ratios.append(default / _one(what, model, size, steps))
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        _row(f"{what}, {name}", f"{statistics.median(ratios):.2f} times as fast", spread)


def _one(what: str, model: VideoModel, size: Size, steps: int) -> float:
    with ExitStack() as stack:
        if what == "training":
            return _timed(stack.enter_context(training(model, size)), steps, model)
        return _timed(sampling(model, size, 1), steps, model)


@contextmanager
def variant(name: str, model: VideoModel) -> Iterator[None]:
    """The model in a variant, or several joined by `+`, and back.

    `no-sdpa` is the other way round: diffusers uses torch's fused attention by default.
    `tf32` rounds the factors of matrix products to ten bits; in convolutions torch does so anyway.
    `compile` compiles blocks: equal ones share a graph, where the whole UNet is one of thousands of
    operations that took longer than a measurement.
    """
    import torch._dynamo as dynamo
    from diffusers.models.attention_processor import AttnProcessor

    unet, autocast, processors = model.unet, model.autocast, dict(model.unet.attn_processors)
    tf32 = torch.backends.cuda.matmul.allow_tf32
    stack = ExitStack()
    try:
        for part in name.split("+"):
            if part == "bf16":
                model.autocast = True
            elif part == "no-sdpa":
                unet.set_attn_processor(AttnProcessor())
            elif part == "channels-last":
                _layout(unet, (torch.channels_last, torch.channels_last_3d))
            elif part == "tf32":
                torch.backends.cuda.matmul.allow_tf32 = True
            elif part == "compile":
                stack.enter_context(dynamo.config.patch(recompile_limit=GRAPHS))
                _compile(unet)
            else:
                raise SystemExit(f"unknown variant {part!r}; known: {', '.join(VARIANTS)}")
        yield
    finally:
        model.autocast = autocast
        torch.backends.cuda.matmul.allow_tf32 = tf32
        unet.set_attn_processor(processors)
        _layout(unet, (torch.contiguous_format, torch.contiguous_format))
        for module in unet.modules():
            module._compiled_call_impl = None
        torch.compiler.reset()
        stack.close()


def _compile(unet: torch.nn.Module) -> None:
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.resnet import ResnetBlock2D, TemporalConvLayer

    for module in unet.modules():
        if isinstance(module, (BasicTransformerBlock, ResnetBlock2D, TemporalConvLayer)):
            module.compile(backend=COMPILER)


def _layout(
    unet: torch.nn.Module, formats: tuple[torch.memory_format, torch.memory_format]
) -> None:
    """Weights of convolutions over pictures and over videos, in a memory format each."""
    for parameter in unet.parameters():
        if parameter.dim() in (4, 5):
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim() - 4])


def _timed(work: Callable[[], None], steps: int, model: VideoModel) -> float:
    """Seconds of one call, the mean of some after a first that does not count."""
    work()
    _wait(model)
    start = time.perf_counter()
    for _ in range(steps):
        work()
    _wait(model)
    return (time.perf_counter() - start) / steps


def _wait(model: VideoModel) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def _rate(count: int, seconds: float) -> str:
    rate = count / seconds / 1e12
    text = f"{count / 1e9:,.2f} GFLOP a step, {rate * 1000:,.2f} GFLOP/s"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        peak = next((value for key, value in PEAKS.items() if key in name), None)
        text += f" ({100 * rate / peak:.0f} % of bfloat16's peak)" if peak else f" on {name}"
    return text


def _memory(model: VideoModel) -> str:
    if model.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(model.device) / 1e9
        torch.cuda.reset_peak_memory_stats(model.device)
        return f"{peak:.1f} GB at most"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"process {peak:.1f} GB at most"


def _row(what: str, figure: str, details: str) -> None:
    print(f"| {what} | {figure} | {details} |", flush=True)


if __name__ == "__main__":
    main()
