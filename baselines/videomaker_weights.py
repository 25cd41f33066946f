"""VideoMaker's weights: what trains, the released files and those of a training of one's own.

Wu et al., "VideoMaker", arXiv:2412.19645, section 4.4: the spatial self-attention trains, and with
it the motion modules. A file holds them by the names that diffusers' `UNetMotionModel` has.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from customstudio.baselines.bases.spec import BaseFile, BaseSpec
from customstudio.baselines.bases.store import BaseFolder
from customstudio.errors import UserError, some
from customstudio.files import write_bytes
from customstudio.suites.schema import VideoSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

OURS = "videomaker.safetensors"
"""What a training ends in."""


def _spec(kind: str, subjects: str) -> BaseSpec:
    released = f"{kind}_pytorch_model.bin"
    return BaseSpec(
        id=f"videomaker-{kind}",
        title=f"VideoMaker's released weights for {subjects}",
        repository="SugerWu/VideoMaker",
        revision=None,
        licence="License Terms of VideoMaker (Tencent): not intended for use within the European "
        "Union, with use-based restrictions",
        source="Wu et al., arXiv:2412.19645; the repository is the one that its code names",
        video=VideoSpec(frames=16, fps=8.0, width=512, height=512),
        files=(BaseFile(names=(released,), own=OURS, weights=True),),
        size_from="at most 5.1 GB in single precision: the UNet's parameters",
        include=(released,),
        loader="customstudio.baselines.bases.animatediff_model:load",
    )


SPECS = (_spec("human", "people"), _spec("object", "nine classes of animals and cars"))
"""The loader is that of the base models that the weights can be put on."""


def trained(unet: "nn.Module") -> "dict[str, nn.Parameter]":
    """What VideoMaker trains, by name: spatial self-attention, and all of the motion modules."""
    from customstudio.baselines.parameters import motion, self_attention

    attention = {
        f"{name}.{part}": parameter
        for name, module in self_attention(unet).items()
        for part, parameter in module.named_parameters()
    }
    return {**attention, **motion(unet)}


def write_weights(path: Path, unet: "nn.Module", note: str) -> None:
    """Write what trains as safetensors, whole or not at all, with a note in its header."""
    from safetensors.torch import save

    values = {name: p.detach().cpu().contiguous() for name, p in trained(unet).items()}
    write_bytes(path, save(values, metadata={"note": note}))


def read_weights(folder: BaseFolder, unet: "nn.Module") -> "dict[str, Tensor]":
    """All of the UNet's parameters that a folder's file holds; the others stay the base's own.

    The released files are loaded by their code into the whole UNet, by name, past whatever fits
    nothing. Here a file that is not of this UNet is refused: it must hold all of the spatial
    self-attention, and all of the motion modules or none.

    Raises:
        UserError: it cannot be read, or is not of this base.
    """
    from customstudio.baselines.parameters import motion

    path = folder.folder / folder.weights[0]
    found = _load(path, path.stat().st_mtime_ns)
    here, wanted, moving = unet.state_dict(), trained(unet), motion(unet)
    foreign = [name for name in found if name not in here]
    misfits = [n for n in found if n in here and found[n].shape != here[n].shape]
    absent = [name for name in wanted if name not in found]
    if absent and set(absent) == set(moving):
        absent = []
    for names, what in (
        (foreign, "unknown to it"),
        (misfits, "of other shapes"),
        (absent, "not there"),
    ):
        if names:
            raise UserError(
                f"weights of another base: {len(names)} tensors are {what}: {some(names)}",
                where=str(path),
                fix="use the base that they were trained on, by --base: the released ones are of "
                "animatediff-v3-realistic-vision",
            )
    parameters = dict(unet.named_parameters())  # the rest are tables of positions
    return {name: value.float() for name, value in found.items() if name in parameters}


@lru_cache(maxsize=1)
def _load(path: Path, changed: int) -> "dict[str, Tensor]":
    """The tensors of a file, by name; `changed` is when it last was."""
    from customstudio.metrics.backbones.checkpoint import read_tensors

    return read_tensors(path)
