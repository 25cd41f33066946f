"""Wan VACE at tiny width with random values: for tests, never for use."""

import json
from pathlib import Path
from typing import Any

import torch

from customstudio.baselines.bases.spec import Provenance
from customstudio.baselines.bases.wan_vace_model import WanVace
from customstudio.suites.schema import VideoSpec
from customstudio.weights.store import RANDOM_MARK

SCHEDULE = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
"""What the published configuration says otherwise than the class."""


def tiny_wan_vace(seed: int = 0) -> WanVace:
    """A random model: 16 pixels a side, and 4 frames, of the latents that it attends to.

    VACE's blocks add to Wan's through projections that training starts at zero and diffusers does
    not; here they are wide, so that a reference shows in eight bits.
    """
    from diffusers import AutoencoderKLWan, WanVACETransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = WanVACETransformer3DModel(
            num_attention_heads=2, attention_head_dim=12, ffn_dim=32, num_layers=4,
            vace_layers=[0, 2], text_dim=16, freq_dim=16, rope_max_seq_len=64,
        )  # fmt: skip
        vae = AutoencoderKLWan(base_dim=4, num_res_blocks=1)
        # The published encoder is not tied either, as far as its configuration says.
        text = UMT5EncoderModel(
            UMT5Config(
                vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
                tie_word_embeddings=False,
            )
        )  # fmt: skip
        for name, parameter in transformer.named_parameters():
            if "vace_blocks" in name and "proj_out" in name:
                torch.nn.init.normal_(parameter, std=0.5)
    return WanVace(
        transformer, vae, text, tokenizer, dict(SCHEDULE),
        video=VideoSpec(frames=17, fps=16.0, width=64, height=32),
        provenance=Provenance(
            base="tiny-wan-vace", repository="none: random values", revision=None,
            status="random", sha256={},
        ),
    )  # fmt: skip


def save_wan_vace(model: WanVace, folder: Path) -> None:
    """Write it as published, each network in one file, with the mark of random values."""
    for name, network in model.networks.items():
        network.save_pretrained(folder / name)  # type: ignore[operator]
    model.tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "scheduler").mkdir()
    schedule = {"_class_name": "UniPCMultistepScheduler", **model.schedule}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    (folder / RANDOM_MARK).write_text(
        "Random values, for tests: nothing made with them means anything.\n"
    )


def _tokenizer() -> Any:
    """Letters alone, with the mark of a word's beginning."""
    from transformers import T5TokenizerFast

    pieces = ["<pad>", "</s>", "<unk>", "▁", *map(chr, range(33, 127))]
    return T5TokenizerFast(vocab=[(piece, -float(n > 2)) for n, piece in enumerate(pieces)],
                           extra_ids=0)  # fmt: skip
