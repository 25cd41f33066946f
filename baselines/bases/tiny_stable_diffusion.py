"""AnimateDiff and Text2Video-Zero at tiny width with random values: for tests, never for use."""

from pathlib import Path
from typing import Any

import torch

from customstudio.baselines.bases.animatediff_model import AnimateDiff
from customstudio.baselines.bases.text2video_zero_model import Text2VideoZero
from customstudio.baselines.bases.tiny import save_parts, tiny_parts

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
    unet = _unet(attention_head_dim=2)
    values = {n: v for n, v in model.unet.state_dict().items() if "motion_modules" not in n}
    unet.load_state_dict(values)
    return unet.eval()


def save_animatediff(model: AnimateDiff, folder: Path) -> None:
    """Write it as published: Stable Diffusion's folder, and the motion adapter's in it."""
    stable_diffusion(model).save_pretrained(folder / "unet")
    model.unet.save_motion_modules(folder / "motion_adapter")
    save_parts(model, folder)


def _unet(**options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=WIDTHS, norm_num_groups=4, cross_attention_dim=16, **options
    )
