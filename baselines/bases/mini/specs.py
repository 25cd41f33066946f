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


def _config(name: str, sha256: str) -> BaseFile:
    return BaseFile(names=(name,), sha256=sha256)


_SHARED = (
    _config(
        "scheduler/scheduler_config.json",
        "c5752f5040416f83bc44b35f09ddc6013868d90140251bf2ef62b00399c410d4",
    ),
    _config(
        "tokenizer/tokenizer.json",
        "cec6d1f0a4f47e733a89742b79cf830aad1b1f83381407af3eef5db63c08a15e",
    ),
    _config(
        "tokenizer/tokenizer_config.json",
        "650fd8b6a5994df6e1d182e97f129da876f73835d87c3017fb0fddcd39e1134c",
    ),
    _config(
        "text_encoder/config.json",
        "5b6132a56b72325b0f1b8c3917ad55e450e2ca5ee5bee1de9a0ffd30b094147f",
    ),
    _weights(
        "text_encoder/model.safetensors", 0.6,
        "3148d0467f6db78fc6a1cee5bb3a922c8ad91489612fdb399d868cf1d57ed396",
    ),
    _config(
        "vae/config.json",
        "f74ae48e53394e0b814d7ff40cce94102d24558205e165c36f92dd4740401165",
    ),
    _weights(
        "vae/diffusion_pytorch_model.safetensors", 1.4,
        "cc1b772dfeea42463a5ce292d14a4f82cb217579d780cf9ec457c3a08c0d242f",
    ),
)  # fmt: skip
_ZEROSCOPE = (
    *_SHARED,
    _config(
        "unet/config.json",
        "e4a051abc9c3ce0a0ad1aa4918a5755f396b4a8d2a155b26981656efc10f1b68",
    ),
    _weights(
        "unet/diffusion_pytorch_model.safetensors", 11.5,
        "ad9b24995f7b826c9032330e4b43b83a5d59be016912b6eb8de6f142acb5a1dc",
    ),
)  # fmt: skip
_STABLE_DIFFUSION = (
    *_SHARED,
    _config(
        "unet/config.json",
        "58ee1918f168a5ed1ddb566be7764108dcb002902403b8ccd1140946e7926743",
    ),
    _weights(
        "unet/diffusion_pytorch_model.safetensors", 6.5,
        "738efbc6a1794bd46a851b825a24ec0a129f0297bb8f3317629305f61d26a3a3",
    ),
)  # fmt: skip
_ANIMATEDIFF = (
    *_STABLE_DIFFUSION,
    _config(
        "motion_adapter/config.json",
        "1e7fe87c5bc5e6981fbabc256acbb1cff5ab64753f01bde0126092171a651a32",
    ),
    _weights(
        "motion_adapter/diffusion_pytorch_model.safetensors", 3.1,
        "cf454037074a9c0707aa6da667335f18b69dc1fc2ae09c62a5747ea4add35b38",
    ),
)  # fmt: skip


def _spec(
    name: str, title: str, twin_of: tuple[str, ...], files: tuple[BaseFile, ...], loader: str,
    folder: str | None = None, *, temporal_layers: bool = True, longest: int | None = None,
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
        longest=longest,
        side=4,
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
        "customstudio.baselines.bases.animatediff_model:load", "mini-stable-diffusion", longest=32,
    ),
    _spec(
        "mini-text2video-zero", "the mini world's Text2Video-Zero", ("text2video-zero",),
        _STABLE_DIFFUSION, "customstudio.baselines.bases.text2video_zero_model:load",
        "mini-stable-diffusion", temporal_layers=False,
    ),
)  # fmt: skip
