"""References as image prompts: their embeddings, where in a frame they count, and the videos.

Ye et al., "IP-Adapter", arXiv:2308.06721, takes one image. Here each subject of a pair has its own,
which counts in a region of the frame; for several subjects that is our choice (`regions`).
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from customstudio.baselines.bases.animatediff_model import AnimateDiff, ImagePrompt
from customstudio.baselines.collage import Image, Picture, collage, panel_edges, read_pictures
from customstudio.baselines.image_adapters import adapted, read_adapter
from customstudio.baselines.image_encoder import load_image_encoder
from customstudio.baselines.option_sets import ClipPromptOptions, ImagePromptOptions
from customstudio.baselines.sampling import sample
from customstudio.baselines.seeds import choices
from customstudio.baselines.task import Bases, Task, Videos
from customstudio.baselines.tuned import Tuned
from customstudio.errors import UserError
from customstudio.suites.schema import Job

WITHOUT = "without"
"""Name among a fit's embeddings of what stands for no image."""


def animatediff(bases: Bases, task: Task) -> AnimateDiff:
    """The base, which must be AnimateDiff and make videos that can be parted into regions.

    Raises:
        UserError: it is another base, or the video's sides halve unevenly on the way down.
    """
    if not isinstance(bases.main, AnimateDiff):
        raise UserError(
            "image prompts work on AnimateDiff alone",
            where=f"base {bases.main.provenance.base}",
            fix="use --base animatediff or --base animatediff-realistic-vision",
        )
    model, video = bases.main, task.video
    step = model.scale * 2 ** (len(model.unet.config.block_out_channels) - 1)
    if video.height % step or video.width % step:
        raise UserError(
            f"a video of {video.width}x{video.height}: regions need sides that {step} divides",
            where=f"suite {task.suite}",
            fix="use a suite whose videos have such sides",
        )
    return model


def embed_references(
    bases: Bases,
    task: Task,
    options: ClipPromptOptions,
    encoder: str,
    what: Literal["image", "patches"],
) -> Tuned:
    """Embeddings of every reference by CLIP, and what stands for no image.

    That is zeros in the place of an embedding, and the patches of an image whose normalised pixels
    are zeros, as in diffusers' pipelines.

    Args:
        encoder: the network's id.
        what: the whole image's embedding, or the states of its patches.
    """
    model = animatediff(bases, task)
    network = bases.network(encoder, lambda located: load_image_encoder(located, model.device))
    embed = network.embed if what == "image" else network.patches
    pictures = read_pictures(
        task.subjects, masks=options.needs_masks, remove_background=options.remove_background
    )
    pixels = [network.pixels([_framed(p, options) for p in own]) for own in pictures]
    images = {str(number): embed(own).cpu() for number, own in enumerate(pixels, 1)}
    nothing = torch.zeros_like(pixels[0][:1])
    without = torch.zeros_like(images["1"][:1]) if what == "image" else embed(nothing).cpu()
    return Tuned(images={**images, WITHOUT: without})


def sample_with_images(
    bases: Bases,
    tuned: Tuned,
    task: Task,
    jobs: Sequence[Job],
    options: ImagePromptOptions,
    adapter: str,
    on_step: Callable[[], None],
) -> Videos:
    """The videos of jobs, from plain prompts and the subjects' images.

    Args:
        tuned: embeddings of each subject's references, by its number from 1.
        adapter: the network's id.
    """
    model = animatediff(bases, task)
    state = bases.network(adapter, read_adapter)
    prompt, scales = image_prompt(tuned, task, jobs, options)
    prompts = [job.prompt for job in jobs]
    with adapted(model, state, prompt, scales):
        return sample(bases, Tuned(), task, jobs, prompts, options, on_step, solver="ddim")


def image_prompt(
    tuned: Tuned, task: Task, jobs: Sequence[Job], options: ImagePromptOptions
) -> tuple[ImagePrompt, list[float]]:
    """What the adapter is given for a batch, and lambda of each image.

    Of several images of a subject each counts by its share, so that their mean is attended to.
    """
    numbers = [n for n in range(1, len(task.subjects) + 1) if str(n) in tuned.images]
    rows, where, scales = [], [], []
    areas = regions(task, options)
    for number in numbers:
        of_jobs = [_chosen(tuned.images[str(number)], task, job, number, options) for job in jobs]
        rows.append(torch.stack(of_jobs))
        count = rows[-1].shape[1]
        where += [areas[number - 1]] * count
        scales += [options.scale / count] * count
    embeddings = torch.cat(rows, dim=1)
    without = tuned.images[WITHOUT].expand_as(embeddings)
    return ImagePrompt(embeddings, without, torch.stack(where)[None]), scales


def regions(task: Task, options: ImagePromptOptions) -> Float[Tensor, "subjects height width"]:
    """Where each subject's images count: its panel, from left to right, or everywhere.

    >>> from customstudio.baselines.option_sets import ImagePromptOptions
    >>> from customstudio.baselines.task import TaskSubject
    >>> from customstudio.suites.schema import VideoSpec
    >>> two = tuple(TaskSubject(noun, noun, ()) for noun in ("cat", "dog"))
    >>> task = Task("mini", "cat+dog", two, VideoSpec(frames=1, fps=8, width=4, height=1))
    >>> regions(task, ImagePromptOptions()).tolist()
    [[[1.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 1.0]]]
    """
    count, video = len(task.subjects), task.video
    if options.regions == "everywhere":
        return torch.ones(count, video.height, video.width)
    masks = torch.zeros(count, video.height, video.width)
    edges = panel_edges(video.width, count)
    for index in range(count):
        masks[index, :, edges[index] : edges[index + 1]] = 1
    return masks


def _chosen(
    rows: Float[Tensor, "references *shape"],
    task: Task,
    job: Job,
    number: int,
    options: ImagePromptOptions,
) -> Float[Tensor, "images *shape"]:
    if options.images == "all":
        return rows
    rng = choices("image", task.suite, job.pair, job.prompt_id, job.seed, number)
    return rows[int(rng.integers(len(rows)))][None]


def _framed(picture: Picture, options: ClipPromptOptions) -> Image:
    """The picture as it is, whose middle the encoder takes, or all of it in a white square."""
    if options.framing == "fill":
        return picture.image
    side = max(picture.mask.shape)
    return collage([picture], (side, side)).image
