"""Wan 2.1 with VACE: prompts and reference images in, video out.

Jiang et al., "VACE: All-in-One Video Creation and Editing", ICCV 2025, arXiv:2503.07598, on Wan 2.1
(Wan Team, arXiv:2503.20314). Files and sizes are those of listings of the two repositories on the
hub; of the larger one, the listing of the branch that it was merged from.
"""

from collections.abc import Iterator

from customstudio.baselines.bases.spec import BaseFile, BaseSpec
from customstudio.suites.schema import VideoSpec

_TEXT = (4940, 4980, 1440)
"""Shards of the text encoder in bfloat16: umT5-XXL's encoder, 5,680.9 M parameters."""


def _files(transformer: tuple[int, ...]) -> tuple[BaseFile, ...]:
    """All files.

    Args:
        transformer: 10^6 bytes of each of its shards.
    """
    small = ("scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json",
             "tokenizer/tokenizer.json", "text_encoder/config.json", "transformer/config.json",
             "vae/config.json")  # fmt: skip
    return (
        *(BaseFile(names=(name,)) for name in small),
        *_shards("text_encoder/model", _TEXT),
        *_shards("transformer/diffusion_pytorch_model", transformer),
        BaseFile(names=("vae/diffusion_pytorch_model.safetensors",), megabytes=508, weights=True),
    )


def _shards(name: str, megabytes: tuple[int, ...]) -> Iterator[BaseFile]:
    """Weights in shards and their index, or in a single file in the place of all of them."""
    whole, count = f"{name}.safetensors", len(megabytes)
    yield BaseFile(names=(f"{whole}.index.json", whole))
    for number, size in enumerate(megabytes, 1):
        shard = f"{name}-{number:05d}-of-{count:05d}.safetensors"
        yield BaseFile(names=(shard, whole), megabytes=size, weights=True)


def _spec(
    size: str, revision: str | None, sides: tuple[int, int], transformer: tuple[int, ...]
) -> BaseSpec:
    return BaseSpec(
        id=f"wan-vace-{size.lower()}",
        title=f"Wan 2.1 VACE {size}",
        repository=f"Wan-AI/Wan2.1-VACE-{size}-diffusers",
        revision=revision,
        licence="Apache-2.0 (the model's page)",
        source="Wan Team, arXiv:2503.20314; Jiang et al., ICCV 2025, arXiv:2503.07598",
        # What VACE's own page names for each.
        video=VideoSpec(frames=81, fps=16.0, width=sides[0], height=sides[1]),
        takes="references",
        files=_files(transformer),
        size_from="a listing of the repository; the files themselves were not seen",
        include=("scheduler/*", "tokenizer/*", "text_encoder/*", "transformer/*", "vae/*"),
        loader="customstudio.baselines.bases.wan_vace_model:load",
    )


SPECS = (
    # Wan's blocks in float32 (1,419.0 M) and VACE's in bfloat16 (735.0 M): 7.15 GB. The revision is
    # the one in the cache paths of public scripts; its first seven digits are the listing's.
    _spec("1.3B", "ec4d2cb062b548996b179d493fdd05340de702a1", (832, 480), (5000, 2150)),
    # The same of 14,288.5 M and 3,049.1 M is 63.25 GB; the listing names 13 shards of 4.9.
    _spec("14B", None, (1280, 720), (4870,) * 13),
)
