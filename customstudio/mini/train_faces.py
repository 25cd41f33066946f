"""Train the small world's face networks: `python -m customstudio.mini.train_faces --out DIR`.

Writes `detection.onnx` and `recognition.onnx`. A run that was stopped goes on where its last
checkpoint was, with the same batches: each is drawn from the seed and the number of the step.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    normalize,
    smooth_l1_loss,
)

from customstudio.files import cache_folder, write_bytes
from customstudio.mini.face_batches import Target, album, detector_batch, recogniser_batch
from customstudio.mini.face_data import COUNTS, Labelled, labelled
from customstudio.mini.face_networks import ANCHORS, Detector, Recogniser
from customstudio.mini.face_onnx import detector_graph, recogniser_graph
from customstudio.mini.steps import Plan, train

DETECTOR = Plan("detector", steps=1200, rate=3e-3, batch=32)
RECOGNISER = Plan("recogniser", steps=1000, rate=3e-3, batch=48)
"""Its batch is of individuals, each shown twice."""
TEMPERATURE = 0.1


def detector_loss(found: list[Tensor], wanted: list[Target]) -> Tensor:
    """Focal loss of the scores, and smooth L1 of boxes and landmarks where there is a face."""
    focal, places, faces = torch.zeros(()), torch.zeros(()), 0.0
    for rows, (score, values) in zip(found, wanted, strict=True):
        truth, box = (torch.from_numpy(v) for v in (score, values))
        logits = rows[..., :ANCHORS]
        truth = truth.unsqueeze(-1).expand_as(logits)
        counted, face = truth >= 0, truth == 1
        entropy = binary_cross_entropy_with_logits(logits, truth.clamp(min=0), reduction="none")
        wrong = 1 - torch.exp(-entropy.detach())
        focal = focal + (entropy * wrong.square() * counted).sum()
        given = rows[..., ANCHORS:].reshape(*rows.shape[:-1], ANCHORS, 14)
        aim = box.unsqueeze(-2).expand_as(given)
        places = places + smooth_l1_loss(given[face], aim[face], reduction="sum", beta=0.1)
        faces += float(face.sum())
    return (focal + 0.2 * places) / max(faces, 1.0)


def recogniser_loss(embeddings: Tensor) -> Tensor:
    """Each face has to find the other one of the same individual among all others of the batch.

    Chen et al., "A Simple Framework for Contrastive Learning", ICML 2020, arXiv:2002.05709,
    equation 1.
    """
    unit = normalize(embeddings)
    likeness = unit @ unit.T / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(unit), dtype=torch.bool), -1e9)
    return cross_entropy(likeness, torch.arange(len(unit)) ^ 1)


def detector_step(sets: list[Labelled]) -> Callable[[nn.Module, np.random.Generator], Tensor]:
    """The loss of a new batch."""

    def step(network: nn.Module, rng: np.random.Generator) -> Tensor:
        pictures, wanted = detector_batch(sets, DETECTOR.batch, rng)
        return detector_loss(network(torch.from_numpy(pictures)), wanted)

    return step


def recogniser_step(sets: list[Labelled]) -> Callable[[nn.Module, np.random.Generator], Tensor]:
    """The loss of a new batch."""
    book = album(sets)

    def step(network: nn.Module, rng: np.random.Generator) -> Tensor:
        crops = recogniser_batch(book, RECOGNISER.batch, rng)
        return recogniser_loss(network(torch.from_numpy(crops)))

    return step


def main() -> None:
    """Render, train, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=cache_folder() / "mini")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    sets = [labelled(side, count, given.seed, given.cache) for side, count in COUNTS.items()]
    torch.manual_seed(given.seed)
    detector = train(Detector(), DETECTOR, detector_step(sets), given.out, given.seed)
    write_bytes(given.out / "detection.onnx", detector_graph(detector).SerializeToString())
    torch.manual_seed(given.seed)
    recogniser = train(Recogniser(), RECOGNISER, recogniser_step(sets), given.out, given.seed)
    graph = recogniser_graph(recogniser)
    write_bytes(given.out / "recognition.onnx", graph.SerializeToString())


if __name__ == "__main__":
    main()
