"""The mini base models: they come with the package, trained on the mini world (docs/mini.md).

The mini Stable Diffusion is the mini zeroscope without its temporal layers, and has its text
encoder, VAE and noise schedule (in the repository these are links).
"""

from customstudio.baselines.bases.spec import BaseFile, BaseSpec
from customstudio.suites.schema import VideoSpec

_VIDEO = VideoSpec(frames=8, fps=8.0, width=64, height=64)
_SOURCE = "customstudio.baselines.bases.mini: trained on the mini world by CustomStudio"


def _weights(name: str, megabytes: float, sha256: str) -> BaseFile:
    return BaseFile(names=(name,), megabytes=megabytes, weights=True, sha256=sha256)


_SHARED = (
    BaseFile(names=("scheduler/scheduler_config.json",)),
    BaseFile(names=("tokenizer/tokenizer.json",)),
    BaseFile(names=("tokenizer/tokenizer_config.json",)),
    BaseFile(names=("text_encoder/config.json",)),
    _weights(
        "text_encoder/model.safetensors", 0.6,
        "3148d0467f6db78fc6a1cee5bb3a922c8ad91489612fdb399d868cf1d57ed396",
    ),
    BaseFile(names=("vae/config.json",)),
    _weights(
        "vae/diffusion_pytorch_model.safetensors", 1.4,
        "cc1b772dfeea42463a5ce292d14a4f82cb217579d780cf9ec457c3a08c0d242f",
    ),
    BaseFile(names=("unet/config.json",)),
)  # fmt: skip
_ZEROSCOPE = (
    *_SHARED,
    _weights(
        "unet/diffusion_pytorch_model.safetensors", 11.5,
        "ad9b24995f7b826c9032330e4b43b83a5d59be016912b6eb8de6f142acb5a1dc",
    ),
)  # fmt: skip
_STABLE_DIFFUSION = (
    *_SHARED,
    _weights(
        "unet/diffusion_pytorch_model.safetensors", 6.5,
        "738efbc6a1794bd46a851b825a24ec0a129f0297bb8f3317629305f61d26a3a3",
    ),
)  # fmt: skip
_ANIMATEDIFF = (
    *_STABLE_DIFFUSION,
    BaseFile(names=("motion_adapter/config.json",)),
    _weights(
        "motion_adapter/diffusion_pytorch_model.safetensors", 3.1,
        "cf454037074a9c0707aa6da667335f18b69dc1fc2ae09c62a5747ea4add35b38",
    ),
)  # fmt: skip


def _spec(
    name: str, title: str, twin_of: tuple[str, ...], files: tuple[BaseFile, ...], loader: str,
    folder: str | None = None, *, temporal_layers: bool = True,
) -> BaseSpec:  # fmt: skip
    return BaseSpec(
        id=name,
        title=title,
        repository="none: comes with the package",
        revision=None,
        licence="Apache-2.0",
        source=_SOURCE,
        video=_VIDEO,
        files=files,
        size_from="the files themselves",
        include=(),
        loader=loader,
        embedded=True,
        folder=folder,
        twin_of=twin_of,
        temporal_layers=temporal_layers,
    )


SPECS = (
    _spec(
        "mini-zeroscope", "the mini world's zeroscope", ("zeroscope-576w",), _ZEROSCOPE,
        "customstudio.baselines.bases.reading:load",
    ),
    _spec(
        "mini-animatediff", "the mini world's AnimateDiff",
        ("animatediff", "animatediff-realistic-vision", "animatediff-v3-realistic-vision"),
        _ANIMATEDIFF,
        "customstudio.baselines.bases.animatediff_model:load", "mini-stable-diffusion",
    ),
    _spec(
        "mini-text2video-zero", "the mini world's Text2Video-Zero", ("text2video-zero",),
        _STABLE_DIFFUSION, "customstudio.baselines.bases.text2video_zero_model:load",
        "mini-stable-diffusion", temporal_layers=False,
    ),
)  # fmt: skip
