"""Stable Diffusion's families at tiny width with random values: for tests, never for use."""

from pathlib import Path
from typing import Any

import torch

from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.animatediff_xl_model import AnimateDiffXL
from customstudio.baselines.bases.text2video_zero_model import Text2VideoZero
from customstudio.baselines.bases.tiny import save_parts, tiny_parts, tiny_tokenizer
from customstudio.baselines.bases.video_model import settle

WIDTHS = (8, 16, 16, 16)


def tiny_animatediff(seed: int = 0) -> AnimateDiff:
    """Stable Diffusion 1.5's topology with a motion adapter, all random."""
    from diffusers import MotionAdapter, UNetMotionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = MotionAdapter(
            block_out_channels=WIDTHS, motion_num_attention_heads=2, motion_norm_num_groups=4
        )
        unet = UNetMotionModel.from_unet2d(_unet(attention_head_dim=2), adapter)
        return AnimateDiff(unet, **tiny_parts("tiny-animatediff"))


def tiny_animatediff_xl(seed: int = 0) -> AnimateDiffXL:
    """Stable Diffusion XL's topology with a motion adapter, all random.

    The end of a text is token 2, by the second encoder's configuration, as published.
    """
    from diffusers import MotionAdapter, UNetMotionModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = MotionAdapter(
            block_out_channels=WIDTHS[:3], motion_num_attention_heads=2, motion_norm_num_groups=4,
            use_motion_mid_block=False,
        )  # fmt: skip
        unet = UNetMotionModel.from_unet2d(_unet_xl(), adapter)
        parts = tiny_parts("tiny-animatediff-xl")
        tokenizer = tiny_tokenizer(pad_token="!")
        text = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32,
                num_hidden_layers=3, num_attention_heads=2, projection_dim=16,
                bos_token_id=0, eos_token_id=2, pad_token_id=1,
            )
        )  # fmt: skip
    parts["schedule"] |= {"timestep_spacing": "leading", "steps_offset": 1}
    return AnimateDiffXL(unet, **parts, text_encoder_2=text, tokenizer_2=tokenizer)


def tiny_text2video_zero(seed: int = 0, predicts: str = "v_prediction") -> Text2VideoZero:
    """Stable Diffusion 2.1's topology, random; its larger version predicts velocity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = _unet(attention_head_dim=(2, 4, 4, 4), use_linear_projection=True)
        parts = tiny_parts(f"tiny-text2video-zero-{predicts}")
    parts["schedule"]["prediction_type"] = predicts
    return Text2VideoZero(unet, **parts)


def stable_diffusion(model: AnimateDiff) -> Any:
    """Stable Diffusion's UNet with the same weights as in AnimateDiff."""
    unet = _unet_xl() if isinstance(model, AnimateDiffXL) else _unet(attention_head_dim=2)
    values = {n: v for n, v in model.unet.state_dict().items() if "motion_modules" not in n}
    unet.load_state_dict(values)
    settle(unet, model.device)
    return unet


def save_animatediff(model: AnimateDiff, folder: Path) -> None:
    """Write it as published: Stable Diffusion's folder, and the motion adapter's in it."""
    stable_diffusion(model).save_pretrained(folder / "unet")
    model.unet.save_motion_modules(folder / "motion_adapter")
    save_parts(model, folder)
    if isinstance(model, AnimateDiffXL):
        for name in ("text_encoder_2", "tokenizer_2"):
            getattr(model, name).save_pretrained(folder / name)


def _unet_xl() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=WIDTHS[:3], norm_num_groups=4, transformer_layers_per_block=(1, 2, 3),
        attention_head_dim=(2, 4, 4), cross_attention_dim=32, use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=16 + 6 * 4,
    )  # fmt: skip


def _unet(**options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=WIDTHS, norm_num_groups=4, cross_attention_dim=16, **options
    )
