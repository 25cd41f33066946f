"""Base models of the published sizes with random values: for speed, memory and counts.

Speed does not depend on what the numbers are. On the `meta` device there are none at all, only
shapes, which is enough to count. Tokenizers are of bytes alone; all else is diffusers' and
transformers' own.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from customstudio.baselines.bases import wan_vace
from customstudio.baselines.bases.image_to_video import ImageToVideo
from customstudio.baselines.bases.tiny import tiny
from customstudio.baselines.bases.tiny_stable_diffusion import (
    tiny_animatediff,
    tiny_animatediff_xl,
    tiny_text2video_zero,
)
from customstudio.baselines.bases.tiny_svd import tiny_svd
from customstudio.baselines.bases.tiny_wan_vace import tiny_wan_vace
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.bases.wan_vace_model import WanVace
from customstudio.errors import UserError, some

WIDTHS = (128, 256, 512, 512)
"""Of the VAE of all Stable Diffusion's families."""


def full_base(base: str, device: str) -> Any:
    """A base model, a `VideoModel`, `ImageToVideo` or `WanVace`, by its id in the catalog.

    Raises:
        UserError: no sizes of it are known here.
    """
    like = small_base(base)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(0)
        parts = _BASES[base][1](like)
    source = like.provenance.model_copy(update={"base": f"full-{base}"})
    return replace(like, **parts, provenance=source, device=torch.device(device))


def small_base(base: str) -> Any:
    """The same topology at tiny width, on the CPU.

    Raises:
        UserError: as `full_base`.
    """
    if base not in _BASES:
        raise UserError(
            f"no full size is known of base {base}",
            where="--methods",
            fix=f"one of {some([*_BASES])}",
        )
    return _BASES[base][0]()


Parts = dict[str, Any]


def _zeroscope(like: VideoModel) -> Parts:
    from diffusers import UNet3DConditionModel

    return {
        "unet": UNet3DConditionModel(),
        "vae": _vae(),
        "text_encoder": _text(like, 1024, 23, "gelu"),
    }


def _animatediff(like: VideoModel, *, middle: bool = True) -> Parts:
    from diffusers import UNetMotionModel

    return {
        "unet": UNetMotionModel(cross_attention_dim=768, use_motion_mid_block=middle),
        "vae": _vae(),
        "text_encoder": _text(like, 768, 12, "quick_gelu"),
    }


def _animatediff_xl(like: VideoModel) -> Parts:
    from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel
    from transformers import CLIPTextModelWithProjection

    plain = UNet2DConditionModel(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20), cross_attention_dim=2048, use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )  # fmt: skip
    adapter = MotionAdapter(block_out_channels=(320, 640, 1280), use_motion_mid_block=False)
    return {
        "unet": UNetMotionModel.from_unet2d(plain, adapter, load_weights=False),
        "vae": _vae(),
        "text_encoder": _text(like, 768, 12, "quick_gelu"),
        "text_encoder_2": CLIPTextModelWithProjection(
            _text_config(like, 1280, 32, "gelu", projection_dim=1280)
        ),
    }


def _text2video_zero(like: VideoModel) -> Parts:
    from diffusers import UNet2DConditionModel

    return {
        "unet": UNet2DConditionModel(
            cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
        ),
        "vae": _vae(),
        "text_encoder": _text(like, 1024, 23, "gelu"),
    }


def _svd(like: ImageToVideo) -> Parts:
    from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return {
        "unet": UNetSpatioTemporalConditionModel(),
        "vae": AutoencoderKLTemporalDecoder(
            block_out_channels=WIDTHS, layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
        ),
        "image_encoder": CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                num_attention_heads=16, patch_size=14, projection_dim=1024,
            )
        ),
    }  # fmt: skip


def _wan(like: WanVace) -> Parts:
    from diffusers import AutoencoderKLWan, WanVACETransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(vocab_size=256_384, d_model=4096, d_ff=10_240, num_layers=24, num_heads=64)
    return {
        "transformer": WanVACETransformer3DModel(
            num_attention_heads=12, ffn_dim=8960, num_layers=30, vace_layers=[*range(0, 30, 2)]
        ),
        "vae": AutoencoderKLWan(),
        "text_encoder": UMT5EncoderModel(config),
        "video": wan_vace.SPECS[0].video,
    }


_BASES: dict[str, tuple[Callable[[], Any], Callable[[Any], Parts]]] = {
    "zeroscope-576w": (tiny, _zeroscope),
    "animatediff": (tiny_animatediff, _animatediff),
    "animatediff-realistic-vision": (tiny_animatediff, _animatediff),
    "animatediff-v3-realistic-vision": (tiny_animatediff, partial(_animatediff, middle=False)),
    "animatediff-sdxl": (tiny_animatediff_xl, _animatediff_xl),
    "text2video-zero": (tiny_text2video_zero, _text2video_zero),
    "svd-xt": (tiny_svd, _svd),
    "wan-vace-1.3b": (tiny_wan_vace, _wan),
}
"""Base -> a small one like it, and what takes the place of its networks."""


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=WIDTHS, layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip


def _text(like: VideoModel, width: int, layers: int, activation: str) -> Any:
    from transformers import CLIPTextModel

    return CLIPTextModel(_text_config(like, width, layers, activation))


def _text_config(like: VideoModel, width: int, layers: int, activation: str, **more: Any) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=like.vocabulary, hidden_size=width, intermediate_size=4 * width,
        num_hidden_layers=layers, num_attention_heads=width // 64, hidden_act=activation,
        bos_token_id=like.tokenizer.bos_token_id, eos_token_id=like.tokenizer.eos_token_id, **more,
    )  # fmt: skip
