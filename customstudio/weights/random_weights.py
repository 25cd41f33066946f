"""Checkpoints of seeded random values, in the published architectures and file formats.

They prove that everything loads and runs where the published files are not to be had. Folder and
files say that they are random, and every score made with them is labelled so.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zlib import crc32

from customstudio.errors import UserError
from customstudio.files import replacing, write_bytes, write_text
from customstudio.weights.networks import Network, find, manifest
from customstudio.weights.store import RANDOM_MARK, default_directory

if TYPE_CHECKING:
    from torch import Generator, Tensor

    State = dict[str, Tensor]

MARK_TEXT = "Random values, seed {seed}: scores made with these files mean nothing.\n"


def write(to: Path, ids: Sequence[str] = (), *, toy: bool = False, seed: int = 0) -> Iterator[Path]:
    """Write random checkpoints of networks into a folder of weights; yields each file.

    Args:
        to: the folder, to be named with --weights-dir.
        ids: networks; none: the toy twins or the full-size ones, as `toy` says.
        toy: which of both, where no ids are given.
        seed: seed of the values.

    Raises:
        UserError: unknown ids, or the folder holds or is meant for published files.
    """
    networks = manifest()
    chosen = find(networks, ids) if ids else [n for n in networks.values() if n.toy == toy]
    for network in chosen:
        _refuse_published(to, network)
    for network in chosen:
        write_text(to / network.id / RANDOM_MARK, MARK_TEXT.format(seed=seed))
        yield from _WRITERS[network.kind](network, to / network.id, seed)


def random_state(module: Any, seed: int) -> "State":
    """Random values for every tensor of a module's state, scaled so that signals keep their size.

    Each tensor's values depend on the seed and its name alone.
    """
    import torch

    state = {}
    for name, value in module.state_dict().items():
        generator = torch.Generator().manual_seed(crc32(f"{seed}/{name}".encode()))
        state[name] = _values(name, value, generator)
    return state


def _values(name: str, like: "Tensor", generator: "Generator") -> "Tensor":
    import torch

    shape = tuple(like.shape)
    noise = torch.randn(shape, generator=generator)
    if not like.is_floating_point():
        return torch.zeros(shape, dtype=like.dtype)
    if name.endswith("running_var"):
        return noise.abs().mul(0.1).add(1.0)
    if len(shape) == 1 and name.endswith("weight"):  # of a normalisation
        return noise.mul(0.1).add(1.0)
    if len(shape) < 2:
        return noise.mul(0.05)
    if "embed" in name and "patch_embed" not in name:
        return noise.mul(0.5)
    return noise.mul((2.0 / like[0].numel()) ** 0.5)


def _clip(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.metrics.backbones import clip

    state = random_state(clip.build(network.architecture), seed)
    yield _save_safetensors(state, folder / network.files[0].name, seed)


def _dino(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.metrics.backbones import dino

    state = random_state(dino.build(network.architecture), seed)
    yield _save_safetensors(state, folder / network.files[0].name, seed)


def _aesthetic(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from torch import nn

    from customstudio.metrics.backbones import clip

    model = clip.build(network.architecture)
    yield _save_safetensors(random_state(model, seed), folder / network.files[0].name, seed)
    head = random_state(nn.Linear(int(model.visual.output_dim), 1), seed)
    head["bias"] += 5.0  # the middle of the published scale
    yield _save_pickle(head, folder / network.files[1].name)


def _flow(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.metrics.backbones import flow

    state = random_state(flow.build(network.architecture), seed)
    for name in ("weight", "bias"):  # twenty small steps: the flow stays within some pixels
        state[f"update_block.flow_head.conv2.{name}"] *= 0.05
    yield _save_pickle(state, folder / network.files[0].name)


def _detector(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.metrics.backbones import detector

    state = random_state(detector.build(network.architecture), seed)
    # Scores that pass the threshold now and then; 91 classes are surer than five.
    state["roi_heads.box_predictor.cls_score.weight"] *= 1.5 if network.toy else 0.12
    yield _save_pickle(state, folder / network.files[0].name)


def _faces(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.weights.random_onnx import detection, recognition

    for file, make in zip(network.files, (detection, recognition), strict=True):
        with replacing(folder / file.name) as target:
            target.write(make(toy=network.toy, seed=seed).SerializeToString())
        yield folder / file.name


def _segmenter(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    import torch
    from transformers import SamConfig, SamModel

    config = SamConfig()  # transformers' default is the base size
    with torch.device("meta"):
        model = SamModel(config)
    for file in network.files:
        if file.name == "config.json":
            write_text(folder / file.name, config.to_json_string())
            yield folder / file.name
        else:
            yield _save_safetensors(random_state(model, seed), folder / file.name, seed)


def _grounding(network: Network, folder: Path, seed: int, config: Any = None) -> Iterator[Path]:
    import torch
    from transformers import (
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
    )

    config = config or GroundingDinoConfig()  # transformers' default is the tiny size
    with torch.device("meta"):
        model = GroundingDinoForObjectDetection(config)
    state, tied = random_state(model, seed), model.all_tied_weights_keys
    state = {name: value for name, value in state.items() if name not in tied}
    _save_safetensors(state, folder / "model.safetensors", seed)
    write_text(folder / "config.json", config.to_json_string())
    with TemporaryDirectory() as saved:
        GroundingDinoImageProcessor().save_pretrained(saved)
        BertTokenizer(vocab=spelling(int(config.text_config.vocab_size))).save_pretrained(saved)
        for file in Path(saved).iterdir():
            write_bytes(folder / file.name, file.read_bytes())
    yield from (folder / file.name for file in network.files)


def spelling(size: int) -> dict[str, int]:
    """A vocabulary in BERT's layout that spells words; Grounding DINO knows its dots by number.

    >>> [spelling(30522)[token] for token in ("[CLS]", "[SEP]", ".", "?")]
    [101, 102, 1012, 1029]
    """
    ids = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012,
           "?": 1029}  # fmt: skip
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    ids |= {letter: 1030 + 2 * index for index, letter in enumerate(letters)}
    ids |= {f"##{letter}": 1031 + 2 * index for index, letter in enumerate(letters)}
    tokens = {index: token for token, index in ids.items()}
    return {tokens.get(index, f"[unused{index}]"): index for index in range(size)}


def _image_encoder(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.baselines.image_encoder import without_values

    model = without_values(network.architecture)
    for file in network.files:
        if file.name == "config.json":
            write_text(folder / file.name, model.config.to_json_string())
            yield folder / file.name
        else:
            yield _save_safetensors(random_state(model, seed), folder / file.name, seed)


def _image_adapter(network: Network, folder: Path, seed: int) -> Iterator[Path]:
    from customstudio.weights.random_adapters import AdapterSize, random_adapter, save_adapter

    path = folder / network.files[0].name
    save_adapter(random_adapter(network.architecture, AdapterSize(), seed), path, seed)
    yield path


_WRITERS: dict[str, Callable[[Network, Path, int], Iterator[Path]]] = {
    "clip": _clip,
    "dino": _dino,
    "aesthetic": _aesthetic,
    "flow": _flow,
    "detector": _detector,
    "faces": _faces,
    "segmenter": _segmenter,
    "grounding": _grounding,
    "image_encoder": _image_encoder,
    "image_adapter": _image_adapter,
}


def _save_safetensors(state: "State", path: Path, seed: int) -> Path:
    from safetensors.torch import save

    write_bytes(path, save(state, metadata={"random": f"seed {seed}"}))
    return path


def _save_pickle(state: "State", path: Path) -> Path:
    import torch

    with replacing(path) as target:
        torch.save(state, target)
    return path


def _refuse_published(to: Path, network: Network) -> None:
    if not network.toy and to.resolve() == default_directory().resolve():
        raise UserError(
            "the default folder is for published weights", where=str(to), fix="name another --to"
        )
    folder = to / network.id
    if (
        any((folder / f.name).exists() for f in network.files)
        and not (folder / RANDOM_MARK).exists()
    ):
        raise UserError(
            f"this folder holds files of {network.id} that are not random",
            where=str(folder),
            fix="name another folder with --to",
        )
