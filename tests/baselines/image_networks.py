"""Tiny IP-Adapters and image encoders in the published formats, with random values."""

from pathlib import Path

import torch

from customstudio.baselines.task import Task, TaskSubject
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Reference, VideoSpec
from customstudio.weights.networks import manifest
from customstudio.weights.random_adapters import AdapterSize, random_adapter, save_adapter
from customstudio.weights.store import RANDOM_MARK, Located, Store

ADAPTERS = ("ip-adapter-sd15", "ip-adapter-plus-sd15", "ip-adapter-faceid-sd15")
SIZE = AdapterSize(
    layers=(8,) * 2 + (16,) * 10 + (8,) * 3 + (16,), text=16, image=12, patch=16, face=128, rank=2,
    inner=16, queries=3,
)  # fmt: skip


def write_networks(root: Path, size: AdapterSize = SIZE) -> Path:
    """A folder of weights with all of them, marked as random."""
    for name in ADAPTERS:
        network = manifest()[name]
        (root / name).mkdir(parents=True)
        state = random_adapter(network.architecture, size, 0)
        save_adapter(state, root / name / network.files[0].name, 0)
        (root / name / RANDOM_MARK).write_text("random\n")
    write_encoder(root / "ip-adapter-image-encoder")
    return root


def write_encoder(folder: Path) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=12, initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPVisionModelWithProjection(config).save_pretrained(folder)
    (folder / RANDOM_MARK).write_text("random\n")


def tiny_clip(folder: Path, projection: int = 16) -> Path:
    """A whole CLIP with random values, saved as transformers saves one; marked as random."""
    from transformers import CLIPConfig, CLIPModel

    small = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "projection_dim": projection,
    }  # fmt: skip
    config = CLIPConfig(
        projection_dim=projection,
        text_config={**small, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={**small, "image_size": 32, "patch_size": 8},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(folder)
    (folder / RANDOM_MARK).write_text("Random values: what it sees means nothing.\n")
    return folder


def located(root: Path, *names: str) -> dict[str, Located]:
    """Networks of such a folder."""
    return Store(root).locate(names)


def mini_task(*names: str, size: int = 64) -> Task:
    """A pair of subjects of suite mini, with the first two references of each."""
    refs = data_dir("mini") / "refs"
    subjects = tuple(
        TaskSubject(
            name,
            name.rpartition("_")[2].rstrip("0123456789"),
            tuple(Reference(path=path) for path in sorted((refs / name).glob("*.png"))[:2]),
        )
        for name in names
    )
    return Task(
        "mini", "+".join(names), subjects, VideoSpec(frames=3, fps=8, width=size, height=size)
    )
