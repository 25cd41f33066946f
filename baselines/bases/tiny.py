"""The topology of zeroscope at tiny width with random values: for tests, never for use.

Everything is diffusers' and transformers' own; only widths and depths differ. Videos made with it
are noise, its provenance says `random`, and so does a folder it is saved to.
"""

import json
from pathlib import Path
from typing import Any

import torch

from customstudio.baselines.bases.image_encoder import ImageEncoder
from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.weights.store import RANDOM_MARK

SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}


def tiny(seed: int = 0) -> VideoModel:
    """A random model: 66 attention layers as the full one, 8 pixels a latent, text of 16 numbers.

    The temporal convolutions, which diffusers starts at zero, get values, so that frames depend on
    one another; the values come from one seeded CPU generator.
    """
    from diffusers import UNet3DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet3DConditionModel(
            block_out_channels=(8, 16, 16, 16), cross_attention_dim=16, attention_head_dim=4,
            norm_num_groups=4,
        )  # fmt: skip
        parts = tiny_parts()
        for name, parameter in unet.named_parameters():
            if "temp_convs" in name and "conv4" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    return VideoModel(unet, **parts)


def tiny_parts(base: str = "tiny") -> dict[str, Any]:
    """All but a UNet, random: VAE, text encoder, tokenizer of bytes, schedule, provenance.

    Args:
        base: the id in the provenance, by which class images are cached.
    """
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel

    vae = AutoencoderKL(
        block_out_channels=(4, 8, 8, 8), norm_num_groups=4, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    tokenizer = _tokenizer()
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32,
            num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    provenance = Provenance(
        base=base, repository="none: random values", revision=None, status="random", sha256={}
    )
    return {
        "vae": vae, "text_encoder": text, "tokenizer": tokenizer, "schedule": dict(SCHEDULE),
        "provenance": provenance,
    }  # fmt: skip


def tiny_image_encoder(seed: int = 0) -> ImageEncoder:
    """CLIP's image encoder with features of 16 numbers, random."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=16,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CLIPVisionModelWithProjection(config)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return ImageEncoder(network, torch.device("cpu"))


def save(model: VideoModel, folder: Path) -> None:
    """Write a model as a diffusers folder that says of itself that its values are random."""
    model.unet.save_pretrained(folder / "unet")
    save_parts(model, folder)


def save_parts(model: VideoModel, folder: Path) -> None:
    """Write all but the UNet, and the mark."""
    for name in ("vae", "text_encoder", "tokenizer"):
        getattr(model, name).save_pretrained(folder / name)
    schedule = {"_class_name": "DDIMScheduler", **model.schedule}
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    (folder / RANDOM_MARK).write_text(
        "Random values, for tests: nothing made with them means anything.\n"
    )


def _tokenizer() -> Any:
    """Bytes alone, each with and without the mark of a word's end."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    symbols = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    return CLIPTokenizer(
        vocab={symbol: index for index, symbol in enumerate(symbols)},
        merges=[],
        model_max_length=77,
    )
