"""Stable Video Diffusion at tiny width with random values: for tests, never for use."""

from pathlib import Path

import torch

from customstudio.baselines.bases.image_to_video import CLIP_SIDE, ImageToVideo
from customstudio.baselines.bases.spec import Provenance
from customstudio.weights.store import RANDOM_MARK

WIDTHS = (32, 32, 32, 32)
"""Its groups of 32 channels are fixed in diffusers' classes."""
SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "sigma_min": 0.002,
    "sigma_max": 700.0,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}


def tiny_svd(seed: int = 0) -> ImageToVideo:
    """A random model of the full one's topology, but for one layer a block."""
    from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNetSpatioTemporalConditionModel(
            block_out_channels=WIDTHS, num_attention_heads=2, layers_per_block=1,
            cross_attention_dim=16, addition_time_embed_dim=16,
            projection_class_embeddings_input_dim=48,
        )  # fmt: skip
        vae = AutoencoderKLTemporalDecoder(
            block_out_channels=WIDTHS, down_block_types=("DownEncoderBlock2D",) * 4
        )
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                projection_dim=16, image_size=CLIP_SIDE, patch_size=56,
            )
        )  # fmt: skip
    looks = CLIPImageProcessor()
    source = Provenance(
        base="tiny-svd", repository="none: random values", revision=None, status="random", sha256={}
    )
    mean, deviation = tuple(looks.image_mean), tuple(looks.image_std)
    return ImageToVideo(unet, vae, encoder, mean, deviation, dict(SCHEDULE), source)


def save_svd(model: ImageToVideo, folder: Path) -> None:
    """Write it as published, with the mark of random values."""
    from diffusers import EulerDiscreteScheduler
    from transformers import CLIPImageProcessor

    for name in ("unet", "vae", "image_encoder"):
        getattr(model, name).save_pretrained(folder / name)
    looks = CLIPImageProcessor(image_mean=list(model.mean), image_std=list(model.deviation))
    looks.save_pretrained(folder / "feature_extractor")
    EulerDiscreteScheduler.from_config(model.schedule).save_pretrained(folder / "scheduler")
    (folder / RANDOM_MARK).write_text(
        "Random values, for tests: nothing made with them means anything.\n"
    )
